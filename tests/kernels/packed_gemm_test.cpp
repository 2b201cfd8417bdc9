// Laws of the generated matrix products: what their packed words multiply to, what they prove, what they cost.
#include "kernels/packed_gemm/pack.h"
#include "kernels/packing/packing.h"
#include "tests/kernels/kernel_run.h"

namespace mixq::kernels {

namespace {

using packed_gemm::Plan;

// Every way a line is made: pixels in words or bytes, rows with borders, strides, columns of one, odd channels, single pixels.
constexpr const char* kShapes[] = {"conv1x1:5x7@3x5",
                                   "conv1x1:8x4@4x4",
                                   "conv1x1:6x5@5x7s2",
                                   "conv1x1:7x3@1x1",
                                   "conv3x3:3x5@5x7",
                                   "conv3x3:4x6@7x9s2",
                                   "conv5x5:2x3@6x8",
                                   "conv1x3:3x2@1x9p0x1",
                                   "conv3x1:2x3@8x1p1x0",
                                   "fc:21x6",
                                   "fc:40x19"};

IntegerLayer sums_of(const char* shape, traces::Precision bits, WeightKind weights) {
    return with_sums(random_layer(traces::parse_layer(shape), bits, weights, 3)).layers[0];
}

std::vector<Plan> all_plans(const IntegerLayer& layer) {
    std::vector<Plan> plans;
    for (const bool wide : {true, false})
        plans.push_back(packed_gemm::int8_plan(layer.shape, layer.precision, wide));
    for (const packed_gemm::Choice& choice : packed_gemm::dual_plans(layer))
        plans.push_back(choice.plan);
    return plans;
}

TEST(PackedGemm, ItsWordsMultiplyToTheReferencesSumsAtEveryPairOfBits) {
    for (const traces::Precision bits : traces::all_precisions()) {
        for (const char* shape : kShapes) {
            for (const WeightKind weights : {WeightKind::Uniform,
                                             WeightKind::BellShaped,
                                             WeightKind::AllMinimum,
                                             WeightKind::AllMaximum,
                                             WeightKind::Alternating}) {
                const IntegerLayer layer = sums_of(shape, bits, weights);
                for (const Plan& plan : all_plans(layer)) {
                    const PackedLayer packed =
                        packed_gemm::pack(plan, layer, "test", generate::Scheduling::AsWritten);
                    for (const auto& input : {full_input(layer), random_input(layer, 9)}) {
                        ASSERT_EQ(packed_gemm::portable(plan, packed, input),
                                  reference_accumulate(layer, input))
                            << shape << " " << to_string(bits) << " " << describe(plan);
                    }
                }
            }
        }
    }
}

TEST(PackedGemm, PacksWhatIsGuaranteedWhateverTheWeights) {
    for (const traces::Precision bits : traces::all_precisions()) {
        for (const char* shape : kShapes) {
            const traces::Layer layer = traces::parse_layer(shape);
            for (const Plan& plan : packed_gemm::guaranteed_dual_plans(layer, bits)) {
                for (const WeightKind weights : {WeightKind::AllMinimum,
                                                 WeightKind::AllMaximum,
                                                 WeightKind::Alternating,
                                                 WeightKind::Uniform}) {
                    EXPECT_EQ(prove(plan, sums_of(shape, bits, weights)).failure, "")
                        << shape << " " << to_string(bits) << " " << describe(plan);
                }
            }
        }
    }
}

// One pair of channels more than guaranteed, at weights that reach the bound.
TEST(PackedGemm, RefusesOneProductTooManyAndNamesTheFilter) {
    const IntegerLayer layer =
        sums_of("conv1x1:64x4@4x4", traces::parse_precision("w4a4"), WeightKind::AllMinimum);
    const auto plans = packed_gemm::guaranteed_dual_plans(layer.shape, layer.precision);
    ASSERT_FALSE(plans.empty());
    Plan plan = plans.front();
    EXPECT_EQ(prove(plan, layer).failure, "");
    plan.piece_pairs = plan.depth + 1;
    plan.pieces = 1;
    EXPECT_NE(prove(plan, layer).failure.find("filter 0 reaches -"), std::string::npos)
        << prove(plan, layer).failure;
    EXPECT_NE(error_of([&] {
                  packed_gemm::pack(plan, layer, "dual-gemm", generate::Scheduling::AsWritten);
              }).find("filter 0"),
              std::string::npos);
}

// -8 above a negative weight leaves the lane of 12 + 4 bits; 8 above it does not.
TEST(PackedGemm, NegatesAFilterWhoseLeastWeightWouldBorrowBeyondTheLane) {
    IntegerLayer layer =
        sums_of("conv1x1:64x4@4x4", traces::parse_precision("w4a4"), WeightKind::BellShaped);
    for (std::int8_t& weight : layer.weights)
        weight = static_cast<std::int8_t>(std::max<int>(weight, -7));
    layer.weights[5] = -3;
    layer.weights[64 + 5] = -8;
    const auto widest = [&] {
        int bits = 0;
        for (const Plan& plan : all_plans(layer)) {
            if (plan.product != packed_gemm::Product::DualChannels) continue;
            bits = std::max(bits, plan.field_bits);
            const PackedLayer packed =
                packed_gemm::pack(plan, layer, "test", generate::Scheduling::AsWritten);
            EXPECT_EQ(packed_gemm::portable(plan, packed, full_input(layer)),
                      reference_accumulate(layer, full_input(layer)));
        }
        return bits;
    };
    EXPECT_EQ(widest(), 12);
    // One that needs either sign.
    layer.weights[6] = 3;
    layer.weights[64 + 6] = -8;
    EXPECT_EQ(widest(), 11);
}

TEST(PackedGemm, TheReasonForNoPackingNamesAFilter) {
    IntegerLayer layer =
        sums_of("conv1x1:64x4@4x4", traces::parse_precision("w8a8"), WeightKind::AllMinimum);
    const std::string error = error_of([&] { find_kernel("dual-gemm").pack(layer); });
    EXPECT_NE(error.find("filter 0"), std::string::npos) << error;
    EXPECT_NE(error.find("smlad-gemm"), std::string::npos) << error;
}

std::int64_t read_signed(std::int64_t value, int bits) {
    const std::int64_t field = value & ((std::int64_t{1} << bits) - 1);
    return field >> (bits - 1) != 0 ? field - (std::int64_t{1} << bits) : field;
}

// Exhaustive over a field of five bits: one step more or less in the bound fails here.
TEST(SignedField, HasAStartExactlyWhereOneKeepsBothEnds) {
    constexpr int kBits = 5;
    for (std::int64_t negative = 0; negative <= 40; ++negative) {
        for (std::int64_t positive = 0; positive <= 40; ++positive) {
            const auto holds = [&](std::int64_t start) {
                return read_signed(start - negative, kBits) == start - negative &&
                       read_signed(start + positive, kBits) == start + positive;
            };
            std::optional<std::int64_t> nearest;
            for (std::int64_t start = -40; start <= 40; ++start) {
                if (holds(start) && (!nearest || std::abs(start) < std::abs(*nearest)))
                    nearest = start;
            }
            EXPECT_EQ(packing::signed_start(negative, positive, kBits), nearest)
                << negative << " " << positive;
        }
    }
}

TEST(SignedField, AHighFieldFitsWhereTheWholeWordHoldsBothEndsOfTheLowOne) {
    constexpr int kBits = 28;
    const std::int64_t half = std::int64_t{1} << (kBits - 1);
    for (std::int64_t high = -12; high <= 12; ++high) {
        const std::int64_t whole = high * 2 * half;
        const bool holds = whole - half >= INT32_MIN && whole + half - 1 <= INT32_MAX;
        EXPECT_EQ(packing::high_field_fits(high, high, kBits), holds) << high;
    }
}

TEST(LanePair, FitsWhereSixteenBitsHoldItAndAnyWeightsDoWithOneBitSpared) {
    for (int bits = 2; bits <= 8; ++bits) {
        const int low = -(1 << (bits - 1));
        int missed = 0;
        for (int a = low; a < -low; ++a) {
            for (int b = low; b < -low; ++b) {
                EXPECT_TRUE(packing::lane_fits(a, b, 15 - bits));
                const int field = 16 - bits;
                const int lane = a + b * (1 << field);
                EXPECT_EQ(packing::lane_fits(a, b, field), lane == static_cast<std::int16_t>(lane));
                missed += packing::lane_fits(a, b, field) ? 0 : 1;
            }
        }
        EXPECT_GT(missed, 0) << bits;
    }
}

// --- in the simulator

struct Case {
    std::string kernel;
    std::string bits;
};

void PrintTo(const Case& value, std::ostream* out) {
    *out << value.kernel << " " << value.bits;
}

class GemmExact : public testing::TestWithParam<Case> {};

TEST_P(GemmExact, EqualsTheReferenceOnEveryWayALineIsMade) {
    const auto& [kernel, bits_text] = GetParam();
    const traces::Precision bits = traces::parse_precision(bits_text);
    constexpr WeightKind kKinds[] = {WeightKind::BellShaped,
                                     WeightKind::AllMinimum,
                                     WeightKind::Alternating,
                                     WeightKind::AllMaximum};
    std::size_t index = 0;
    for (const char* shape : kShapes) {
        ++index;
        const WeightKind weights = kKinds[index % 4];
        IntegerNetwork network = random_layer(traces::parse_layer(shape), bits, weights, index);
        if (find_kernel(kernel).refuses(network.layers[0].shape, bits)) continue;
        const bool sums = index % 3 == 0;
        if (sums) network = with_sums(network);
        const auto input =
            sums ? full_input(network.layers[0]) : random_input(network.layers[0], index);
        EXPECT_EQ(simulated_bytes(network, kernel, input), expected_bytes(network, input))
            << shape << " weights " << static_cast<int>(weights);
    }
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
    std::string name = info.param.kernel + "_" + info.param.bits;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(All,
                         GemmExact,
                         testing::Values(Case{"dual-gemm", "w2a2"},
                                         Case{"dual-gemm", "w4a4"},
                                         Case{"dual-gemm", "w2a8"},
                                         Case{"dual-gemm", "w8a2"},
                                         Case{"dual-gemm", "w4a5"},
                                         Case{"smlad-gemm", "w8a8"},
                                         Case{"smlad-gemm", "w3a7"}),
                         case_name);

// Pixels of a 1x1 layer follow each other whatever its rows are; lines of them neither leave any out nor reach beyond the last.
TEST(GemmOutput, IsExactForEveryNumberOfPixels) {
    for (const char* kernel : {"dual-gemm", "smlad-gemm"}) {
        for (int pixels = 1; pixels <= 50; ++pixels) {
            const traces::Layer shape =
                traces::parse_layer("conv1x1:3x5@1x" + std::to_string(pixels));
            const IntegerNetwork network = random_layer(shape, {4, 4}, WeightKind::Uniform, 2);
            const auto input = random_input(network.layers[0], 4);
            EXPECT_EQ(simulated_bytes(network, kernel, input), expected_bytes(network, input))
                << kernel << " " << pixels;
        }
    }
}

// The next layer reads channel by channel within a pixel.
TEST(GemmOutput, CanBeInterleaved) {
    for (const char* kernel : {"dual-gemm", "smlad-gemm"}) {
        for (const char* shapes : {"4", "7", "10"}) {
            const std::string channels = shapes;
            IntegerNetwork network{"pair", {}};
            network.layers = {
                named_layer("one", "conv1x1:6x" + channels + "@4x5", "w4a4", 8, Pool::None, 1),
                named_layer("two", "conv1x1:" + channels + "x3@4x5", "w8a8", 0, Pool::None, 2)};
            const auto input = random_input(network.layers[0], 4);
            const Folder folder;
            BuildOptions options;
            options.directory = folder.path();
            options.input = input;
            options.calls = 1;
            options.choose = [kernel](const IntegerLayer& layer) {
                return Choice{layer.name == "one" ? kernel : "simd-int8", ""};
            };
            const Firmware firmware = build_firmware(network, options);
            sim::Machine machine(sim::read_elf(firmware.elf), sim::find_board("stm32f746"));
            const sim::Stop stop = machine.reset();
            ASSERT_EQ(stop.halt, sim::Halt::Exited) << stop.message;
            const std::vector<std::int32_t> logits = reference_logits(network, input);
            std::vector<std::uint8_t> expected(4 * logits.size());
            std::memcpy(expected.data(), logits.data(), expected.size());
            EXPECT_EQ(printed_output(machine.console()), expected) << kernel << " " << channels;
        }
    }
}

TEST(GemmCounts, AreExactlyWhatTheSimulatorCounts) {
    for (const char* kernel : {"dual-gemm", "smlad-gemm"}) {
        for (const char* shape : {"conv1x1:20x8@4x6", "conv3x3:5x6@5x6", "fc:50x18"}) {
            const IntegerNetwork network = random_layer(traces::parse_layer(shape),
                                                        traces::parse_precision("w4a4"),
                                                        WeightKind::BellShaped,
                                                        2);
            const Folder folder;
            BuildOptions options;
            options.directory = folder.path();
            options.kernel = kernel;
            const Firmware firmware = build_firmware(network, options);
            const sim::Image image = sim::read_elf(firmware.elf);
            const sim::Symbol* routine = image.find_symbol("mixq_kernel_layer");
            ASSERT_NE(routine, nullptr);

            struct Counter final : sim::BlockObserver {
                const sim::Symbol* routine = nullptr;
                traces::Counts counts;

                void on_block(const sim::BlockRun& run) override {
                    const std::uint32_t from = routine->address & ~1u;
                    if (run.block->address >= from && run.block->address < from + routine->size)
                        counts += run.block->counts;
                }
            } counter;

            counter.routine = routine;
            sim::Machine machine(image, sim::find_board("stm32f746"));
            machine.set_observer(&counter);
            machine.reset();
            ASSERT_TRUE(firmware.layers[0].counts.has_value());
            for (std::size_t k = 0; k < counter.counts.by_class.size(); ++k) {
                EXPECT_EQ(counter.counts.by_class[k],
                          firmware.layers[0].counts->by_class[k] *
                              static_cast<std::uint64_t>(options.calls))
                    << kernel << " " << shape << " class " << k;
            }
        }
    }
}

}  // namespace

}  // namespace mixq::kernels
