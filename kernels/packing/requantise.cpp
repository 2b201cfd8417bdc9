// Checks layers and stores the constants of requantisation.
#include "kernels/packing/requantise.h"

#include <algorithm>
#include <stdexcept>

namespace mixq::kernels::packing {
namespace {

// The scaled accumulator lies within 2^30 (checked by kernels::check), so a bias within 2^30 keeps the 32-bit sum exact.
constexpr std::int64_t kLargestBias = std::int64_t{1} << 30;

[[noreturn]] void fail(const IntegerLayer& layer, const std::string& why) {
    throw std::runtime_error("layer " + layer.name + ": " + why);
}

}  // namespace

void check_layer(const IntegerLayer& layer) {
    const auto elements = static_cast<std::size_t>(layer.shape.weight_elements());
    if (layer.weights.size() != elements) {
        fail(layer,
             "there are " + std::to_string(layer.weights.size()) + " weights, the shape needs " +
                 std::to_string(elements));
    }
    const auto channels = static_cast<std::size_t>(layer.shape.out_channels);
    if (layer.bias.size() != channels ||
        (layer.output_bits != 0 && layer.multiplier.size() != channels)) {
        fail(layer, "multiplier and bias need one value per output channel");
    }
    const int limit = 1 << (layer.precision.weight_bits - 1);
    for (std::size_t i = 0; i < elements; ++i) {
        if (layer.weights[i] < -limit || layer.weights[i] >= limit) {
            fail(layer,
                 "weight " + std::to_string(i) + " is " + std::to_string(layer.weights[i]) +
                     ", outside " + std::to_string(layer.precision.weight_bits) + " bits");
        }
    }
    for (std::size_t c = 0; c < channels; ++c) {
        if (layer.output_bits == 0) continue;
        if (std::abs(std::int64_t{layer.bias[c]}) >= kLargestBias) {
            fail(layer, "bias " + std::to_string(c) + " is 2^30 or more");
        }
        const Range range = accumulator_range(layer, static_cast<int>(c));
        if (layer.multiplier[c] < 0 || layer.multiplier[c] * range.magnitude() >= std::int64_t{1}
                                                                                      << 46) {
            fail(layer,
                 "multiplier " + std::to_string(c) + " times its accumulator may reach 2^46");
        }
    }
}

Range accumulator_range(const IntegerLayer& layer, int filter) {
    const traces::Layer& shape = layer.shape;
    const std::size_t taps = static_cast<std::size_t>(shape.filter_channels()) *
                             static_cast<std::size_t>(shape.kernel_height * shape.kernel_width);
    const std::int64_t top = (std::int64_t{1} << layer.precision.activation_bits) - 1;
    Range range;
    for (std::size_t i = filter * taps; i < (filter + 1) * taps; ++i) {
        (layer.weights[i] < 0 ? range.least : range.greatest) += layer.weights[i] * top;
    }
    return range;
}

Range accumulator_range(const IntegerLayer& layer) {
    Range all;
    for (int filter = 0; filter < layer.shape.out_channels; ++filter) {
        const Range range = accumulator_range(layer, filter);
        all.least = std::min(all.least, range.least);
        all.greatest = std::max(all.greatest, range.greatest);
    }
    return all;
}

void set_requantisation(const IntegerLayer& layer, PackedLayer& packed) {
    set_requantisation16(layer, packed);
    if (layer.output_bits == 0) return;
    const std::int64_t multiplier =
        *std::max_element(layer.multiplier.begin(), layer.multiplier.end());
    const std::int64_t accumulator = accumulator_range(layer).magnitude();
    for (int shift = 0; shift <= 16; ++shift) {
        if (multiplier << (16 - shift) > INT32_MAX || accumulator << shift > INT32_MAX) continue;
        for (std::int32_t& m : packed.multiplier) m <<= 16 - shift;
        packed.defines.emplace_back("MIXQ_SCALE_SHIFT", std::to_string(shift));
        return;
    }
}

void set_requantisation16(const IntegerLayer& layer, PackedLayer& packed) {
    packed.bias = layer.bias;
    packed.multiplier = layer.multiplier;
    if (layer.output_bits == 0) packed.multiplier.assign(layer.bias.size(), 0);
}

}  // namespace mixq::kernels::packing
