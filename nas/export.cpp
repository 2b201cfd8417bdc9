// Folding, and the integer forward in LibTorch.
//
// With a the integer input (step s_a), w the integer weight (step s_w[c]), acc = sum a w, batch
// normalisation gamma (x - mean) / sqrt(var + epsilon) + beta and the next layer's step s_y:
//
//   y / s_y = acc M[c] + B[c],   M = gamma s_a s_w / (sqrt(var + epsilon) s_y),
//                                B = (beta - gamma mean / sqrt(var + epsilon)) / s_y
//   y       = floor((multiplier acc + bias 2^16) / 2^(16 + shift))
//   multiplier = round(M 2^(16 + shift)),   bias = round((B + 1/2) 2^shift)
//
// A negative gamma negates the channel's weights: the grid is symmetric.
#include "nas/export.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace mixq::nas {

namespace {

using torch::Tensor;

constexpr double kEpsilon = 1e-5;  // of batch normalisation, as in the supernet's forward pass

// Bounds that keep kernels::check() satisfied with a bit to spare: |multiplier acc| < 2^46, so its
// high word is below 2^30 and so must the bias be.
constexpr double kProductLimit = 70368744177664.0 * 0.99;  // 2^46
constexpr double kBiasLimit = 1073741824.0 * 0.99;         // 2^30
constexpr double kMultiplierLimit = 2147483648.0 * 0.99;   // 2^31
constexpr int kMaxShift = 31;

// Floats hold every integer up to here exactly: so are sums that stay below, in any order.
constexpr std::int64_t kExactInFloat = std::int64_t{1} << 24;

struct Channel {
    double slope = 0;   // M
    double offset = 0;  // B
    double reach = 0;   // the largest |acc|
};

std::int64_t reach(const std::int8_t* weights, std::int64_t taps, int activation_bits) {
    std::int64_t negative = 0;
    std::int64_t positive = 0;
    for (std::int64_t i = 0; i < taps; ++i) {
        (weights[i] < 0 ? negative : positive) += std::abs(static_cast<int>(weights[i]));
    }
    return std::max(negative, positive) * ((1 << activation_bits) - 1);
}

// The largest shift at which every constant of the layer fits.
int choose_shift(const std::vector<Channel>& channels, const std::string& name) {
    for (int shift = kMaxShift; shift >= 0; --shift) {
        const bool fits = std::all_of(channels.begin(), channels.end(), [&](const Channel& c) {
            const double multiplier = std::ldexp(c.slope, 16 + shift);
            return multiplier < kMultiplierLimit && multiplier * c.reach < kProductLimit &&
                   std::abs(std::ldexp(c.offset + 0.5, shift)) < kBiasLimit;
        });
        if (fits) {
            return shift;
        }
    }
    throw std::runtime_error("layer " + name +
                             ": batch normalisation scales a channel beyond what 32-bit constants "
                             "hold; train longer or with a lower learning rate");
}

double activation_step(const SupernetLayer& layer, int bits) {
    return std::exp(
        static_cast<double>(layer.log_activation_step[bits - traces::kMinBits].item<float>()));
}

std::vector<std::int8_t> integer_weights(const SupernetLayer& layer, int bits) {
    const Tensor steps = layer.log_weight_step.exp();
    const Tensor quantised =
        mixed_quantise(layer.weight.detach(), steps.unsqueeze(0), torch::ones({1}), {{bits, true}});
    const Tensor integers =
        torch::round(quantised.reshape({layer.channels(), -1}) / steps.unsqueeze(1))
            .to(torch::kInt8)
            .contiguous();
    const auto* data = integers.data_ptr<std::int8_t>();
    return {data, data + integers.numel()};
}

std::vector<Channel> fold(const SupernetLayer& layer, double input_step, double output_step) {
    std::vector<Channel> channels;
    for (std::int64_t c = 0; c < layer.shape.out_channels; ++c) {
        const auto at = [c](const Tensor& tensor) {
            return static_cast<double>(tensor[c].item<float>());
        };
        const double scale = at(layer.gamma) / std::sqrt(at(layer.running_var) + kEpsilon);
        Channel channel;
        channel.slope = scale * input_step * std::exp(at(layer.log_weight_step)) / output_step;
        channel.offset = (at(layer.beta) - scale * at(layer.running_mean)) / output_step;
        channels.push_back(channel);
    }
    return channels;
}

void requantise(kernels::IntegerLayer& layer, std::vector<Channel> channels) {
    const auto taps = layer.shape.weight_elements() / layer.shape.out_channels;
    for (std::size_t c = 0; c < channels.size(); ++c) {
        Channel& channel = channels[c];
        std::int8_t* weights = layer.weights.data() + static_cast<std::int64_t>(c) * taps;
        if (channel.slope < 0) {
            channel.slope = -channel.slope;
            std::transform(weights, weights + taps, weights, [](std::int8_t weight) {
                return static_cast<std::int8_t>(-weight);
            });
        }
        channel.reach = static_cast<double>(reach(weights, taps, layer.precision.activation_bits));
        if (channel.reach == 0) {
            channel.slope = 0;  // nothing to multiply: it must not cost the others precision
        }
        // What saturates everywhere needs no exact offset either.
        const double top = std::ldexp(1.0, layer.output_bits);
        const double extreme = channel.slope * channel.reach + top;
        channel.offset = std::clamp(channel.offset, -extreme, extreme);
    }
    layer.shift = choose_shift(channels, layer.name);
    for (const Channel& channel : channels) {
        layer.multiplier.push_back(
            static_cast<std::int32_t>(std::llround(std::ldexp(channel.slope, 16 + layer.shift))));
        layer.bias.push_back(
            static_cast<std::int32_t>(std::llround(std::ldexp(channel.offset + 0.5, layer.shift))));
    }
}

Tensor images_tensor(const ImageSet& set, int first, int count) {
    const std::int64_t elements = set.image_elements();
    // from_blob does not write; it only lacks a const signature.
    auto* data = const_cast<std::uint8_t*>(set.pixels.data()) + first * elements;
    return torch::from_blob(data, {count, set.channels, set.height, set.width}, torch::kUInt8);
}

Tensor accumulate(const kernels::IntegerLayer& layer, const Tensor& x) {
    const traces::Layer& shape = layer.shape;
    const auto taps = shape.weight_elements() / shape.out_channels;
    std::int64_t largest = 0;
    for (int c = 0; c < shape.out_channels; ++c) {
        // Both signs together bound every partial sum.
        const std::int8_t* weights = layer.weights.data() + c * taps;
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < taps; ++i) {
            sum += std::abs(static_cast<int>(weights[i]));
        }
        largest = std::max(largest, sum * ((1 << layer.precision.activation_bits) - 1));
    }
    const auto type = largest < kExactInFloat ? torch::kFloat32 : torch::kFloat64;
    auto* data = const_cast<std::int8_t*>(layer.weights.data());
    const Tensor weights =
        torch::from_blob(data, {shape.out_channels, taps}, torch::kInt8).to(type);
    const Tensor input = x.to(type);
    if (shape.kind == traces::LayerKind::FullyConnected) {
        return torch::matmul(input.flatten(1), weights.t()).to(torch::kInt64);
    }
    return torch::conv2d(input,
                         weights.reshape({shape.out_channels,
                                          shape.filter_channels(),
                                          shape.kernel_height,
                                          shape.kernel_width}),
                         {},
                         shape.stride,
                         {shape.padding_y, shape.padding_x},
                         1,
                         shape.kind == traces::LayerKind::Depthwise ? shape.in_channels : 1)
        .to(torch::kInt64);
}

Tensor per_channel(const std::vector<std::int32_t>& constants, std::int64_t dimensions) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(dimensions), 1);
    shape[1] = static_cast<std::int64_t>(constants.size());
    return torch::tensor(std::vector<std::int64_t>(constants.begin(), constants.end()),
                         torch::kInt64)
        .reshape(shape);
}

}  // namespace

kernels::IntegerNetwork export_network(const Space& space, const Supernet& supernet) {
    const torch::NoGradGuard no_grad;
    kernels::IntegerNetwork network;
    network.name = space.name;
    const auto& bits = supernet.bits();
    double input_step = 1.0 / 255;
    for (std::size_t i = 0; i < supernet.layers().size(); ++i) {
        const SupernetLayer& from = supernet.layers()[i];
        kernels::IntegerLayer layer;
        layer.name = space.blocks[i].name;
        layer.shape = from.shape;
        layer.precision = bits[i];
        layer.pool = from.pool;
        layer.output_bits = from.last ? 0 : bits[i + 1].activation_bits;
        layer.weights = integer_weights(from, bits[i].weight_bits);
        if (from.last) {
            const double step =
                input_step * std::exp(static_cast<double>(from.log_weight_step[0].item<float>()));
            for (std::int64_t c = 0; c < from.shape.out_channels; ++c) {
                layer.bias.push_back(static_cast<std::int32_t>(
                    std::llround(static_cast<double>(from.bias[c].item<float>()) / step)));
            }
        } else {
            const double output_step = activation_step(supernet.layers()[i + 1], layer.output_bits);
            requantise(layer, fold(from, input_step, output_step));
            input_step = output_step;
        }
        network.layers.push_back(std::move(layer));
    }
    kernels::check(network);
    return network;
}

Tensor integer_logits(const kernels::IntegerNetwork& network, const Tensor& images) {
    const torch::NoGradGuard no_grad;
    Tensor x = images;
    for (const kernels::IntegerLayer& layer : network.layers) {
        x = accumulate(layer, x);
        const Tensor bias = per_channel(layer.bias, x.dim());
        if (layer.output_bits == 0) {
            return x + bias;
        }
        x = x * per_channel(layer.multiplier, x.dim()) + bias * (std::int64_t{1} << 16);
        x = torch::bitwise_right_shift(x, 16 + layer.shift).clamp(0, (1 << layer.output_bits) - 1);
        if (layer.pool == kernels::Pool::Max2x2) {
            x = torch::max_pool2d(x.to(torch::kFloat32), 2);  // at most 8 bits: exact
        }
    }
    return x.to(torch::kInt64).flatten(1);
}

double integer_accuracy(const kernels::IntegerNetwork& network, const ImageSet& set) {
    constexpr int kBatch = 200;
    int right = 0;
    for (int first = 0; first < set.size(); first += kBatch) {
        const int count = std::min(kBatch, set.size() - first);
        const Tensor logits =
            integer_logits(network, images_tensor(set, first, count)).contiguous();
        const auto* data = logits.data_ptr<std::int64_t>();
        const std::int64_t outputs = logits.size(1);
        for (int i = 0; i < count; ++i) {
            const auto* row = data + i * outputs;
            const auto best = std::max_element(row, row + outputs) - row;
            right += best == set.labels[static_cast<std::size_t>(first + i)] ? 1 : 0;
        }
    }
    return set.size() == 0 ? 0 : static_cast<double>(right) / set.size();
}

kernels::Golden make_golden(const kernels::IntegerNetwork& network,
                            const ImageSet& set,
                            int images) {
    const int count = std::min(images, set.size());
    const Tensor logits = integer_logits(network, images_tensor(set, 0, count)).contiguous();
    kernels::Golden golden;
    golden.input_elements = set.image_elements();
    golden.outputs = static_cast<int>(logits.size(1));
    golden.inputs.assign(
        set.pixels.begin(),
        set.pixels.begin() + static_cast<std::ptrdiff_t>(count) * set.image_elements());
    golden.labels.assign(set.labels.begin(), set.labels.begin() + count);
    const auto* data = logits.data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < logits.numel(); ++i) {
        golden.logits.push_back(static_cast<std::int32_t>(data[i]));
    }
    return golden;
}

}  // namespace mixq::nas
