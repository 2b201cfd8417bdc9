// Laws of integer Winograd: transforms that are exact four times over, byte-exact kernels, counts that are what is executed.
#include "kernels/int8/winograd.h"

#include "kernels/packing/requantise.h"
#include "tests/kernels/generated_run.h"

namespace mixq::kernels {

namespace {

// Tiles that end inside, partial groups of filters and channels, paddings 0 to 2, one pixel, more channels than one pass unrolls.
constexpr const char* kShapes[] = {
    "conv3x3:3x5@5x7",
    "conv3x3:8x4@6x8",
    "conv3x3:5x3@1x1",
    "conv3x3:9x6@7x6p0",
    "conv3x3:6x9@3x4p2",
    "conv3x3:7x2@2x5p2x1",
    "conv3x3:40x5@3x3",
    "conv3x3:4x1@3x3p0",
    "conv3x3:70x3@4x5p2x0",
};

constexpr WeightKind kWeights[] = {WeightKind::AllMinimum,
                                   WeightKind::Alternating,
                                   WeightKind::AllMaximum,
                                   WeightKind::BellShaped};

// The transforms in plain integers: V = B^T d B, U from the packer, A^T (U * V) A.
std::int64_t four_times_first_output(std::span<const std::int8_t> taps, const int (&patch)[4][4]) {
    const auto forward = [](const std::array<int, 4>& d) {
        return std::array<int, 4>{d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]};
    };
    std::array<std::array<int, 4>, 4> v{};
    for (std::size_t i = 0; i < 4; ++i)
        v[i] = forward({patch[i][0], patch[i][1], patch[i][2], patch[i][3]});
    for (std::size_t j = 0; j < 4; ++j) {
        const auto column = forward({v[0][j], v[1][j], v[2][j], v[3][j]});
        for (std::size_t i = 0; i < 4; ++i) v[i][j] = column[i];
    }
    const auto u = int8::transformed_filter(taps);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j) {
            EXPECT_LE(std::abs(v[i][j]), INT16_MAX);
            sum += std::int64_t{v[i][j]} * u[4 * i + j];
        }
    }
    return sum;
}

TEST(Winograd, TransformsToFourTimesTheConvolution) {
    std::uint32_t state = 1;
    const auto next = [&state](int count) {
        state = state * 1664525u + 1013904223u;
        return static_cast<int>((state >> 8) % static_cast<std::uint32_t>(count));
    };
    for (int round = 0; round < 2000; ++round) {
        std::array<std::int8_t, 9> taps{};
        int patch[4][4];
        for (std::int8_t& tap : taps)
            tap = static_cast<std::int8_t>(round % 4 == 0 ? -128 : next(256) - 128);
        for (auto& row : patch) {
            for (int& pixel : row) pixel = round % 8 == 0 ? 255 : next(256);
        }
        std::int64_t expected = 0;
        for (std::size_t k = 0; k < 9; ++k) expected += taps[k] * patch[k / 3][k % 3];
        ASSERT_EQ(four_times_first_output(taps, patch), 4 * expected);
    }
}

TEST(Winograd, RefusesSumsThatLeave32Bits) {
    const Kernel& kernel = find_kernel("winograd");
    EXPECT_FALSE(kernel.refuses(traces::parse_layer("conv3x3:1827x1@4x4"), {8, 8}));
    const auto why = kernel.refuses(traces::parse_layer("conv3x3:1828x1@4x4"), {8, 8});
    ASSERT_TRUE(why.has_value());
    EXPECT_NE(why->find("32 bits"), std::string::npos);
    for (const char* shape : {"conv3x3:4x4@8x8s2", "conv1x1:4x4@8x8", "dw3x3:4@8x8", "fc:9x9"})
        EXPECT_TRUE(kernel.refuses(traces::parse_layer(shape), {4, 4})) << shape;
}

TEST(Winograd, ProvesTheSumsOfTheActualWeights) {
    const auto layer =
        random_layer(traces::parse_layer("conv3x3:4x2@4x4"), {8, 8}, WeightKind::AllMinimum, 1)
            .layers[0];
    EXPECT_EQ(find_kernel("winograd").pack(layer).proof_largest_field, 4 * 36 * 128 * 255);
}

class WinogradExact : public testing::TestWithParam<const char*> {};

TEST_P(WinogradExact, EqualsTheReferenceAndExecutesWhatItSays) {
    const traces::Layer shape = traces::parse_layer(GetParam());
    for (std::size_t k = 0; k < std::size(kWeights); ++k) {
        const traces::Precision bits =
            k % 2 == 0 ? traces::Precision{8, 8} : traces::Precision{3, 5};
        IntegerNetwork network = random_layer(shape, bits, kWeights[k], k);
        if (k < 3) network = with_sums(network);
        const auto input =
            k < 3 ? full_input(network.layers[0]) : random_input(network.layers[0], k);
        const GeneratedRun run = run_generated(network, "winograd", input);
        EXPECT_EQ(run.bytes, expected_bytes(network, input)) << "weights " << k;
        EXPECT_EQ(run.counted.by_class, run.promised.by_class) << "weights " << k;
    }
}

TEST_P(WinogradExact, WritesInterleavedChannelsToo) {
    const IntegerNetwork network = with_interleaved_reader(
        random_layer(traces::parse_layer(GetParam()), {8, 8}, WeightKind::Uniform, 3));
    const auto input = random_input(network.layers[0], 9);
    const std::vector<std::int32_t> sums = reference_logits(network, input);
    const GeneratedRun run = run_generated(network, "winograd", input);
    ASSERT_EQ(run.bytes.size(), 4 * sums.size());
    EXPECT_EQ(std::memcmp(run.bytes.data(), sums.data(), run.bytes.size()), 0);
}

// Multipliers so large that one 32 x 32 product cannot hold them.
TEST(Winograd, RequantisesWithMultipliersOfAnySize) {
    bool shifted = false;
    bool wide = false;
    for (const bool largest : {false, true}) {
        IntegerNetwork network =
            random_layer(traces::parse_layer("conv3x3:4x3@4x4"), {8, 8}, WeightKind::Uniform, 11);
        IntegerLayer& layer = network.layers[0];
        const std::int64_t sum = packing::accumulator_range(layer).magnitude();
        const int more = largest ? 12 : 8;
        for (std::int32_t& m : layer.multiplier) {
            m <<= more;
            if (largest) m = static_cast<std::int32_t>((std::int64_t{1} << 46) / sum - 1);
        }
        for (std::int32_t& b : layer.bias) b = 1 << 20;
        layer.shift += more;
        check(network);
        const int plan_up = int8::plan_winograd(layer).up;
        shifted = shifted || plan_up > 0;
        wide = wide || plan_up < 0;
        const auto input = random_input(layer, 12);
        EXPECT_EQ(run_generated(network, "winograd", input).bytes, expected_bytes(network, input))
            << largest;
    }
    EXPECT_TRUE(shifted && wide);
}

std::string shape_name(const testing::TestParamInfo<const char*>& info) {
    std::string name = info.param;
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, WinogradExact, testing::ValuesIn(kShapes), shape_name);

}  // namespace

}  // namespace mixq::kernels
