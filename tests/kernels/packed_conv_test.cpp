// The laws of rp-conv: its packings compute the reference on the host and in the simulator, whatever fills the fields.
#include <array>

#include "kernels/packed_conv/plan.h"
#include "kernels/packed_conv/weights.h"
#include "kernels/reference/reference.h"
#include "tests/kernels/kernel_run.h"

namespace mixq::kernels::packed_conv {

namespace {

constexpr WeightKind kKinds[] = {WeightKind::Uniform,
                                 WeightKind::BellShaped,
                                 WeightKind::AllMinimum,
                                 WeightKind::AllMaximum,
                                 WeightKind::Alternating};

// Strides, kernels of one to five columns, no padding to full padding, odd everything, one pixel; groups and rows too long to be
// written out.
constexpr const char* kShapes[] = {"conv3x3:5x2@5x7",
                                   "conv3x3:9x2@4x16p0",
                                   "conv3x3:3x2@1x1",
                                   "conv3x3:2x3@4x6p2",
                                   "conv3x3:4x2@5x9s2",
                                   "conv3x3:4x2@6x8s2",
                                   "conv3x3:2x2@7x8s2p0",
                                   "conv5x5:3x2@6x9",
                                   "conv5x5:2x2@7x9s2",
                                   "conv5x5:2x2@8x11s3",
                                   "conv1x3:6x2@2x11",
                                   "conv1x2:3x2@1x9s3p0",
                                   "conv3x1:6x2@5x6",
                                   "conv2x4:3x1@5x8p1",
                                   "conv3x3:70x1@2x3",
                                   "conv3x3:64x1@2x26",
                                   "conv3x3:5x3@3x41",
                                   "conv3x3:2x2@4x90s2"};

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

// Of all plans of a layer those that loosening by `loosen` makes wrong on the largest inputs: the packer has to refuse them.
template <typename Loosen>
int refused(const IntegerLayer& layer, Loosen loosen) {
    const auto input = full_input(layer);
    int count = 0;
    for (Plan plan : plans(layer)) {
        loosen(plan);
        const auto blob = pack_weights(layer, plan, finish_of(layer, plan));
        if (accumulate(plan, blob, input) == reference_accumulate(layer, input)) continue;
        const std::string error = error_of([&] { prove(layer, plan); });
        EXPECT_NE(error.find("cannot pack filter 0"), std::string::npos)
            << plan.descriptor() << ": " << error;
        ++count;
    }
    return count;
}

TEST(PackedConvolution, RefusesWhatAFieldBitLessOrAChannelMoreWouldOverflow) {
    const IntegerLayer layer = layer_of("conv3x3:64x1@3x6", {3, 4}, WeightKind::AllMinimum);
    const auto bit_less = [](Plan& plan) {
        if (plan.form() == Form::Straddled) --plan.placement.shape.bits;
    };
    const auto deeper = [](Plan& plan) {
        plan.depth *= 2;
        plan.groups = (plan.groups + 1) / 2;
    };
    EXPECT_GT(refused(layer, bit_less), 0);
    EXPECT_GT(refused(layer, deeper), 2);
    EXPECT_EQ(refused(layer, [](Plan&) {}), 0);
}

TEST(PackedConvolution, NamesTheFilterNoPackingHolds) {
    IntegerLayer layer = layer_of("conv3x3:4x3@6x6", {8, 8}, WeightKind::AllMinimum);
    for (std::size_t k = 0; k < layer.weights.size(); ++k) {
        if (k < 36) layer.weights[k] = 0;
    }
    const std::string error = error_of([&] { find_kernel("rp-conv").pack(layer); });
    EXPECT_NE(error.find("rp-conv cannot pack filter 1 at w8a8"), std::string::npos) << error;
}

TEST(PackedConvolution, DeeperProofsAreTakenWhereTheWeightsAllowThem) {
    const IntegerLayer wide = layer_of("conv3x3:32x2@6x8", {4, 4}, WeightKind::AllMinimum);
    const IntegerLayer bell = layer_of("conv3x3:32x2@6x8", {4, 4}, WeightKind::BellShaped);
    const auto deepest = [](const IntegerLayer& layer, int bits) {
        int depth = 0;
        for (const Plan& plan : plans(layer)) {
            if (plan.bits() == bits) depth = std::max(depth, plan.depth);
        }
        return depth;
    };
    EXPECT_EQ(deepest(wide, 12), 3);  // 3 * 9 taps of 15 * 8 are 3240 of 4095
    EXPECT_GT(deepest(bell, 12), 6);
}

TEST(PackedConvolution, EveryGuaranteedPlanHoldsForEveryExtreme) {
    int seen = 0;
    for (const traces::Precision bits : traces::all_precisions()) {
        const traces::Layer shape = traces::parse_layer("conv3x3:32x1@1x1");
        for (const Plan& plan : guaranteed_plans(shape, bits)) {
            for (const WeightKind kind :
                 {WeightKind::AllMinimum, WeightKind::AllMaximum, WeightKind::Alternating}) {
                Plan actual = plan;
                actual.wide = true;
                if (actual.exact_bits() < 20) actual.wide = false;
                const IntegerLayer layer = layer_of("conv3x3:32x1@1x1", bits, kind);
                EXPECT_NO_THROW(prove(layer, actual)) << to_string(bits) << plan.descriptor();
                ++seen;
            }
        }
    }
    EXPECT_GT(seen, 100);
}

// What one layer alone gives: bytes, or sums if there are no output bits.
void expect_exact(const IntegerNetwork& network,
                  const std::vector<std::uint8_t>& input,
                  const std::string& what) {
    EXPECT_EQ(simulated_bytes(network, "rp-conv", input), expected_bytes(network, input)) << what;
}

class PackedConvolutionRun : public testing::TestWithParam<const char*> {};

TEST_P(PackedConvolutionRun, EqualsTheReferenceInTheSimulator) {
    const traces::Layer shape = traces::parse_layer(GetParam());
    int ran = 0;
    for (const char* text : {"w2a2", "w2a3", "w4a4", "w2a8"}) {
        const traces::Precision bits = traces::parse_precision(text);
        if (find_kernel("rp-conv").refuses(shape, bits)) continue;
        const WeightKind kind = kKinds[ran % 5];
        IntegerNetwork network = random_layer(shape, bits, kind, 4);
        if (ran % 2 == 1) network = with_sums(network);
        const IntegerLayer& layer = network.layers[0];
        expect_exact(network, ran % 2 == 1 ? full_input(layer) : random_input(layer, 6), text);
        ++ran;
    }
    EXPECT_GT(ran, 2);
}

INSTANTIATE_TEST_SUITE_P(Shapes, PackedConvolutionRun, testing::ValuesIn(kShapes));

// Even and odd heights, every stride, taps that reach beyond both ends, more than one group of channels.
constexpr const char* kTallShapes[] = {"conv3x3:5x2@12x7",
                                       "conv3x3:4x3@13x8",
                                       "conv3x3:9x2@15x6p0",
                                       "conv3x3:3x2@12x5p2",
                                       "conv3x3:4x2@19x9s2",
                                       "conv3x3:4x2@22x8s2",
                                       "conv3x3:2x2@21x8s2p0",
                                       "conv5x5:3x2@15x9",
                                       "conv5x5:2x2@26x9s2",
                                       "conv5x5:2x2@33x11s3",
                                       "conv3x1:6x2@15x6",
                                       "conv3x3:70x1@11x3",
                                       "conv3x3:5x3@11x41"};

class PackedConvolutionRolling : public testing::TestWithParam<const char*> {};

TEST_P(PackedConvolutionRolling, EqualsTheReferenceWithTheScratchOfTwoRows) {
    const traces::Layer shape = traces::parse_layer(GetParam());
    int ran = 0;
    for (const char* text : {"w2a3", "w4a4"}) {
        const traces::Precision bits = traces::parse_precision(text);
        IntegerNetwork network = random_layer(shape, bits, kKinds[ran % 5], 4);
        if (ran % 2 == 1) network = with_sums(network);
        const IntegerLayer& layer = network.layers[0];
        const std::vector<Plan> all = plans(layer);
        if (all.empty()) continue;
        std::uint32_t least = ~0u;
        std::uint32_t least_rolling = ~0u;
        for (const Candidate& candidate : find_kernel("rp-conv").candidates(layer)) {
            const bool rolling = candidate.descriptor.ends_with("rolling");
            std::uint32_t& bytes = rolling ? least_rolling : least;
            bytes = std::min(bytes, candidate.pack().scratch_bytes);
        }
        ASSERT_LT(least_rolling, least) << text;
        const std::int64_t outputs = shape.output_elements() * (layer.output_bits == 0 ? 4 : 1);
        const LayerMemory memory{static_cast<std::uint32_t>(shape.input_elements()),
                                 static_cast<std::uint32_t>(outputs),
                                 least_rolling};
        const std::uint64_t most = plan_memory({&memory, 1}).arena_bytes;
        const auto input = ran % 2 == 1 ? full_input(layer) : random_input(layer, 6);
        EXPECT_EQ(simulated_bytes(network, "rp-conv", input, most), expected_bytes(network, input))
            << text;
        EXPECT_NE(error_of([&] {
                      simulated_bytes(network, "rp-conv", input, most - 1);
                  }).find("bytes of scratch"),
                  std::string::npos);
        ++ran;
    }
    EXPECT_GT(ran, 0);
}

INSTANTIATE_TEST_SUITE_P(Shapes, PackedConvolutionRolling, testing::ValuesIn(kTallShapes));

TEST(PackedConvolution, RequantisesAnyShiftAndMultiplier) {
    for (const int shift : {0, 3, 16, 19, 24}) {
        for (const char* text : {"w2a2", "w2a8", "w4a5"}) {
            IntegerNetwork network = random_layer(traces::parse_layer("conv3x3:40x2@3x6"),
                                                  traces::parse_precision(text),
                                                  WeightKind::Alternating,
                                                  8);
            IntegerLayer& layer = network.layers[0];
            for (std::size_t k = 0; k < layer.bias.size(); ++k) {
                const int more = shift - layer.shift;
                const auto moved = [&](std::int32_t value) {
                    return more > 0 ? value << std::min(more, 12) : value >> -more;
                };
                layer.multiplier[k] = moved(layer.multiplier[k]);
                layer.bias[k] = moved(layer.bias[k]);
            }
            layer.shift = shift;
            expect_exact(network,
                         random_input(layer, 2),
                         std::string(text) + " shift " + std::to_string(shift));
        }
    }
}

class PackedConvolutionChain : public testing::TestWithParam<std::array<const char*, 2>> {};

TEST_P(PackedConvolutionChain, CountsWhatItExecutesAndWritesTheLayoutItsReaderWants) {
    IntegerNetwork network{"two", {}};
    network.layers = {named_layer("first", GetParam()[0], "w4a4", 4, Pool::None, 1),
                      named_layer("second", GetParam()[1], "w4a4", 0, Pool::None, 2)};
    const Folder folder;
    BuildOptions options;
    options.directory = folder.path();
    options.calls = 1;
    options.input = random_input(network.layers[0], 3);
    options.choose = [](const IntegerLayer& layer) {
        return Choice{layer.name == "first" ? "rp-conv" : "simd-int8", ""};
    };
    const Firmware firmware = build_firmware(network, options);
    sim::Simulation simulation(
        sim::read_elf(firmware.elf), sim::find_board("stm32f746"), {"mixq_kernel_first"});
    ASSERT_EQ(simulation.run(true).halt, sim::Halt::Exited);
    ASSERT_EQ(simulation.calls().size(), 1u);
    const sim::CallTiming& call = simulation.calls().front();
    ASSERT_TRUE(firmware.layers[0].counts.has_value());
    EXPECT_EQ(call.counts.by_class, firmware.layers[0].counts->by_class);
    EXPECT_NEAR(firmware.layers[0].scheduled_cycles,
                static_cast<double>(call.timing.cycles),
                0.05 * static_cast<double>(call.timing.cycles));
    const std::vector<std::int32_t> logits = reference_logits(network, options.input);
    std::vector<std::uint8_t> bytes(logits.size() * sizeof(std::int32_t));
    std::memcpy(bytes.data(), logits.data(), bytes.size());
    EXPECT_EQ(printed_output(simulation.machine().console()), bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Layers,
    PackedConvolutionChain,
    testing::Values(std::array<const char*, 2>{"conv3x3:3x6@7x11", "conv1x1:6x4@7x11"},
                    std::array<const char*, 2>{"conv3x3:2x70@3x40", "conv1x1:70x2@3x40"}));

}  // namespace

}  // namespace mixq::kernels::packed_conv
