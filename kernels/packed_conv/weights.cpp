// Packs weights and constants as the generated code reads them.
#include "kernels/packed_conv/weights.h"

#include <algorithm>

#include "kernels/packing/requantise.h"

namespace mixq::kernels::packed_conv {

namespace {

constexpr int kWord = 32;
constexpr int kLaneBits = 16;

// The weight word of one chunk of one phase of a kernel row, before it is cut to 32 bits.
std::int64_t weight_word(const IntegerLayer& layer,
                         const Plan& plan,
                         int filter,
                         int channel,
                         int phase,
                         int row,
                         int chunk) {
    const traces::Layer& shape = layer.shape;
    std::int64_t word = 0;
    for (int field = 0; field < plan.taps(); ++field) {
        const int column = plan.geometry.kernel_column(phase, chunk * plan.elements() + field);
        if (column < 0) continue;
        const std::int64_t at =
            ((std::int64_t{filter} * shape.in_channels + channel) * shape.kernel_height + row) *
                shape.kernel_width +
            column;
        word += layer.weights[static_cast<std::size_t>(at)] *
                (std::int64_t{1} << (plan.bits() * field + plan.placement.weight_shift));
    }
    return word;
}

void append(std::vector<std::uint8_t>& bytes, std::uint64_t word) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
}

// A bias in fields `from` to the last, as the accumulator holds them.
std::uint64_t spread(const Plan& plan, std::uint64_t bias, int from, int fields) {
    std::uint64_t word = 0;
    for (int n = from; n < fields; ++n) word += bias << (plan.first_bit() + n * plan.bits());
    return word;
}

// Of Bytes and Aligned forms the high word alone: with Ns biased fields it also serves as the carry of nothing. Straddled: the
// high word, what the low one needs beside a carry, and the low word before the first strip.
void append_constants(std::vector<std::uint8_t>& bytes, const Plan& plan, std::uint64_t bias) {
    if (plan.form() != Form::Straddled) {
        std::uint64_t word = 0;
        for (int n = 0; n < plan.elements(); ++n) word += bias << (n * plan.bits());
        append(bytes, word);
        return;
    }
    const int fields = plan.placement.shape.fields();
    const std::uint64_t upper = spread(plan, bias, plan.taps() - 1, fields);
    append(bytes, upper >> kWord);
    append(bytes, upper);
    append(bytes, spread(plan, bias, 0, fields));
}

// What the sums begin at so that they end at the accumulators: the fields' biases, `total` over all groups, come off.
void append_starts(std::vector<std::uint8_t>& bytes, const Plan& plan, std::int64_t total) {
    const auto bias = static_cast<std::uint32_t>(-total);
    const int s = plan.bits();
    std::vector<std::uint32_t> words;
    if (plan.wide) {
        std::uint32_t word = 0;
        for (int n = plan.elements(); n-- > 0;) {
            word = bias + (word << s);
            words.insert(words.begin(), word);
        }
    } else if (plan.form() == Form::Bytes) {
        words.assign(2, (bias & 0xffff) * 0x10001);
    } else if (plan.form() == Form::Straddled) {
        const std::uint32_t with_next = (bias + (bias << s)) & 0xffff;
        words = {with_next * 0x10001, plan.elements() == 3 ? bias : with_next | bias << kLaneBits};
    } else if (plan.elements() == 2) {
        words = {bias + ((bias + (s < kWord / 2 ? bias << s : 0)) << kLaneBits)};
    } else {
        words = {bias + (bias << s) + ((bias + (bias << s)) << kLaneBits), bias};
    }
    words.resize(static_cast<std::size_t>(plan.start_words()), 0);
    for (const std::uint32_t word : words) append(bytes, word);
}

}  // namespace

std::span<const std::int8_t> group_weights(const IntegerLayer& layer,
                                           int depth,
                                           int filter,
                                           int group) {
    const traces::Layer& shape = layer.shape;
    const int first = std::min(group * depth, shape.in_channels);
    const int channels = std::min(depth, shape.in_channels - first);
    const std::int64_t taps = std::int64_t{shape.kernel_height} * shape.kernel_width;
    return std::span(layer.weights)
        .subspan(
            static_cast<std::size_t>((std::int64_t{filter} * shape.in_channels + first) * taps),
            static_cast<std::size_t>(channels * taps));
}

std::vector<std::int64_t> weight_words(const IntegerLayer& layer,
                                       const Plan& plan,
                                       int filter,
                                       int group) {
    std::vector<std::int64_t> words;
    for (int k = 0; k < plan.depth; ++k) {
        const int channel = group * plan.depth + k;
        for (int phase = 0; phase < plan.geometry.phases; ++phase) {
            for (int row = 0; row < layer.shape.kernel_height; ++row) {
                for (int chunk = 0; chunk < plan.chunks; ++chunk) {
                    words.push_back(
                        channel < layer.shape.in_channels
                            ? weight_word(layer, plan, filter, channel, phase, row, chunk)
                            : 0);
                }
            }
        }
    }
    return words;
}

Finish finish_of(const IntegerLayer& layer, const Plan& plan) {
    Finish finish;
    finish.shift = layer.shift;
    finish.bias = layer.bias;
    finish.multiplier = layer.multiplier;
    finish.multiplier.resize(layer.bias.size(), 0);
    if (layer.output_bits == 0) return finish;
    // Largest left shift of all multipliers, biases and results that keeps 32 bits.
    std::int64_t multiplier = 1;
    std::int64_t result = 1;
    std::int64_t sum = 1;
    for (std::size_t k = 0; k < layer.bias.size(); ++k) {
        const std::int64_t m = layer.multiplier[k];
        const std::int64_t magnitude =
            packing::accumulator_range(layer, static_cast<int>(k)).magnitude();
        const std::int64_t bias = layer.bias[k] < 0 ? -std::int64_t{layer.bias[k]} : layer.bias[k];
        multiplier = std::max(multiplier, m);
        sum = std::max(sum, magnitude);
        result = std::max(result, (m * magnitude >> kLaneBits) + 1 + bias);
    }
    const auto fits = [](std::int64_t value, int left) { return value << left <= INT32_MAX; };
    const auto scale = [&](std::vector<std::int32_t>& values, int left) {
        for (std::int32_t& value : values)
            value = static_cast<std::int32_t>(std::int64_t{value} << left);
    };
    if (plan.wide) {
        while (finish.sum_shift < kLaneBits && fits(sum, finish.sum_shift + 1)) ++finish.sum_shift;
        finish.long_product = !fits(multiplier, kLaneBits - finish.sum_shift);
        if (finish.long_product) {
            finish.sum_shift = 0;
            return finish;
        }
        scale(finish.multiplier, kLaneBits - finish.sum_shift);
        multiplier <<= kLaneBits - finish.sum_shift;
    }
    const int left = kLaneBits - layer.shift;
    if (left >= 0 && fits(multiplier, left) && fits(result, left)) {
        scale(finish.multiplier, left);
        scale(finish.bias, left);
        finish.halves = true;
    }
    return finish;
}

std::vector<std::uint8_t> pack_weights(const IntegerLayer& layer,
                                       const Plan& plan,
                                       const Finish& finish) {
    std::vector<std::uint8_t> bytes;
    for (int filter = 0; filter < layer.shape.out_channels; ++filter) {
        std::vector<std::uint8_t> groups;
        std::int64_t total = 0;
        for (int group = 0; group < plan.groups; ++group) {
            const std::int64_t bias =
                packing::actual_reach(group_weights(layer, plan.depth, filter, group),
                                      layer.precision.activation_bits)
                    .bias;
            total += bias;
            const std::size_t before = groups.size();
            for (const std::int64_t word : weight_words(layer, plan, filter, group))
                append(groups, static_cast<std::uint64_t>(word));
            append_constants(groups, plan, static_cast<std::uint64_t>(bias));
            groups.resize(before + 4 * static_cast<std::size_t>(plan.group_words()), 0);
        }
        append_starts(bytes, plan, total);
        bytes.insert(bytes.end(), groups.begin(), groups.end());
        const auto at = static_cast<std::size_t>(filter);
        append(bytes, static_cast<std::uint32_t>(finish.multiplier[at]));
        append(bytes, static_cast<std::uint32_t>(finish.bias[at]));
    }
    bytes.insert(bytes.end(), 8, 0);
    return bytes;
}

}  // namespace mixq::kernels::packed_conv
