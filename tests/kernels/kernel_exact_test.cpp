// Every kernel equals the reference, byte for byte, in the simulator: over layer shapes by class, over bits, over the weights
// that fill a packed field to its brim.
#include "tests/kernels/kernel_run.h"

namespace mixq::kernels {

namespace {

// One map pixel, odd channels, widths that are no multiple of a word, borders, no padding, stride 2, one row.
constexpr const char* kShapes[] = {
    "conv3x3:3x5@5x7",
    "conv3x3:8x4@6x8",
    "conv3x3:5x3@1x1",
    "conv3x3:9x6@7x6p0",
    "conv3x3:4x6@7x9s2",
    "conv1x1:5x7@3x5",
    "conv1x1:20x8@4x4",
    "fc:21x6",
    "dw3x3:5@6x6",
};

constexpr WeightKind kWeights[] = {
    WeightKind::Uniform, WeightKind::AllMinimum, WeightKind::Alternating, WeightKind::AllMaximum};

struct ExactCase {
    std::string kernel;
    std::string bits;
};

void PrintTo(const ExactCase& value, std::ostream* out) {
    *out << value.kernel << " " << value.bits;
}

class KernelExact : public testing::TestWithParam<ExactCase> {};

// Sums show every accumulator, at inputs that are all as large as they can be; requantised bytes show the way to the output.
TEST_P(KernelExact, EqualsTheReferenceOnEveryClassOfShape) {
    const auto& [kernel, bits_text] = GetParam();
    const traces::Precision bits = traces::parse_precision(bits_text);
    int ran = 0;
    for (std::size_t i = 0; i < std::size(kShapes); ++i) {
        const traces::Layer shape = traces::parse_layer(kShapes[i]);
        if (find_kernel(kernel).refuses(shape, bits)) continue;
        const WeightKind weights = kWeights[(i + static_cast<std::size_t>(bits.weight_bits)) % 4];
        IntegerNetwork network = random_layer(shape, bits, weights, i);
        const bool sums = weights != WeightKind::Uniform;
        if (sums) network = with_sums(network);
        const IntegerLayer& layer = network.layers[0];
        const auto input = sums ? full_input(layer) : random_input(layer, i + 100);
        EXPECT_EQ(simulated_bytes(network, kernel, input), expected_bytes(network, input))
            << kShapes[i] << " weights " << static_cast<int>(weights);
        ++ran;
    }
    if (ran == 0) GTEST_SKIP() << kernel << " runs no layer at " << bits_text;
}

std::vector<ExactCase> exact_cases() {
    std::vector<ExactCase> cases;
    for (const Kernel* kernel : all_kernels()) {
        for (const char* bits : {"w2a2", "w3a3", "w4a4", "w8a8"}) {
            cases.push_back({std::string(kernel->name()), bits});
        }
    }
    return cases;
}

std::string case_name(const testing::TestParamInfo<ExactCase>& info) {
    std::string name;
    for (const char c : info.param.kernel + "_" + info.param.bits) {
        name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, KernelExact, testing::ValuesIn(exact_cases()), case_name);

}  // namespace

}  // namespace mixq::kernels
