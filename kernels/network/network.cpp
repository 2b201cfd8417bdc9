// Checks that an integer network can be computed exactly in 32 bits.
#include "kernels/network/network.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <stdexcept>

namespace mixq::kernels {

namespace {

// Far more than any microcontroller holds; keeps every product of dimensions inside 64 bits.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;
constexpr int kMaxDimension = 65535;
// Up to here a sum of bytes times a 32-bit reciprocal divides exactly: 256 n^2 < 2^32.
constexpr int kMaxAveraged = 4095;
// The high word of multiplier * acc is what SMLAWx and SMMLA give: 16 bits are shifted out.
constexpr std::int64_t kProductLimit = std::int64_t{1} << 46;

// Names the layer in every failure.
class LayerCheck {
  public:
    LayerCheck(const IntegerNetwork& network, std::size_t index)
        : network_(network), layer_(network.layers[index]), index_(index) {}

    void run() const {
        check_name();
        check_shape();
        check_chain();
        check_bits();
        check_constants();
        check_range();
    }

  private:
    [[noreturn]] void fail(const std::string& why) const {
        throw std::runtime_error("network '" + network_.name + "', layer '" + layer_.name +
                                 "': " + why);
    }

    void require(bool holds, const std::string& why) const {
        if (!holds) fail(why);
    }

    void check_name() const {
        const auto letter = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        };
        const bool identifier = !layer_.name.empty() && layer_.name.size() <= 64 &&
                                letter(layer_.name[0]) &&
                                std::all_of(layer_.name.begin(), layer_.name.end(), [&](char c) {
                                    return letter(c) || (c >= '0' && c <= '9');
                                });
        require(identifier, "its name is not a C identifier of at most 64 characters");
    }

    void check_shape() const {
        const traces::Layer& shape = layer_.shape;
        for (const int value : {shape.in_channels,
                                shape.out_channels,
                                shape.height,
                                shape.width,
                                shape.kernel_height,
                                shape.kernel_width,
                                shape.stride}) {
            require(value >= 1 && value <= kMaxDimension, "a dimension lies outside 1..65535");
        }
        require(shape.padding_y >= 0 && shape.padding_y < shape.kernel_height &&
                    shape.padding_x >= 0 && shape.padding_x < shape.kernel_width,
                "its padding is not smaller than its kernel");
        require(shape.height + 2 * shape.padding_y >= shape.kernel_height &&
                    shape.width + 2 * shape.padding_x >= shape.kernel_width,
                "its kernel is larger than the padded input");
        if (shape.kind == traces::LayerKind::Depthwise) {
            require(shape.in_channels == shape.out_channels,
                    "depthwise, but its channels in and out differ");
        }
        if (shape.kind == traces::LayerKind::FullyConnected) {
            require(shape.height == 1 && shape.width == 1 && shape.kernel_height == 1 &&
                        shape.kernel_width == 1 && shape.stride == 1,
                    "fully connected, but not of one row, one column and a 1x1 kernel");
        }
        require(std::int64_t{shape.kernel_height} * shape.kernel_width <= kMaxElements &&
                    std::int64_t{shape.out_channels} * shape.filter_channels() <=
                        kMaxElements / (std::int64_t{shape.kernel_height} * shape.kernel_width),
                "it has more than 2^28 weights");
        require(shape.input_elements() <= kMaxElements && shape.output_elements() <= kMaxElements,
                "its input or output has more than 2^28 elements");
        require(layer_.output_height() >= 1 && layer_.output_width() >= 1,
                "nothing is left after its pooling");
        require(layer_.pool != Pool::GlobalAverage ||
                    std::int64_t{shape.out_height()} * shape.out_width() <= kMaxAveraged,
                "it averages more than " + std::to_string(kMaxAveraged) + " positions");
    }

    void check_chain() const {
        if (index_ == 0) return;
        const IntegerLayer& before = network_.layers[index_ - 1];
        const traces::Layer& shape = layer_.shape;
        const std::string gives = std::to_string(before.shape.out_channels) + "@" +
                                  std::to_string(before.output_height()) + "x" +
                                  std::to_string(before.output_width());
        const std::string after = "layer '" + before.name + "' before it gives " + gives;
        if (shape.kind == traces::LayerKind::FullyConnected) {
            const std::int64_t elements = std::int64_t{before.shape.out_channels} *
                                          before.output_height() * before.output_width();
            require(shape.in_channels == elements,
                    "it takes " + std::to_string(shape.in_channels) + " inputs, but " + after);
        } else {
            require(shape.in_channels == before.shape.out_channels &&
                        shape.height == before.output_height() &&
                        shape.width == before.output_width(),
                    "it takes " + std::to_string(shape.in_channels) + "@" +
                        std::to_string(shape.height) + "x" + std::to_string(shape.width) +
                        ", but " + after);
        }
        require(before.output_bits == layer_.precision.activation_bits,
                "its input has " + std::to_string(layer_.precision.activation_bits) +
                    " bits, but layer '" + before.name + "' before it has output bits " +
                    std::to_string(before.output_bits));
    }

    void check_bits() const {
        const auto in_range = [](int bits) {
            return bits >= traces::kMinBits && bits <= traces::kMaxBits;
        };
        require(
            in_range(layer_.precision.weight_bits) && in_range(layer_.precision.activation_bits),
            "its bits lie outside 2..8");
        const bool last = index_ + 1 == network_.layers.size();
        require(in_range(layer_.output_bits) || (layer_.output_bits == 0 && last),
                "its output bits are " + std::to_string(layer_.output_bits) +
                    ", not 2..8 (0, for logits, only in the last layer)");
        require(layer_.output_bits != 0 || layer_.pool == Pool::None, "it pools logits");
        require(layer_.shift >= 0 && layer_.shift <= 31, "its shift lies outside 0..31");
    }

    void check_constants() const {
        const auto outputs = static_cast<std::size_t>(layer_.shape.out_channels);
        const auto count = [&](const char* what, std::size_t has, std::size_t wanted) {
            require(has == wanted,
                    std::string("it has ") + std::to_string(has) + " " + what + " where " +
                        std::to_string(wanted) + " belong");
        };
        count("weights",
              layer_.weights.size(),
              static_cast<std::size_t>(layer_.shape.weight_elements()));
        count("biases", layer_.bias.size(), outputs);
        if (layer_.output_bits != 0 || !layer_.multiplier.empty()) {
            count("multipliers", layer_.multiplier.size(), outputs);
        }
        require(std::all_of(layer_.multiplier.begin(),
                            layer_.multiplier.end(),
                            [](std::int32_t value) { return value >= 0; }),
                "a multiplier is negative");
        const int limit = 1 << (layer_.precision.weight_bits - 1);
        const auto outside =
            std::find_if(layer_.weights.begin(), layer_.weights.end(), [&](std::int8_t weight) {
                return weight < -limit || weight >= limit;
            });
        if (outside != layer_.weights.end()) {
            fail("weight " + std::to_string(outside - layer_.weights.begin()) + " is " +
                 std::to_string(*outside) + ", which does not fit " +
                 std::to_string(layer_.precision.weight_bits) + " bits");
        }
    }

    // The extremes every filter can reach with inputs of all zeros and all ones where it hurts.
    void check_range() const {
        const std::size_t taps = layer_.weights.size() / layer_.bias.size();
        const std::int64_t largest_input = (1 << layer_.precision.activation_bits) - 1;
        for (std::size_t filter = 0; filter < layer_.bias.size(); ++filter) {
            std::int64_t low = 0;
            std::int64_t high = 0;
            for (std::size_t tap = 0; tap < taps; ++tap) {
                const std::int64_t weight = layer_.weights[filter * taps + tap];
                (weight < 0 ? low : high) += weight * largest_input;
            }
            const std::string where = "filter " + std::to_string(filter) + " ";
            const auto fits = [](std::int64_t value) {
                return value >= std::numeric_limits<std::int32_t>::min() &&
                       value <= std::numeric_limits<std::int32_t>::max();
            };
            require(fits(low) && fits(high), where + "can leave a 32-bit accumulator");
            const std::int64_t bias = layer_.bias[filter];
            if (layer_.output_bits == 0) {
                require(fits(low + bias) && fits(high + bias), where + "can leave 32-bit logits");
                continue;
            }
            const std::int64_t multiplier = layer_.multiplier[filter];
            // Dividing, as the product itself may not fit 64 bits.
            const std::int64_t most = std::max(-low, high);
            require(multiplier == 0 || most <= (kProductLimit - 1) / multiplier,
                    where + "can reach |multiplier * accumulator| of 2^46");
            require(
                fits(((multiplier * low) >> 16) + bias) && fits(((multiplier * high) >> 16) + bias),
                where + "can leave 32 bits once its bias is added");
        }
    }

    const IntegerNetwork& network_;
    const IntegerLayer& layer_;
    std::size_t index_;
};

}  // namespace

void check(const IntegerNetwork& network) {
    if (network.layers.empty()) {
        throw std::runtime_error("network '" + network.name + "' has no layers");
    }
    std::set<std::string> names;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        LayerCheck(network, i).run();
        if (!names.insert(network.layers[i].name).second) {
            throw std::runtime_error("network '" + network.name + "' has two layers named '" +
                                     network.layers[i].name + "'");
        }
    }
}

void check(const Addition& addition) {
    const auto require = [](bool holds, const std::string& what) {
        if (!holds) throw std::invalid_argument("an addition whose " + what);
    };
    require(addition.elements >= 1 && addition.elements <= kMaxElements,
            "number of elements lies outside 1..2^28");
    for (const int multiplier : {addition.multiplier_a, addition.multiplier_b})
        require(multiplier >= 0 && multiplier <= INT16_MAX, "multiplier lies outside 0..32767");
    require(std::abs(std::int64_t{addition.bias}) <= 1 << 30, "bias lies outside 2^30");
    require(addition.shift >= 0 && addition.shift <= 31, "shift lies outside 0..31");
    require(addition.output_bits >= traces::kMinBits && addition.output_bits <= traces::kMaxBits,
            "output bits lie outside 2..8");
}

namespace {

constexpr std::array<std::pair<Pool, std::string_view>, 4> kPools{{
    {Pool::None, "none"},
    {Pool::Max2x2, "max2x2"},
    {Pool::Average2x2, "average2x2"},
    {Pool::GlobalAverage, "global-average"},
}};

}  // namespace

std::string_view name(Pool pool) {
    return kPools[static_cast<std::size_t>(pool)].second;
}

Pool parse_pool(std::string_view text) {
    std::string known;
    for (const auto& [pool, pool_name] : kPools) {
        if (pool_name == text) return pool;
        known += (known.empty() ? "" : ", ") + std::string(pool_name);
    }
    throw std::invalid_argument("'" + std::string(text) + "'; there is " + known);
}

}  // namespace mixq::kernels
