// Laws of packed-dw: its fields hold what they are proved to hold, on the host and in the simulator, whatever the shape.
#include "kernels/packed_dw/plan.h"
#include "kernels/packing/packing.h"
#include "tests/kernels/generated_run.h"

namespace mixq::kernels {

namespace {

// Whole words and not, several segments of a row, one pixel, one column, one row, paddings 0 to 2, both strides.
constexpr const char* kShapes[] = {
    "dw3x3:3@6x8",
    "dw3x3:2@5x7",
    "dw3x3:3@1x1",
    "dw3x3:2@4x5p0",
    "dw3x3:2@3x8p2",
    "dw3x3:2@6x1",
    "dw3x3:2@1x9p2x0",
    "dw3x3:1@3x76",
    "dw3x3:3@8x8s2",
    "dw3x3:2@7x9s2",
    "dw3x3:2@6x6s2p0",
    "dw3x3:2@5x10s2p2",
    "dw3x3:1@2x41s2",
};

constexpr WeightKind kWeights[] = {WeightKind::Uniform,
                                   WeightKind::BellShaped,
                                   WeightKind::AllMinimum,
                                   WeightKind::AllMaximum,
                                   WeightKind::Alternating};

TEST(PackedDepthwise, ComputesTheReferenceOnTheHost) {
    int with_bytes = 0;
    int with_lanes = 0;
    for (const char* shape : kShapes) {
        for (const traces::Precision bits : traces::all_precisions()) {
            for (const WeightKind kind : kWeights) {
                const IntegerLayer layer =
                    random_layer(traces::parse_layer(shape), bits, kind, 3).layers[0];
                for (const int field : {8, 16}) {
                    const auto plan = packed_dw::plan_with(layer, field);
                    if (!plan) continue;
                    ++(field == 8 ? with_bytes : with_lanes);
                    const auto records = packed_dw::pack_records(layer, *plan);
                    for (const auto& input : {full_input(layer), random_input(layer, 4)}) {
                        ASSERT_EQ(packed_dw::accumulate(*plan, records, input),
                                  reference_accumulate(layer, input))
                            << shape << " " << to_string(bits) << " S=" << field;
                    }
                }
            }
        }
    }
    EXPECT_GT(with_bytes, 400);
    EXPECT_GT(with_lanes, 1500);
}

TEST(PackedDepthwise, GuaranteesAllPairsUpToTwelveBitsTogether) {
    const traces::Layer shape = traces::parse_layer("dw3x3:4@8x8");
    for (const traces::Precision bits : traces::all_precisions()) {
        const int together = bits.weight_bits + bits.activation_bits;
        EXPECT_EQ(find_kernel("packed-dw").refuses(shape, bits).has_value(), together > 12)
            << to_string(bits);
        if (together > 12) continue;
        for (const WeightKind kind : kWeights)
            EXPECT_NO_THROW(packed_dw::choose(random_layer(shape, bits, kind, 1).layers[0]));
    }
}

TEST(PackedDepthwise, FillsAFieldToTheBrimAndNoFurther) {
    IntegerLayer layer =
        random_layer(traces::parse_layer("dw3x3:1@4x4"), {4, 4}, WeightKind::Uniform, 1).layers[0];
    // (2^4 - 1) * 17 is 255, the limit of a byte.
    layer.weights = {-8, 7, 2, 0, 0, 0, 0, 0, 0};
    ASSERT_TRUE(packed_dw::plan_with(layer, 8).has_value());
    EXPECT_EQ(packed_dw::plan_with(layer, 8)->largest_field, 255);
    layer.weights[8] = 1;
    EXPECT_FALSE(packed_dw::plan_with(layer, 8).has_value());
    EXPECT_EQ(packed_dw::choose(layer).field_bits, 16);
}

// Were the bound looser by as little as one weight, sums would be wrong: the bound is not an excess of caution.
TEST(PackedDepthwise, IsWrongOnceAFieldOverflows) {
    IntegerLayer layer =
        random_layer(traces::parse_layer("dw3x3:1@4x4"), {4, 4}, WeightKind::Uniform, 1).layers[0];
    layer.weights = {-8, 7, 2, 0, 0, 0, 0, 0, 0};
    packed_dw::Plan plan = *packed_dw::plan_with(layer, 8);
    layer.weights = {-8, -8, -2, 0, 0, 0, 0, 0, 0};
    const auto input = full_input(layer);
    EXPECT_NE(packed_dw::accumulate(plan, packed_dw::pack_records(layer, plan), input),
              reference_accumulate(layer, input));
}

TEST(PackedDepthwise, NamesTheFilterItCannotPack) {
    IntegerLayer layer =
        random_layer(traces::parse_layer("dw3x3:3@4x4"), {8, 8}, WeightKind::BellShaped, 1)
            .layers[0];
    for (std::size_t k = 9; k < 18; ++k) layer.weights[k] = -128;
    try {
        find_kernel("packed-dw").pack(layer);
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("filter 1"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("smlad-dw"), std::string::npos) << error.what();
    }
}

class PackedDepthwiseExact : public testing::TestWithParam<const char*> {};

TEST_P(PackedDepthwiseExact, EqualsTheReferenceAndExecutesWhatItSays) {
    const traces::Layer shape = traces::parse_layer(GetParam());
    // Bytes, bytes proved on the weights, lanes with B folded, lanes at their limit.
    constexpr traces::Precision kBits[] = {{3, 3}, {2, 4}, {4, 4}, {4, 8}, {7, 5}};
    for (std::size_t k = 0; k < std::size(kBits); ++k) {
        IntegerNetwork network = random_layer(shape, kBits[k], kWeights[k], k);
        const bool sums = kWeights[k] != WeightKind::Uniform && k != 3;
        if (sums) network = with_sums(network);
        const IntegerLayer& layer = network.layers[0];
        const auto input = sums ? full_input(layer) : random_input(layer, k);
        const GeneratedRun run = run_generated(network, "packed-dw", input);
        EXPECT_EQ(run.bytes, expected_bytes(network, input)) << to_string(kBits[k]);
        EXPECT_EQ(run.counted.by_class, run.promised.by_class) << to_string(kBits[k]);
    }
}

TEST_P(PackedDepthwiseExact, WritesInterleavedChannelsToo) {
    for (const traces::Precision bits : {traces::Precision{3, 3}, traces::Precision{5, 6}}) {
        const IntegerNetwork network = with_interleaved_reader(
            random_layer(traces::parse_layer(GetParam()), bits, WeightKind::Uniform, 3));
        const auto input = random_input(network.layers[0], 9);
        const std::vector<std::int32_t> sums = reference_logits(network, input);
        const GeneratedRun run = run_generated(network, "packed-dw", input);
        ASSERT_EQ(run.bytes.size(), 4 * sums.size());
        EXPECT_EQ(std::memcmp(run.bytes.data(), sums.data(), run.bytes.size()), 0)
            << to_string(bits);
    }
}

// Where shifts and multipliers leave no room for packed requantisation, each output is clamped by itself.
TEST(PackedDepthwise, RequantisesWithAnyShiftAndMultiplier) {
    for (const traces::Precision bits : {traces::Precision{3, 3}, traces::Precision{4, 5}}) {
        for (const int shift : {0, 3, 16, 20}) {
            IntegerNetwork network =
                random_layer(traces::parse_layer("dw3x3:2@5x8"), bits, WeightKind::Uniform, 5);
            IntegerLayer& layer = network.layers[0];
            for (std::int32_t& m : layer.multiplier)
                m = shift >= layer.shift ? m << std::min(shift - layer.shift, 8)
                                         : m >> (layer.shift - shift);
            for (std::int32_t& b : layer.bias)
                b = shift >= layer.shift ? b << std::min(shift - layer.shift, 8)
                                         : b >> (layer.shift - shift);
            layer.shift = shift;
            layer.multiplier[0] |= 1;
            const auto input = random_input(layer, 6);
            EXPECT_EQ(run_generated(network, "packed-dw", input).bytes,
                      expected_bytes(network, input))
                << to_string(bits) << " shift " << shift;
        }
    }
}

std::string shape_name(const testing::TestParamInfo<const char*>& info) {
    std::string name = info.param;
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, PackedDepthwiseExact, testing::ValuesIn(kShapes), shape_name);

}  // namespace

}  // namespace mixq::kernels
