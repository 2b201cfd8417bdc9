// The shape of one layer, and its one-line notation:
//
//   conv3x3:32x32@16x16      kernel height x width : channels in x out @ input height x width
//   conv1x1:64x64@12x12s2    stride 2
//   conv5x5:8x16@20x20p0     padding 0; without it the padding is "same": (kernel - 1) / 2 on every side
//   conv1x3:8x8@1x64p0x2     paddings that differ: above and below x left and right
//   dw3x3:64@16x16           depthwise: one filter per channel
//   fc:512x64                fully connected: inputs x outputs
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace mixq::traces {

// Far above anything a microcontroller runs, far below what overflows 64 bits.
constexpr std::int64_t kMaxMacs = 1'000'000'000'000;

enum class LayerKind { Conv, Depthwise, FullyConnected };

struct Layer {
    LayerKind kind = LayerKind::Conv;
    int in_channels = 1;
    int out_channels = 1;
    int height = 1;  // of the input
    int width = 1;
    int kernel_height = 1;
    int kernel_width = 1;
    int stride = 1;
    int padding_y = 0;  // rows of zeros above and below
    int padding_x = 0;  // columns of zeros left and right

    int out_height() const { return (height + 2 * padding_y - kernel_height) / stride + 1; }

    int out_width() const { return (width + 2 * padding_x - kernel_width) / stride + 1; }

    // Input channels one output channel reads: 1 for depthwise layers.
    int filter_channels() const { return kind == LayerKind::Depthwise ? 1 : in_channels; }

    std::int64_t input_elements() const { return std::int64_t{in_channels} * height * width; }

    std::int64_t output_elements() const {
        return std::int64_t{out_channels} * out_height() * out_width();
    }

    std::int64_t weight_elements() const {
        return std::int64_t{out_channels} * filter_channels() * kernel_height * kernel_width;
    }

    // Multiply-accumulates; taps that fall on the zero padding count, for every kernel alike.
    std::int64_t macs() const {
        return output_elements() * filter_channels() * kernel_height * kernel_width;
    }

    auto operator<=>(const Layer&) const = default;
};

// Reads the notation above, up to kMaxMacs. Throws std::invalid_argument that says what is wrong.
Layer parse_layer(std::string_view text);

std::string to_string(const Layer& layer);

}  // namespace mixq::traces
