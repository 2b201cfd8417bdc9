// Laws of smlad-dw: byte-exact at any bits, shape and requantisation.
#include "tests/kernels/generated_run.h"

namespace mixq::kernels {

namespace {

constexpr const char* kShapes[] = {
    "dw3x3:3@6x8",
    "dw3x3:2@5x7",
    "dw3x3:3@1x1",
    "dw3x3:2@4x5p0",
    "dw3x3:2@3x8p2",
    "dw3x3:2@1x9p2x0",
    "dw3x3:3@3x45",
    "dw3x3:3@8x8s2",
    "dw3x3:2@7x9s2",
    "dw3x3:2@6x6s2p0",
    "dw3x3:2@5x10s2p2",
};

class SmladDepthwise : public testing::TestWithParam<const char*> {};

TEST_P(SmladDepthwise, EqualsTheReferenceAndExecutesWhatItSays) {
    const traces::Layer shape = traces::parse_layer(GetParam());
    constexpr WeightKind kWeights[] = {WeightKind::AllMinimum,
                                       WeightKind::Alternating,
                                       WeightKind::AllMaximum,
                                       WeightKind::Uniform};
    for (std::size_t k = 0; k < std::size(kWeights); ++k) {
        const traces::Precision bits = k == 1 ? traces::Precision{2, 3} : traces::Precision{8, 8};
        IntegerNetwork network = random_layer(shape, bits, kWeights[k], k);
        if (k < 3) network = with_sums(network);
        const auto input =
            k < 3 ? full_input(network.layers[0]) : random_input(network.layers[0], k);
        const GeneratedRun run = run_generated(network, "smlad-dw", input);
        EXPECT_EQ(run.bytes, expected_bytes(network, input)) << k;
        EXPECT_EQ(run.counted.by_class, run.promised.by_class) << k;
    }
}

TEST_P(SmladDepthwise, WritesInterleavedChannelsToo) {
    const IntegerNetwork network = with_interleaved_reader(
        random_layer(traces::parse_layer(GetParam()), {8, 8}, WeightKind::Uniform, 3));
    const auto input = random_input(network.layers[0], 9);
    const std::vector<std::int32_t> sums = reference_logits(network, input);
    const GeneratedRun run = run_generated(network, "smlad-dw", input);
    ASSERT_EQ(run.bytes.size(), 4 * sums.size());
    EXPECT_EQ(std::memcmp(run.bytes.data(), sums.data(), run.bytes.size()), 0);
}

TEST(SmladDepthwiseScale, RequantisesWithAnyShiftAndMultiplier) {
    for (const int more : {-6, -3, 4, 10, 14}) {
        IntegerNetwork network =
            random_layer(traces::parse_layer("dw3x3:2@5x8"), {8, 8}, WeightKind::Uniform, 5);
        IntegerLayer& layer = network.layers[0];
        const auto scaled = [more](std::int32_t value) {
            return more >= 0 ? value << more : value >> -more;
        };
        for (std::int32_t& m : layer.multiplier) m = scaled(m) | 1;
        for (std::int32_t& b : layer.bias) b = scaled(b);
        layer.shift += more;
        check(network);
        const auto input = random_input(layer, 6);
        EXPECT_EQ(run_generated(network, "smlad-dw", input).bytes, expected_bytes(network, input))
            << more;
    }
}

std::string shape_name(const testing::TestParamInfo<const char*>& info) {
    std::string name = info.param;
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, SmladDepthwise, testing::ValuesIn(kShapes), shape_name);

}  // namespace

}  // namespace mixq::kernels
