// Laws of packed-dw: its fields hold what they are proved to hold, on the host and in the simulator, whatever the shape.
#include <map>

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
    "dw3x3:3@3x76",
    "dw3x3:2@7x45",
    "dw3x3:3@8x8s2",
    "dw3x3:2@7x9s2",
    "dw3x3:2@6x6s2p0",
    "dw3x3:2@5x10s2p2",
    "dw3x3:2@9x97s2",
};

constexpr WeightKind kWeights[] = {WeightKind::Uniform,
                                   WeightKind::BellShaped,
                                   WeightKind::AllMinimum,
                                   WeightKind::AllMaximum,
                                   WeightKind::Alternating};

TEST(PackedDepthwise, ComputesTheReferenceOnTheHost) {
    std::map<packed_dw::Packing, int> packed;
    for (const char* shape : kShapes) {
        for (const traces::Precision bits : traces::all_precisions()) {
            for (const WeightKind kind : kWeights) {
                const IntegerLayer layer =
                    random_layer(traces::parse_layer(shape), bits, kind, 3).layers[0];
                for (const packed_dw::Packing packing : packed_dw::kPackings) {
                    const auto plan = packed_dw::plan_with(layer, packing);
                    ASSERT_TRUE(plan || !packed_dw::guaranteed(packing, bits));
                    if (!plan) continue;
                    ++packed[packing];
                    const auto records = packed_dw::pack_records(layer, *plan);
                    for (const auto& input : {full_input(layer), random_input(layer, 4)}) {
                        ASSERT_EQ(packed_dw::accumulate(*plan, records, input),
                                  reference_accumulate(layer, input))
                            << shape << " " << to_string(bits) << " " << plan->descriptor();
                    }
                }
            }
        }
    }
    EXPECT_GT(packed[packed_dw::Packing::Bytes], 400);
    EXPECT_GT(packed[packed_dw::Packing::Digits], 800);
    EXPECT_GT(packed[packed_dw::Packing::Lanes], 1500);
    EXPECT_GT(packed[packed_dw::Packing::Mixed], 1500);
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

using packed_dw::Packing;

// Weights of one filter that fill the fields of a packing, and the least beyond.
struct Brim {
    Packing packing;
    traces::Precision bits;
    std::vector<std::int8_t> fit;
    std::vector<std::int8_t> too_many;
    int largest;
    int limit;
};

const Brim kBrims[] = {
    {Packing::Bytes, {4, 4}, {-8, 7, 2, 0, 0, 0, 0, 0, 0}, {-8, 7, 3, 0, 0, 0, 0, 0, 0}, 255, 255},
    {Packing::Digits,
     {2, 8},
     {-2, -2, -2, -2, -2, -2, -2, -2, 1},
     {-2, -2, -2, -2, -2, -2, -2, -2, -2},
     255,
     255},
    // B is 256, not 127 * 2, and one more would make a lane 2^15.
    {Packing::Mixed,
     {8, 7},
     {127, -2, 127, 1, 0, 0, 0, 0, 0},
     {127, -2, 127, 2, 0, 0, 0, 0, 0},
     256 + 127 * 255,
     32767},
    {Packing::Lanes,
     {8, 7},
     {127, 0, 127, 4, 0, 0, 0, 0, 0},
     {127, 0, 127, 5, 0, 0, 0, 0, 0},
     127 * 258,
     65535},
};

IntegerLayer with_weights(const Brim& brim, const std::vector<std::int8_t>& weights) {
    IntegerLayer layer =
        with_sums(
            random_layer(traces::parse_layer("dw3x3:1@4x8"), brim.bits, WeightKind::Uniform, 1))
            .layers[0];
    layer.weights = weights;
    return layer;
}

// The most the output at row 1, column 2 can be.
std::vector<std::uint8_t> worst_input(const IntegerLayer& layer) {
    std::vector<std::uint8_t> input(4 * 8);
    for (std::size_t k = 0; k < 9; ++k) {
        if (layer.weights[k] <= 0) continue;
        input[k / 3 * 8 + 1 + k % 3] =
            static_cast<std::uint8_t>((1 << layer.precision.activation_bits) - 1);
    }
    return input;
}

TEST(PackedDepthwise, FillsAFieldToTheBrimAndNoFurther) {
    for (const Brim& brim : kBrims) {
        const IntegerLayer layer = with_weights(brim, brim.fit);
        const auto plan = packed_dw::plan_with(layer, brim.packing);
        ASSERT_TRUE(plan.has_value()) << brim.largest;
        EXPECT_EQ(plan->largest_field, brim.largest);
        EXPECT_EQ(plan->field_limit, brim.limit);
        const auto records = packed_dw::pack_records(layer, *plan);
        for (const auto& input : {worst_input(layer), full_input(layer)}) {
            EXPECT_EQ(packed_dw::accumulate(*plan, records, input),
                      reference_accumulate(layer, input))
                << plan->descriptor();
        }
        EXPECT_FALSE(
            packed_dw::plan_with(with_weights(brim, brim.too_many), brim.packing).has_value())
            << plan->descriptor();
    }
}

// Were the bound looser by as little as one weight, sums would be wrong: the bound is not an excess of caution.
TEST(PackedDepthwise, IsWrongOnceAFieldOverflows) {
    for (const Brim& brim : kBrims) {
        const packed_dw::Plan plan =
            *packed_dw::plan_with(with_weights(brim, brim.fit), brim.packing);
        const IntegerLayer layer = with_weights(brim, brim.too_many);
        const auto records = packed_dw::pack_records(layer, plan);
        const bool wrong_at_most = packed_dw::accumulate(plan, records, worst_input(layer)) !=
                                   reference_accumulate(layer, worst_input(layer));
        const bool wrong_at_full = packed_dw::accumulate(plan, records, full_input(layer)) !=
                                   reference_accumulate(layer, full_input(layer));
        EXPECT_TRUE(wrong_at_most || wrong_at_full) << plan.descriptor();
    }
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
    // Bytes, bytes proved on the weights, lanes with B folded, lanes at their limit; digits, with B folded and not; lanes of 8 bits.
    constexpr traces::Precision kBits[] = {
        {3, 3}, {2, 4}, {4, 4}, {4, 8}, {7, 5}, {2, 5}, {2, 8}, {3, 6}, {5, 4}, {4, 5}};
    for (std::size_t k = 0; k < std::size(kBits); ++k) {
        const WeightKind kind = kWeights[k % std::size(kWeights)];
        IntegerNetwork network = random_layer(shape, kBits[k], kind, k);
        const bool sums = kind != WeightKind::Uniform && k != 3 && k < 6;
        if (sums) network = with_sums(network);
        const IntegerLayer& layer = network.layers[0];
        const auto input = sums ? full_input(layer) : random_input(layer, k);
        const GeneratedRun run = run_generated(network, "packed-dw", input);
        EXPECT_EQ(run.bytes, expected_bytes(network, input)) << to_string(kBits[k]);
        EXPECT_EQ(run.counted.by_class, run.promised.by_class) << to_string(kBits[k]);
    }
}

TEST_P(PackedDepthwiseExact, WritesInterleavedChannelsToo) {
    for (const traces::Precision bits :
         {traces::Precision{3, 3}, traces::Precision{5, 6}, traces::Precision{2, 7}}) {
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
    for (const traces::Precision bits :
         {traces::Precision{3, 3}, traces::Precision{4, 5}, traces::Precision{2, 8}}) {
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
