// The laws of the reference: small cases worked by hand, and the identities its specification names.
#include "kernels/reference/reference.h"

#include <gtest/gtest.h>

namespace mixq::kernels {

namespace {

IntegerLayer layer_of(const char* shape, std::vector<std::int8_t> weights) {
    IntegerLayer layer;
    layer.name = "layer";
    layer.shape = traces::parse_layer(shape);
    layer.weights = std::move(weights);
    layer.multiplier.assign(static_cast<std::size_t>(layer.shape.out_channels), 1 << 16);
    layer.bias.assign(static_cast<std::size_t>(layer.shape.out_channels), 0);
    return layer;
}

TEST(Reference, SumsTheTapsInsideTheMap) {
    const IntegerLayer layer = layer_of("conv3x3:1x1@2x2", {1, 2, 3, 4, 5, 6, 7, 8, 9});
    const std::vector<std::uint8_t> input{1, 10, 100, 200};
    const std::vector<std::int32_t> expected{
        5 + 60 + 800 + 1800, 4 + 50 + 700 + 1600, 2 + 30 + 500 + 1200, 1 + 20 + 400 + 1000};
    EXPECT_EQ(reference_accumulate(layer, input), expected);
}

TEST(Reference, StridesOverTheMap) {
    const IntegerLayer layer = layer_of("conv1x1:1x1@3x3s2", {2});
    const std::vector<std::uint8_t> input{1, 2, 3, 4, 5, 6, 7, 8, 9};
    EXPECT_EQ(reference_accumulate(layer, input), (std::vector<std::int32_t>{2, 6, 14, 18}));
}

TEST(Reference, AddsUpInputChannelsOfAConvolution) {
    const IntegerLayer layer = layer_of("conv1x1:2x2@1x2", {1, -1, 3, 2});
    const std::vector<std::uint8_t> input{10, 20, 1, 2};
    EXPECT_EQ(reference_accumulate(layer, input), (std::vector<std::int32_t>{9, 18, 32, 64}));
}

TEST(Reference, KeepsChannelsApartInADepthwiseLayer) {
    const IntegerLayer layer = layer_of("dw1x1:2@1x2", {3, -1});
    const std::vector<std::uint8_t> input{10, 20, 1, 2};
    EXPECT_EQ(reference_accumulate(layer, input), (std::vector<std::int32_t>{30, 60, -1, -2}));
}

TEST(Reference, FullyConnectedIsADotProductPerOutput) {
    const IntegerLayer layer = layer_of("fc:3x2", {1, 2, 3, -1, 0, 1});
    const std::vector<std::uint8_t> input{5, 6, 7};
    EXPECT_EQ(reference_accumulate(layer, input), (std::vector<std::int32_t>{38, 2}));
}

TEST(Reference, RequantisesTowardMinusInfinityAndClamps) {
    EXPECT_EQ(reference_requantise(7, 1 << 15, 0, 0, 8), 3);  // 3.5
    EXPECT_EQ(reference_requantise(7, 1 << 15, 1, 1, 8), 2);  // 4.5 / 2
    EXPECT_EQ(reference_requantise(-1, 1, 1, 0, 8), 0);       // 1 - 2^-16: below 1
    EXPECT_EQ(reference_requantise(-100, 1 << 16, 0, 0, 8), 0);
    EXPECT_EQ(reference_requantise(100, 1 << 16, 0, 0, 4), 15);
}

TEST(Reference, RequantisesAlikeInOneStepAndInTwo) {
    for (const std::int32_t sum : {-30000, -257, -1, 0, 1, 255, 29999}) {
        for (const std::int32_t multiplier : {0, 1, 977, 65535, 1 << 20}) {
            for (int shift = 0; shift < 9; ++shift) {
                const std::int64_t inner = (std::int64_t{multiplier} * sum >> 16) + 77;
                const std::int64_t two_steps =
                    std::min<std::int64_t>(std::max<std::int64_t>(inner >> shift, 0), 255);
                EXPECT_EQ(reference_requantise(sum, multiplier, 77, shift, 8), two_steps);
            }
        }
    }
}

TEST(Reference, PoolsTheMaximumAndDropsTheOddEdge) {
    IntegerLayer layer = layer_of("conv1x1:1x1@3x5", {1});
    layer.pool = Pool::Max2x2;
    const std::vector<std::uint8_t> input{
        1, 2, 3, 9, 200, 4, 8, 7, 5, 200, 200, 200, 200, 200, 200};
    EXPECT_EQ(reference_layer(layer, input), (std::vector<std::uint8_t>{8, 9}));
}

TEST(Reference, LogitsAreSumsPlusBias) {
    IntegerNetwork network{"net", {layer_of("fc:2x2", {1, 2, -3, 4})}};
    network.layers[0].output_bits = 0;
    network.layers[0].bias = {100, -100};
    const std::vector<std::uint8_t> input{10, 20};
    EXPECT_EQ(reference_logits(network, input), (std::vector<std::int32_t>{150, -50}));
}

TEST(Reference, RefusesAnInputOfTheWrongSize) {
    const IntegerLayer layer = layer_of("fc:2x1", {1, 2});
    EXPECT_THROW(reference_accumulate(layer, std::vector<std::uint8_t>(3)), std::runtime_error);
}

}  // namespace

}  // namespace mixq::kernels
