// Every kernel at every one of the 49 bit pairs it takes, on the weights and inputs that reach furthest.
#include "tests/kernels/kernel_run.h"

namespace mixq::kernels {

namespace {

class KernelSweep : public testing::TestWithParam<std::string> {};

TEST_P(KernelSweep, EqualsTheReferenceAtEveryPairOfBits) {
    for (const char* text : {"conv3x3:5x2@3x5", "conv1x1:18x4@1x5"}) {
        const traces::Layer shape = traces::parse_layer(text);
        for (const traces::Precision bits : traces::all_precisions()) {
            if (find_kernel(GetParam()).refuses(shape, bits)) continue;
            const auto weights =
                bits.activation_bits % 2 == 0 ? WeightKind::AllMinimum : WeightKind::Alternating;
            const IntegerNetwork network = with_sums(random_layer(shape, bits, weights, 7));
            const auto input = full_input(network.layers[0]);
            EXPECT_EQ(simulated_bytes(network, GetParam(), input), expected_bytes(network, input))
                << text << " " << to_string(bits);
        }
    }
}

std::vector<std::string> kernel_names() {
    std::vector<std::string> names;
    for (const Kernel* kernel : all_kernels()) names.emplace_back(kernel->name());
    return names;
}

std::string case_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, KernelSweep, testing::ValuesIn(kernel_names()), case_name);

}  // namespace

}  // namespace mixq::kernels
