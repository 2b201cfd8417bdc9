// The notation of layers: what it means, that it reads back, and what it refuses.
#include "traces/layer.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace mixq::traces {
namespace {

class LayerNotation : public testing::TestWithParam<const char*> {};

TEST_P(LayerNotation, ReadsBackAsItWasWritten) {
    EXPECT_EQ(to_string(parse_layer(GetParam())), GetParam());
    EXPECT_EQ(parse_layer(to_string(parse_layer(GetParam()))), parse_layer(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Forms,
                         LayerNotation,
                         testing::Values("conv3x3:32x32@16x16",
                                         "conv1x1:64x64@12x12",
                                         "conv1x1:64x64@12x12s2",
                                         "conv5x5:8x16@20x20p0",
                                         "conv3x3:3x16@32x32s2p0",
                                         "conv1x3:8x8@1x64",
                                         "conv1x3:8x8@1x64p0",
                                         "conv1x3:8x8@1x64p1x0",
                                         "conv2x2:4x4@8x8",
                                         "conv3x3:1x1@1x1",
                                         "dw3x3:64@16x16",
                                         "dw5x5:1@7x9s3",
                                         "fc:512x64",
                                         "fc:1x1",
                                         "fc:65535x65535"));

TEST(Layer, SamePaddingKeepsTheSizeOfOddKernels) {
    const Layer layer = parse_layer("conv5x3:2x7@9x11");
    EXPECT_EQ(layer.padding_y, 2);
    EXPECT_EQ(layer.padding_x, 1);
    EXPECT_EQ(layer.out_height(), 9);
    EXPECT_EQ(layer.out_width(), 11);
}

TEST(Layer, StrideRoundsTheOutputUp) {
    EXPECT_EQ(parse_layer("conv3x3:1x1@7x8s2").out_height(), 4);
    EXPECT_EQ(parse_layer("conv3x3:1x1@7x8s2").out_width(), 4);
}

TEST(Layer, OnePaddingNumberHoldsForAllSidesAndTwoForHeightAndWidth) {
    EXPECT_EQ(parse_layer("conv3x3:1x1@8x8p2").padding_x, 2);
    const Layer layer = parse_layer("conv3x3:1x1@8x8p2x0");
    EXPECT_EQ(layer.padding_y, 2);
    EXPECT_EQ(layer.padding_x, 0);
}

TEST(Layer, CountsMultiplyAccumulatesOnThePaddingToo) {
    EXPECT_EQ(parse_layer("conv3x3:32x32@16x16").macs(), 32 * 32 * 9 * 16 * 16);
    EXPECT_EQ(parse_layer("dw3x3:64@16x16").macs(), 64 * 9 * 16 * 16);
    EXPECT_EQ(parse_layer("fc:512x64").macs(), 512 * 64);
}

TEST(Layer, CountsElementsOfInputOutputAndWeights) {
    const Layer conv = parse_layer("conv3x3:3x16@32x30s2");
    EXPECT_EQ(conv.input_elements(), 3 * 32 * 30);
    EXPECT_EQ(conv.output_elements(), 16 * 16 * 15);
    EXPECT_EQ(conv.weight_elements(), 16 * 3 * 9);
    EXPECT_EQ(parse_layer("dw3x3:64@16x16").weight_elements(), 64 * 9);
}

TEST(Layer, AFullyConnectedLayerIsOnePixel) {
    const Layer layer = parse_layer("fc:512x64");
    EXPECT_EQ(layer.input_elements(), 512);
    EXPECT_EQ(layer.output_elements(), 64);
    EXPECT_EQ(layer.weight_elements(), 512 * 64);
}

struct BadLayer {
    const char* text;
    const char* complaint;
};

void PrintTo(const BadLayer& bad, std::ostream* out) {
    *out << '"' << bad.text << '"';
}

class MalformedLayer : public testing::TestWithParam<BadLayer> {};

TEST_P(MalformedLayer, IsRefusedByNameReasonAndExample) {
    try {
        parse_layer(GetParam().text);
        FAIL() << "taken: " << GetParam().text;
    } catch (const std::invalid_argument& error) {
        const std::string message = error.what();
        EXPECT_NE(message.find(std::string("layer '") + GetParam().text + "'"), message.npos)
            << message;
        EXPECT_NE(message.find(GetParam().complaint), message.npos) << message;
        EXPECT_NE(message.find("write it like conv3x3"), message.npos) << message;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Texts,
    MalformedLayer,
    testing::Values(BadLayer{"", "unknown kind"},
                    BadLayer{"pool2x2:8@4x4", "unknown kind"},
                    BadLayer{"Conv3x3:1x1@1x1", "unknown kind"},
                    BadLayer{" conv3x3:1x1@1x1", "unknown kind"},
                    BadLayer{"conv", "a number for the kernel height"},
                    BadLayer{"conv3", "expected 'x' between kernel height and width"},
                    BadLayer{"conv3x:1x1@1x1", "a number for the kernel width"},
                    BadLayer{"conv3x3", "expected ':'"},
                    BadLayer{"conv3x3:", "a number for the channels"},
                    BadLayer{"conv3x3:32@16x16", "expected 'x' between channels in and out"},
                    BadLayer{"conv3x3:32x32", "expected '@'"},
                    BadLayer{"conv3x3:32x32@16", "expected 'x' between height and width"},
                    BadLayer{"conv3x3:32x32@16x", "a number for the width"},
                    BadLayer{"conv3x3:0x32@16x16", "the channels must lie in 1..65535"},
                    BadLayer{"conv3x3:-1x32@16x16", "the channels must lie in 1..65535"},
                    BadLayer{"conv3x3:65536x1@1x1", "the channels must lie in 1..65535"},
                    BadLayer{"conv3x3:99999999999x1@1x1", "a number for the channels"},
                    BadLayer{"conv3x3:1x1@16x16s0", "the stride must lie in 1..65535"},
                    BadLayer{"conv3x3:1x1@16x16s", "a number for the stride"},
                    BadLayer{"conv3x3:1x1@16x16p-1", "the padding must lie in 0..65535"},
                    BadLayer{"conv3x3:1x1@16x16p1x", "a number for the padding left and right"},
                    BadLayer{"conv3x3:1x1@16x16p0s2", "text is left over"},
                    BadLayer{"conv3x3:1x1@16x16 ", "text is left over"},
                    BadLayer{"conv3x3:1x1@16x16.5", "text is left over"},
                    BadLayer{"conv5x5:1x1@4x9p0", "the kernel is larger than the padded input"},
                    BadLayer{"conv2x9:1x1@4x4p0", "the kernel is larger than the padded input"},
                    BadLayer{"conv999x999:65535x65535@65535x65535", "multiply-accumulates"},
                    BadLayer{"dw3x3:64x64@16x16", "expected '@'"},
                    BadLayer{"fc:512", "expected 'x' between inputs and outputs"},
                    BadLayer{"fc512x64", "expected ':'"},
                    BadLayer{"fc:512x64@1x1", "text is left over"}));

}  // namespace
}  // namespace mixq::traces
