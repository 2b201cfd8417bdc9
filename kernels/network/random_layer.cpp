// Seeded layers and inputs for measurements and tests: the same on every machine.
#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/network/firmware.h"
#include "kernels/reference/reference.h"

namespace mixq::kernels {

namespace {

// The standard fixes the engine's numbers but not those of its distributions.
class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    int between(int least, int greatest) {
        const auto count = static_cast<std::uint64_t>(greatest - least + 1);
        return least + static_cast<int>(engine_() % count);
    }

  private:
    std::mt19937_64 engine_;
};

// Fraction bits of the multipliers beyond the 16 that the product's high word drops: six keep the
// rounding of the multiplier well below one output step.
constexpr int kShift = 6;

std::int8_t random_weight(Random& random, WeightKind kind, int bits, std::size_t index) {
    const int least = -(1 << (bits - 1));
    const int greatest = (1 << (bits - 1)) - 1;
    int weight = 0;
    switch (kind) {
        case WeightKind::Uniform:
            weight = random.between(least, greatest);
            break;
        case WeightKind::BellShaped:
            for (int i = 0; i < 4; ++i) weight += random.between(least, greatest);
            weight = (weight >= 0 ? weight + 2 : weight - 2) / 4;
            break;
        case WeightKind::AllMinimum:
            weight = least;
            break;
        case WeightKind::AllMaximum:
            weight = greatest;
            break;
        case WeightKind::Alternating:
            weight = index % 2 == 0 ? least : greatest;
            break;
    }
    return static_cast<std::int8_t>(weight);
}

// Maps what the accumulators were for a random input onto a little more than the output's range, so
// that both clamps are met too. Constant weights and few pixels would make that range too small to
// mean anything: it is taken to be at least about one deviation of a sum of so many taps.
void spread(IntegerLayer& layer, std::size_t filter, std::span<const std::int32_t> accumulators) {
    const auto [least, greatest] = std::minmax_element(accumulators.begin(), accumulators.end());
    const double taps =
        static_cast<double>(layer.weights.size()) / static_cast<double>(layer.bias.size());
    const double deviation = std::sqrt(taps) * ((1 << layer.precision.activation_bits) - 1);
    const double range = std::max(deviation, static_cast<double>(*greatest) - *least);
    const double levels = 1 << layer.output_bits;
    const double scale = 1.1 * levels / range;
    const std::int64_t multiplier = std::llround(scale * std::exp2(16 + kShift));
    const std::int64_t middle = (std::int64_t{*least} + *greatest) / 2;
    const std::int64_t half = static_cast<std::int64_t>(levels / 2) << kShift;
    layer.multiplier[filter] = static_cast<std::int32_t>(multiplier);
    layer.bias[filter] = static_cast<std::int32_t>(half - ((multiplier * middle) >> 16));
}

}  // namespace

IntegerNetwork random_layer(const traces::Layer& shape,
                            traces::Precision precision,
                            WeightKind weights,
                            std::uint64_t seed) {
    Random random(seed);
    IntegerLayer layer;
    layer.name = "layer";
    layer.shape = shape;
    layer.precision = precision;
    layer.output_bits = precision.activation_bits;
    layer.shift = kShift;
    layer.weights.resize(static_cast<std::size_t>(shape.weight_elements()));
    for (std::size_t i = 0; i < layer.weights.size(); ++i) {
        layer.weights[i] = random_weight(random, weights, precision.weight_bits, i);
    }
    const auto filters = static_cast<std::size_t>(shape.out_channels);
    layer.multiplier.resize(filters);
    layer.bias.resize(filters);
    const std::vector<std::int32_t> accumulators =
        reference_accumulate(layer, random_input(layer, seed + 1));
    const std::size_t pixels = accumulators.size() / filters;
    const std::span<const std::int32_t> all = accumulators;
    for (std::size_t filter = 0; filter < filters; ++filter) {
        // A fully connected layer has one accumulator per filter: its filters share one range.
        spread(layer, filter, pixels < 4 ? all : all.subspan(filter * pixels, pixels));
    }
    IntegerNetwork network{"layer", {layer}};
    check(network);
    return network;
}

std::vector<std::uint8_t> random_input(const IntegerLayer& layer, std::uint64_t seed) {
    Random random(seed);
    std::vector<std::uint8_t> input(static_cast<std::size_t>(layer.shape.input_elements()));
    const int greatest = (1 << layer.precision.activation_bits) - 1;
    for (std::uint8_t& value : input) {
        value = static_cast<std::uint8_t>(random.between(0, greatest));
    }
    return input;
}

}  // namespace mixq::kernels
