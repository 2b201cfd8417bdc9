// The definition of right: plain loops.
#include "kernels/reference/reference.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace mixq::kernels {
namespace {

// What does not fit is a mistake in the caller, and reading past an end would hide it.
void check_sizes(const IntegerLayer& layer, std::size_t input_elements) {
    if (input_elements != static_cast<std::size_t>(layer.shape.input_elements())) {
        throw std::runtime_error("layer " + layer.name + ": the input has " +
                                 std::to_string(input_elements) + " elements, the shape needs " +
                                 std::to_string(layer.shape.input_elements()));
    }
    if (layer.weights.size() != static_cast<std::size_t>(layer.shape.weight_elements())) {
        throw std::runtime_error(
            "layer " + layer.name + ": there are " + std::to_string(layer.weights.size()) +
            " weights, the shape needs " + std::to_string(layer.shape.weight_elements()));
    }
}

std::int32_t accumulate_one(
    const IntegerLayer& layer, std::span<const std::uint8_t> input, int out, int row, int column) {
    const traces::Layer& shape = layer.shape;
    const bool depthwise = shape.kind == traces::LayerKind::Depthwise;
    std::int32_t sum = 0;
    for (int c = 0; c < shape.filter_channels(); ++c) {
        const int in = depthwise ? out : c;
        for (int ky = 0; ky < shape.kernel_height; ++ky) {
            for (int kx = 0; kx < shape.kernel_width; ++kx) {
                const int y = row * shape.stride + ky - shape.padding_y;
                const int x = column * shape.stride + kx - shape.padding_x;
                if (y < 0 || y >= shape.height || x < 0 || x >= shape.width) continue;
                const int tap = ((out * shape.filter_channels() + c) * shape.kernel_height + ky) *
                                    shape.kernel_width +
                                kx;
                sum += input[(in * shape.height + y) * shape.width + x] * layer.weights[tap];
            }
        }
    }
    return sum;
}

std::uint8_t average(int sum, int count) {
    return static_cast<std::uint8_t>((sum + count / 2) / count);
}

std::vector<std::uint8_t> pool_2x2(
    Pool pool, std::span<const std::uint8_t> input, int channels, int height, int width) {
    std::vector<std::uint8_t> output;
    for (int c = 0; c < channels; ++c) {
        for (int y = 0; y + 1 < height; y += 2) {
            for (int x = 0; x + 1 < width; x += 2) {
                const std::uint8_t* top = &input[(c * height + y) * width + x];
                const std::uint8_t* bottom = top + width;
                output.push_back(pool == Pool::Max2x2
                                     ? std::max({top[0], top[1], bottom[0], bottom[1]})
                                     : average(top[0] + top[1] + bottom[0] + bottom[1], 4));
            }
        }
    }
    return output;
}

std::vector<std::uint8_t> global_average(std::span<const std::uint8_t> input, int channels) {
    std::vector<std::uint8_t> output;
    const std::size_t count = input.size() / static_cast<std::size_t>(channels);
    for (std::size_t at = 0; at < input.size(); at += count) {
        const auto plane = input.subspan(at, count);
        output.push_back(
            average(std::accumulate(plane.begin(), plane.end(), 0), static_cast<int>(count)));
    }
    return output;
}

}  // namespace

std::vector<std::int32_t> reference_accumulate(const IntegerLayer& layer,
                                               std::span<const std::uint8_t> input) {
    check_sizes(layer, input.size());
    std::vector<std::int32_t> sums;
    for (int out = 0; out < layer.shape.out_channels; ++out) {
        for (int y = 0; y < layer.shape.out_height(); ++y) {
            for (int x = 0; x < layer.shape.out_width(); ++x) {
                sums.push_back(accumulate_one(layer, input, out, y, x));
            }
        }
    }
    return sums;
}

std::uint8_t reference_requantise(std::int32_t accumulator,
                                  std::int32_t multiplier,
                                  std::int32_t bias,
                                  int shift,
                                  int output_bits) {
    const std::int64_t scaled =
        std::int64_t{multiplier} * accumulator + std::int64_t{bias} * (1 << 16);
    const std::int64_t value = scaled >> (16 + shift);
    return static_cast<std::uint8_t>(
        std::clamp<std::int64_t>(value, 0, (std::int64_t{1} << output_bits) - 1));
}

std::vector<std::uint8_t> reference_layer(const IntegerLayer& layer,
                                          std::span<const std::uint8_t> input) {
    if (layer.output_bits == 0) {
        throw std::runtime_error("layer " + layer.name +
                                 ": logits are not requantised; use reference_logits");
    }
    const int height = layer.shape.out_height();
    const int width = layer.shape.out_width();
    const std::vector<std::int32_t> sums = reference_accumulate(layer, input);
    std::vector<std::uint8_t> output;
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const std::size_t out = i / (static_cast<std::size_t>(height) * width);
        output.push_back(reference_requantise(
            sums[i], layer.multiplier[out], layer.bias[out], layer.shift, layer.output_bits));
    }
    if (layer.pool == Pool::None) return output;
    if (layer.pool == Pool::GlobalAverage) return global_average(output, layer.shape.out_channels);
    return pool_2x2(layer.pool, output, layer.shape.out_channels, height, width);
}

std::vector<std::uint8_t> reference_add(const Addition& addition,
                                        std::span<const std::uint8_t> a,
                                        std::span<const std::uint8_t> b) {
    check(addition);
    std::vector<std::uint8_t> output;
    for (int i = 0; i < addition.elements; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const std::int64_t sum = std::int64_t{addition.multiplier_a} * a[at] +
                                 std::int64_t{addition.multiplier_b} * b[at] + addition.bias;
        output.push_back(static_cast<std::uint8_t>(std::clamp<std::int64_t>(
            sum >> addition.shift, 0, (std::int64_t{1} << addition.output_bits) - 1)));
    }
    return output;
}

std::vector<std::int32_t> reference_logits(const IntegerNetwork& network,
                                           std::span<const std::uint8_t> input) {
    std::vector<std::uint8_t> tensor(input.begin(), input.end());
    for (std::size_t i = 0; i + 1 < network.layers.size(); ++i) {
        tensor = reference_layer(network.layers[i], tensor);
    }
    const IntegerLayer& last = network.layers.back();
    std::vector<std::int32_t> logits = reference_accumulate(last, tensor);
    const std::size_t positions =
        static_cast<std::size_t>(last.shape.out_height()) * last.shape.out_width();
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] += last.bias[i / positions];
    return logits;
}

}  // namespace mixq::kernels
