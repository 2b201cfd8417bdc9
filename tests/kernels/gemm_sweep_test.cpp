// The generated matrix products at every one of the 49 pairs of bits, in the simulator.
#include "tests/kernels/kernel_run.h"

namespace mixq::kernels {

namespace {

class GemmSweep : public testing::TestWithParam<std::string> {};

TEST_P(GemmSweep, EqualsTheReferenceAtEveryPairOfBits) {
    constexpr WeightKind kKinds[] = {WeightKind::Uniform,
                                     WeightKind::BellShaped,
                                     WeightKind::AllMinimum,
                                     WeightKind::Alternating};
    std::uint64_t seed = 0;
    for (const char* text : {"conv1x1:36x6@5x4", "conv3x3:3x5@4x6", "fc:70x20"}) {
        const traces::Layer shape = traces::parse_layer(text);
        for (const traces::Precision bits : traces::all_precisions()) {
            const WeightKind weights = kKinds[++seed % 4];
            IntegerNetwork network = random_layer(shape, bits, weights, seed);
            if (find_kernel(GetParam()).refuses(shape, bits)) continue;
            const auto input = seed % 2 == 0 ? full_input(network.layers[0])
                                             : random_input(network.layers[0], seed);
            // Sums show every accumulator, bytes the way to the output.
            if (seed % 3 == 0) network = with_sums(network);
            EXPECT_EQ(simulated_bytes(network, GetParam(), input), expected_bytes(network, input))
                << text << " " << to_string(bits);
        }
    }
}

std::string case_name(const testing::TestParamInfo<std::string>& param) {
    return param.param == "dual-gemm" ? "dual" : "int8";
}

INSTANTIATE_TEST_SUITE_P(All, GemmSweep, testing::Values("dual-gemm", "smlad-gemm"), case_name);

}  // namespace

}  // namespace mixq::kernels
