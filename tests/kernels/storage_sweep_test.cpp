// Stored weights of all pairs and kinds of weights, on the host and on the device.
#include "kernels/storage/stored.h"
#include "tests/kernels/stored_run.h"

namespace mixq::kernels::storage {

namespace {

constexpr WeightKind kKinds[] = {WeightKind::Uniform,
                                 WeightKind::BellShaped,
                                 WeightKind::AllMinimum,
                                 WeightKind::AllMaximum,
                                 WeightKind::Alternating};
constexpr const char* kKernels[] = {"rp-conv", "dual-gemm", "smlad-gemm"};
// Odd channels, strides, kernels of one to five columns, groups of output channels that overlap, loops and what is left of them.
constexpr const char* kShapes[] = {"conv3x3:5x3@5x7",
                                   "conv3x3:19x2@4x16",
                                   "conv3x3:4x5@6x8s2",
                                   "conv5x5:3x2@6x9",
                                   "conv5x5:2x2@8x11s3",
                                   "conv1x3:6x2@2x11",
                                   "conv1x1:37x11@3x5",
                                   "conv1x1:64x6@4x4",
                                   "fc:131x13",
                                   "fc:7x3"};

TEST(StoredWeightsSweep, ComeBackWordForWordOnTheHostForAllPairsAndPackings) {
    int seen = 0;
    for (const char* kernel : kKernels) {
        for (const char* shape : kShapes) {
            for (const traces::Precision bits : traces::all_precisions()) {
                for (const WeightKind kind : kKinds) {
                    const IntegerLayer layer =
                        random_layer(traces::parse_layer(shape), bits, kind, 5).layers[0];
                    seen += expect_round_trips(find_kernel(kernel), layer);
                }
            }
        }
    }
    EXPECT_GT(seen, 5000);
}

// One shape for the kernels that have rows to pack and one for the others; every pair with another kind of weights.
TEST(StoredWeightsSweep, ComeBackWordForWordOnTheDeviceForAllPairs) {
    std::size_t next = 0;
    int seen = 0;
    for (const auto& [kernel, shape] : {std::pair{"rp-conv", "conv3x3:19x5@4x7"},
                                        std::pair{"dual-gemm", "conv1x1:37x11@3x5"},
                                        std::pair{"smlad-gemm", "fc:131x13"}}) {
        for (const traces::Precision bits : traces::all_precisions()) {
            const WeightKind kind = kKinds[next++ % std::size(kKinds)];
            const IntegerNetwork network = random_layer(traces::parse_layer(shape), bits, kind, 5);
            if (refusal(kernel, network.layers[0])) continue;
            expect_equal_on_the_device(network, kernel, {}, 1);
            ++seen;
        }
    }
    EXPECT_GE(seen, 2 * 49);
}

}  // namespace

}  // namespace mixq::kernels::storage
