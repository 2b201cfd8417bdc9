// The laws of storage: packed weights stored in the bits of the weights come back word for word, on the host and on the device.
#include <bit>

#include "kernels/kernel.h"
#include "kernels/storage/deposit.h"
#include "kernels/storage/stored.h"
#include "tests/kernels/kernel_run.h"

namespace mixq::kernels::storage {

namespace {

constexpr WeightKind kKinds[] = {WeightKind::Uniform,
                                 WeightKind::BellShaped,
                                 WeightKind::AllMinimum,
                                 WeightKind::AllMaximum,
                                 WeightKind::Alternating};
constexpr const char* kKernels[] = {"rp-conv", "dual-gemm", "smlad-gemm"};
// Odd channels, strides, kernels of one to five columns, groups of output channels that overlap, one pixel.
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

TEST(Deposit, LeavesNoBitOfAStoredWordUnusedButInTheLast) {
    const std::vector<std::uint32_t> masks{
        0x0f00'f00f, 0x0f00'f00f, 0x1f1f'1f1f, 0xffff'ffff, 0x1f1f'1f1f, 0x0000'0fff, 0, 1, 0x1f1f'1f1f};
    const Deposit made = deposit(masks);
    std::vector<std::uint32_t> used(static_cast<std::size_t>(made.sources), 0);
    std::vector<std::uint32_t> covered(masks.size(), 0);
    for (const Piece& piece : made.pieces) {
        const std::uint32_t there = std::rotl(piece.bits, piece.rotate);
        EXPECT_EQ(used[static_cast<std::size_t>(piece.source)] & there, 0u);
        EXPECT_EQ(covered[static_cast<std::size_t>(piece.word)] & piece.bits, 0u);
        used[static_cast<std::size_t>(piece.source)] |= there;
        covered[static_cast<std::size_t>(piece.word)] |= piece.bits;
    }
    EXPECT_EQ(covered, masks);
    int bits = 0;
    for (const std::uint32_t mask : masks) bits += std::popcount(mask);
    EXPECT_EQ(made.sources, (bits + 31) / 32);
}

// Every packing that fits, not only the one that is taken.
int expect_round_trips(const Kernel& kernel, const IntegerLayer& layer, const std::string& what) {
    int seen = 0;
    for (const Candidate& candidate : kernel.candidates(layer)) {
        const PackedLayer packed = candidate.pack();
        EXPECT_TRUE(packed.structure.has_value()) << what << " " << candidate.descriptor;
        if (!packed.structure) continue;
        const Plan plan = plan_of(*packed.structure);
        const std::vector<std::uint8_t> stored = store(plan, packed.weights);
        EXPECT_EQ(expanded(plan, stored), packed.weights) << what << " " << candidate.descriptor;
        EXPECT_EQ(stored.size(),
                  stored_bytes(plan.unit) * static_cast<std::size_t>(plan.units) +
                      stored_bytes(plan.tail));
        ++seen;
    }
    return seen;
}

TEST(StoredWeights, ComeBackWordForWordOnTheHostForAllPairsAndPackings) {
    int seen = 0;
    for (const char* kernel : kKernels) {
        for (const char* shape : kShapes) {
            for (const traces::Precision bits : traces::all_precisions()) {
                for (const WeightKind kind : kKinds) {
                    const IntegerLayer layer =
                        random_layer(traces::parse_layer(shape), bits, kind, 5).layers[0];
                    seen += expect_round_trips(find_kernel(kernel),
                                               layer,
                                               std::string(kernel) + " " + shape + " " +
                                                   to_string(bits));
                }
            }
        }
    }
    EXPECT_GT(seen, 5000);
}

TEST(StoredWeights, AWordThatIsNotOfTheStructureIsRefused) {
    const IntegerLayer layer = random_layer(traces::parse_layer("conv3x3:8x8@6x6"),
                                            {4, 4},
                                            WeightKind::Uniform,
                                            5)
                                   .layers[0];
    PackedLayer packed = find_kernel("rp-conv").candidates(layer).front().pack();
    const Plan plan = plan_of(*packed.structure);
    packed.weights[packed.weights.size() - 1] ^= 1;  // of the zeros at the end
    EXPECT_THROW(store(plan, packed.weights), std::logic_error);
    packed.weights.resize(packed.weights.size() - 4);
    EXPECT_THROW(store(plan, packed.weights), std::logic_error);
}

}  // namespace

}  // namespace mixq::kernels::storage
