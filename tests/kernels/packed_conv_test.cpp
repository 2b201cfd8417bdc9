// The laws of rp-conv: its packings compute the reference on the host and in the simulator, whatever fills the fields.
#include "kernels/packed_conv/plan.h"
#include "kernels/reference/reference.h"
#include "tests/kernels/kernel_run.h"

namespace mixq::kernels::packed_conv {

namespace {

constexpr WeightKind kKinds[] = {WeightKind::Uniform,
                                 WeightKind::BellShaped,
                                 WeightKind::AllMinimum,
                                 WeightKind::AllMaximum,
                                 WeightKind::Alternating};

// Strides, kernels of one to five columns, no padding to full padding, odd everything, one pixel.
constexpr const char* kShapes[] = {"conv3x3:5x2@5x7",
                                   "conv3x3:9x2@4x16p0",
                                   "conv3x3:3x2@1x1",
                                   "conv3x3:4x2@5x9s2",
                                   "conv5x5:3x2@6x9",
                                   "conv1x3:6x2@2x11",
                                   "conv3x1:6x2@5x6",
                                   "conv2x4:3x1@5x8p1"};

IntegerLayer layer_of(const char* shape, traces::Precision bits, WeightKind weights) {
    return random_layer(traces::parse_layer(shape), bits, weights, 3).layers[0];
}

TEST(PackedConvolution, EveryPlanComputesTheReferenceOnTheHost) {
    int plans_seen = 0;
    for (const char* shape : kShapes) {
        for (const traces::Precision bits : traces::all_precisions()) {
            for (const WeightKind kind : kKinds) {
                const IntegerLayer layer = layer_of(shape, bits, kind);
                for (const auto& input : {full_input(layer), random_input(layer, 9)}) {
                    const auto expected = reference_accumulate(layer, input);
                    for (const Plan& plan : plans(layer)) {
                        prove(layer, plan);
                        const auto blob = pack_weights(layer, plan, finish_of(layer, plan));
                        ASSERT_EQ(accumulate(plan, blob, input), expected)
                            << shape << " " << to_string(bits) << " " << plan.descriptor();
                        ++plans_seen;
                    }
                }
            }
        }
    }
    EXPECT_GT(plans_seen, 1000);
}

class PackedConvolutionRun : public testing::TestWithParam<std::string> {};

TEST_P(PackedConvolutionRun, EqualsTheReferenceInTheSimulator) {
    const traces::Precision bits = traces::parse_precision(GetParam());
    int ran = 0;
    for (const char* shape : kShapes) {
        for (const WeightKind kind : {WeightKind::Uniform, WeightKind::AllMinimum}) {
            IntegerNetwork network = random_layer(traces::parse_layer(shape), bits, kind, 4);
            if (find_kernel("rp-conv").refuses(network.layers[0].shape, bits)) continue;
            if (kind != WeightKind::Uniform) network = with_sums(network);
            const IntegerLayer& layer = network.layers[0];
            const auto input =
                kind == WeightKind::Uniform ? random_input(layer, 6) : full_input(layer);
            EXPECT_EQ(simulated_bytes(network, "rp-conv", input), expected_bytes(network, input))
                << shape << " weights " << static_cast<int>(kind);
            ++ran;
        }
    }
    if (ran == 0) GTEST_SKIP() << "rp-conv guarantees nothing at " << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Bits,
                         PackedConvolutionRun,
                         testing::Values("w2a2", "w3a3", "w4a4", "w4a5", "w5a4", "w2a8"));

}  // namespace

}  // namespace mixq::kernels::packed_conv
