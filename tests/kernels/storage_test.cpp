// The laws of storage: packed weights stored in the bits of the weights come back word for word, on the host and on the device.
#include <bit>

#include "kernels/kernel.h"
#include "kernels/storage/deposit.h"
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
                    seen += expect_round_trips(
                        find_kernel(kernel),
                        layer,
                        std::string(kernel) + " " + shape + " " + to_string(bits));
                }
            }
        }
    }
    EXPECT_GT(seen, 5000);
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

void expect_equal_on_the_device(const IntegerNetwork& network,
                                const std::string& kernel,
                                std::optional<std::uint64_t> arena_limit,
                                int calls) {
    const std::vector<std::uint8_t> input = random_input(network.layers[0], 3);
    const StoredRun run = run_stored(network, kernel, input, arena_limit);
    const FirmwareLayer& layer = run.firmware.layers[0];
    const std::string what =
        kernel + " " + to_string(layer.layer.shape) + " " + to_string(layer.layer.precision);
    EXPECT_EQ(layer.stored->calls(), calls) << what;
    if (network.layers.size() == 1) {
        EXPECT_EQ(run.bytes, expected_bytes(network, input)) << what;
        EXPECT_EQ(run.expanded, last_packed(layer)) << what;
    } else {
        const std::vector<std::int32_t> sums = reference_logits(network, input);
        EXPECT_EQ(std::memcmp(run.bytes.data(), sums.data(), run.bytes.size()), 0) << what;
    }
    traces::Counts promised;
    for (int call = 0; call < calls; ++call) promised += layer.expansion->counts;
    EXPECT_EQ(run.counted, promised) << what;
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
