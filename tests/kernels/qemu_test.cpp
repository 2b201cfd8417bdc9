// Kernels and whole networks in QEMU, an emulator that shares nothing with ours: the same bytes as
// the reference.
#include <cstring>

#include "kernels/kernel.h"
#include "kernels/network/toolchain.h"
#include "kernels/reference/reference.h"
#include "tests/kernels/firmware_test.h"

namespace mixq::kernels {

namespace {

// Skips the calling test where QEMU is missing.
#define MIXQ_NEED_QEMU()                                                             \
    if (!find_program("qemu-system-arm")) {                                          \
        GTEST_SKIP() << "qemu-system-arm is not installed: install qemu-system-arm"; \
    }

std::vector<std::uint8_t> run(const IntegerNetwork& network,
                              const std::string& kernel,
                              const std::vector<std::uint8_t>& input) {
    const Folder folder;
    BuildOptions options;
    options.directory = folder.path();
    options.target = Target::Mps2An500;
    options.kernel = kernel;
    options.input = input;
    const Firmware firmware = build_firmware(network, options);
    const auto result = run_in_qemu(firmware.elf);
    EXPECT_FALSE(result->timed_out);
    EXPECT_EQ(result->exit_code, 0) << result->errors;
    return printed_output(result->output);
}

struct KernelCase {
    std::string kernel;
    std::string layer;
    std::string bits;
};

void PrintTo(const KernelCase& value, std::ostream* out) {
    *out << value.kernel << " " << value.layer << " " << value.bits;
}

class QemuKernel : public testing::TestWithParam<KernelCase> {};

TEST_P(QemuKernel, EqualsTheReference) {
    MIXQ_NEED_QEMU();
    const auto& [kernel, shape_text, bits_text] = GetParam();
    const IntegerNetwork network = random_layer(traces::parse_layer(shape_text),
                                                traces::parse_precision(bits_text),
                                                WeightKind::BellShaped,
                                                11);
    const std::vector<std::uint8_t> input = random_input(network.layers[0], 12);
    EXPECT_EQ(run(network, kernel, input), reference_layer(network.layers[0], input));
}

// Every kernel on what it does not refuse.
std::vector<KernelCase> kernel_cases() {
    std::vector<KernelCase> cases;
    for (const Kernel* kernel : all_kernels()) {
        for (const char* layer : {"conv3x3:8x8@6x6", "conv1x1:16x12@5x5", "conv3x3:4x6@7x9s2"}) {
            for (const char* bits : {"w2a2", "w3a3", "w4a4", "w8a8"}) {
                if (!kernel->refuses(traces::parse_layer(layer), traces::parse_precision(bits))) {
                    cases.push_back({std::string(kernel->name()), layer, bits});
                }
            }
        }
    }
    return cases;
}

std::string case_name(const testing::TestParamInfo<KernelCase>& info) {
    std::string name;
    for (const char c : info.param.kernel + "_" + info.param.layer + "_" + info.param.bits) {
        name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, QemuKernel, testing::ValuesIn(kernel_cases()), case_name);

// Weights, and perhaps activations, in bits.
void expect_logits_of_bits(std::vector<Storage> activations) {
    const IntegerNetwork network = small_network();
    const Folder folder;
    BuildOptions options;
    options.directory = folder.path();
    options.target = Target::Mps2An500;
    options.choose = [](const IntegerLayer& layer) -> Choice {
        if (layer.shape.kernel_height > 1) return {"rp-conv", ""};
        return {layer.output_bits == 0 ? "smlad-gemm" : "dual-gemm", ""};
    };
    options.storage.assign(network.layers.size(), Storage::Bits);
    options.activations = std::move(activations);
    options.input = random_input(network.layers[0], 5);
    const Firmware firmware = build_firmware(network, options);
    const auto result = run_in_qemu(firmware.elf);
    EXPECT_EQ(result->exit_code, 0) << result->errors;
    const std::vector<std::uint8_t> bytes = printed_output(result->output);
    std::vector<std::int32_t> logits(bytes.size() / 4);
    std::memcpy(logits.data(), bytes.data(), logits.size() * 4);
    EXPECT_EQ(logits, reference_logits(network, options.input));
}

TEST(QemuNetwork, WeightsStoredInBitsGiveTheSameLogits) {
    MIXQ_NEED_QEMU();
    expect_logits_of_bits({});
}

TEST(QemuNetwork, ActivationsInBitsGiveTheSameLogits) {
    MIXQ_NEED_QEMU();
    expect_logits_of_bits(std::vector<Storage>(5, Storage::Bits));
}

TEST(QemuNetwork, LogitsEqualTheReference) {
    MIXQ_NEED_QEMU();
    const IntegerNetwork network = small_network();
    const std::vector<std::uint8_t> input = random_input(network.layers[0], 5);
    for (const char* kernel : {"naive", "best"}) {
        const std::vector<std::uint8_t> bytes = run(network, kernel, input);
        std::vector<std::int32_t> logits(bytes.size() / 4);
        std::memcpy(logits.data(), bytes.data(), logits.size() * 4);
        EXPECT_EQ(logits, reference_logits(network, input)) << kernel;
    }
}

}  // namespace

}  // namespace mixq::kernels
