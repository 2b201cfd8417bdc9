// The laws of storage: packed weights stored in the bits of the weights come back word for word, on the host and on the device.
#include <bit>

#include "kernels/storage/deposit.h"
#include "kernels/storage/stored.h"
#include "tests/kernels/stored_run.h"

namespace mixq::kernels::storage {

namespace {

TEST(Deposit, LeavesNoBitOfAStoredWordUnusedButInTheLast) {
    const std::vector<std::uint32_t> masks{0x0f00'f00f,
                                           0x0f00'f00f,
                                           0x1f1f'1f1f,
                                           0xffff'ffff,
                                           0x1f1f'1f1f,
                                           0x0000'0fff,
                                           0,
                                           1,
                                           0x1f1f'1f1f};
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

TEST(StoredWeights, OfEveryPackingComeBackWordForWordOnTheHost) {
    for (const auto& [kernel, shape] : {std::pair{"rp-conv", "conv3x3:70x3@3x5"},
                                        std::pair{"rp-conv", "conv5x5:3x2@6x9s2"},
                                        std::pair{"dual-gemm", "conv1x1:64x7@4x4"},
                                        std::pair{"smlad-gemm", "fc:131x13"}}) {
        for (const traces::Precision bits : {traces::Precision{2, 2}, {4, 4}, {5, 3}, {3, 8}}) {
            for (const WeightKind kind : {WeightKind::BellShaped, WeightKind::AllMinimum}) {
                const IntegerLayer layer =
                    random_layer(traces::parse_layer(shape), bits, kind, 5).layers[0];
                expect_round_trips(find_kernel(kernel), layer);
            }
        }
    }
}

// 4 bits of a weight, and per filter 16 bytes of constants beside 3 times 12 bits and what is left of words.
TEST(StoredWeights, TakeLittleMoreThanTheBitsOfTheWeights) {
    const IntegerLayer layer =
        random_layer(traces::parse_layer("conv3x3:32x32@16x16"), {4, 4}, WeightKind::BellShaped, 1)
            .layers[0];
    const PackedLayer packed = find_kernel("rp-conv").candidates(layer).front().pack();
    const Plan plan = plan_of(*packed.structure);
    const std::size_t weights = layer.weights.size() / 2;
    EXPECT_LE(store(plan, packed.weights).size(), weights + 32 * (16 + 3 * 4));
    EXPECT_GT(packed.weights.size(), 3 * weights);
}

TEST(StoredWeights, AWordThatIsNotOfTheStructureIsRefused) {
    const IntegerLayer layer =
        random_layer(traces::parse_layer("conv3x3:8x8@6x6"), {4, 4}, WeightKind::Uniform, 5)
            .layers[0];
    PackedLayer packed = find_kernel("rp-conv").candidates(layer).front().pack();
    const Plan plan = plan_of(*packed.structure);
    packed.weights[packed.weights.size() - 1] ^= 1;  // of the zeros at the end
    EXPECT_THROW(store(plan, packed.weights), std::logic_error);
    packed.weights.resize(packed.weights.size() - 4);
    EXPECT_THROW(store(plan, packed.weights), std::logic_error);
}

IntegerNetwork network_of(const char* shape, traces::Precision bits, WeightKind kind) {
    return random_layer(traces::parse_layer(shape), bits, kind, 5);
}

TEST(StoredWeights, ComeBackWordForWordOnTheDevice) {
    expect_equal_on_the_device(
        network_of("conv3x3:19x5@5x7", {4, 4}, WeightKind::Uniform), "rp-conv", {}, 1);
    expect_equal_on_the_device(
        with_sums(network_of("conv3x3:4x5@6x8s2", {3, 5}, WeightKind::AllMinimum)),
        "rp-conv",
        {},
        1);
    expect_equal_on_the_device(
        network_of("conv1x1:37x11@3x5", {5, 3}, WeightKind::Alternating), "smlad-gemm", {}, 1);
    expect_equal_on_the_device(
        network_of("fc:131x13", {4, 4}, WeightKind::BellShaped), "dual-gemm", {}, 1);
}

// As much as the network takes with its weights in bytes, and so much for a part of them.
std::uint64_t arena_with(const IntegerNetwork& network, const std::string& kernel, double part) {
    const PackedLayer packed = find_kernel(kernel).pack(network.layers[0]);
    const IntegerLayer& layer = network.layers[0];
    return static_cast<std::uint64_t>(static_cast<double>(layer.shape.input_elements() +
                                                          layer.shape.output_elements() +
                                                          packed.scratch_bytes) +
                                      part * static_cast<double>(packed.weights.size()) + 64);
}

TEST(StoredWeights, AreExpandedPartByPartWhereRamIsShort) {
    for (const bool interleaved : {false, true}) {
        // dual-gemm makes 12 channels at once: 22 are two groups, of which two channels are in both.
        for (const auto& [kernel, part, calls] :
             {std::tuple{"rp-conv", 0.4, 3}, std::tuple{"dual-gemm", 0.6, 2}}) {
            IntegerNetwork network =
                network_of("conv3x3:20x22@5x7", {4, 4}, WeightKind::BellShaped);
            const std::uint64_t limit = arena_with(network, kernel, part);
            if (interleaved) network = with_interleaved_reader(network);
            expect_equal_on_the_device(network, kernel, limit, calls);
        }
    }
    // Sums: three more bytes an output.
    const IntegerNetwork network =
        with_sums(network_of("conv3x3:20x22@5x7", {4, 4}, WeightKind::BellShaped));
    expect_equal_on_the_device(
        network, "rp-conv", arena_with(network, "rp-conv", 0.4) + 3 * 22 * 35, 3);
}

TEST(StoredWeights, ThatNoPartOfFitsAreRefusedWithTheSizes) {
    const IntegerNetwork network = network_of("conv3x3:64x4@6x6", {4, 4}, WeightKind::Uniform);
    try {
        run_stored(network,
                   "rp-conv",
                   random_input(network.layers[0], 3),
                   arena_with(network, "rp-conv", 0));
        FAIL() << "not refused";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("smallest part"), std::string::npos)
            << error.what();
    }
}

TEST(StoredWeights, OfKernelsWithoutFieldsAreRefusedWithTheReason) {
    const IntegerNetwork network = network_of("dw3x3:8@6x6", {4, 4}, WeightKind::Uniform);
    try {
        run_stored(network, "packed-dw", random_input(network.layers[0], 3), {});
        FAIL() << "not refused";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("packed-dw"), std::string::npos) << error.what();
    }
}

}  // namespace

}  // namespace mixq::kernels::storage
