// Chooses the field, proves it, packs the records.
#include "kernels/packed_dw/plan.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "kernels/packing/packing.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels::packed_dw {
namespace {

using packing::Reach;

constexpr int kByte = 8;
constexpr std::int64_t kBytesAbove = 256;  // Mixed: even outputs lie a byte above odd ones

std::span<const std::int8_t> filter(const IntegerLayer& layer, int channel) {
    return std::span(layer.weights).subspan(static_cast<std::size_t>(channel) * kTaps, kTaps);
}

Reach reach_of(const IntegerLayer& layer, int channel) {
    return packing::actual_reach(filter(layer, channel), layer.precision.activation_bits);
}

int low_digit(int activation_bits) {
    return (activation_bits + 1) / 2;
}

// What the factors of a packing must hold. Mixed multiplies whole words too.
bool factors_fit(Packing packing, traces::Precision precision) {
    constexpr packing::FieldShape kBytes{8, 4, 3};
    constexpr packing::FieldShape kLanes{16, 2, 2};
    const traces::Precision digits{precision.weight_bits, low_digit(precision.activation_bits)};
    switch (packing) {
        case Packing::Bytes:
            return packing::registers_fit(kBytes, precision);
        case Packing::Digits:
            return packing::registers_fit(kBytes, digits);
        case Packing::Lanes:
            return packing::registers_fit(kLanes, precision);
        case Packing::Mixed:
            break;
    }
    return packing::registers_fit(kLanes, precision) && packing::registers_fit(kBytes, precision);
}

// The shift, if multipliers and biases can be scaled so that what is left is 16 for every channel.
bool top_halves(const IntegerLayer& layer) {
    const int scale = 16 - layer.shift;
    if (layer.output_bits == 0 || scale < 0) return false;
    for (int c = 0; c < layer.shape.out_channels; ++c) {
        const auto at = static_cast<std::size_t>(c);
        const std::int64_t multiplier = std::int64_t{layer.multiplier[at]} << scale;
        const std::int64_t bias = std::int64_t{layer.bias[at]} << scale;
        const packing::Range sums = packing::accumulator_range(layer, c);
        if (multiplier > INT32_MAX) return false;
        if ((multiplier * sums.least >> 16) + bias < INT32_MIN ||
            (multiplier * sums.greatest >> 16) + bias > INT32_MAX)
            return false;
    }
    return true;
}

// B of the fields of a channel, and of its sums.
struct Start {
    std::int64_t low = 0;
    std::int64_t high = 0;  // of the high digits
    std::int64_t sum = 0;
    std::int64_t largest = 0;  // that a field can reach from there
    bool holds = false;        // whether every field holds that
};

// The least B of both digits that make their sum a multiple of `step`.
Start digits_start(const IntegerLayer& layer, const Plan& plan, int channel, std::int64_t step) {
    const Reach low = packing::actual_reach(filter(layer, channel), plan.digit_bits);
    const Reach high = packing::actual_reach(filter(layer, channel),
                                             layer.precision.activation_bits - plan.digit_bits);
    const std::int64_t limit = packing::field_limit(kByte);
    for (std::int64_t more = 0; more <= std::max<std::int64_t>(0, limit - high.most); ++more) {
        const std::int64_t sum = low.bias + ((high.bias + more) << plan.digit_bits);
        const std::int64_t rest = (step - sum % step) % step;
        const std::int64_t largest = std::max(low.most + rest, high.most + more);
        if (largest <= limit || step == 1)
            return {low.bias + rest, high.bias + more, sum + rest, largest, largest <= limit};
    }
    return {};
}

// Requantisation absorbs B to the last bit where multiplier * B is a multiple of 2^16.
std::int64_t folding_step(std::int64_t multiplier) {
    if (multiplier == 0) return 1;
    const int zeros = std::countr_zero(static_cast<std::uint64_t>(multiplier));
    return std::int64_t{1} << std::max(0, 16 - zeros);
}

std::int64_t stored_multiplier(const IntegerLayer& layer, const Plan& plan, int channel) {
    // Logits: SMLAWx by 2^16 is the lane itself.
    if (plan.output_bits == 0) return 65536;
    return std::int64_t{layer.multiplier[static_cast<std::size_t>(channel)]} << plan.scale;
}

Start start_of(const IntegerLayer& layer, const Plan& plan, int channel) {
    const std::int64_t step =
        plan.folded ? folding_step(stored_multiplier(layer, plan, channel)) : 1;
    if (plan.packing == Packing::Digits) return digits_start(layer, plan, channel, step);
    const Reach reach = reach_of(layer, channel);
    Start start;
    if (plan.packing == Packing::Bytes) {
        start.low = reach.bias;
        start.holds = reach.most <= packing::field_limit(kByte);
    } else if (plan.packing == Packing::Mixed || plan.folded) {
        const std::int64_t least = plan.packing == Packing::Mixed ? kBytesAbove : 1;
        start.low = packing::lane_start(reach, std::max(step, least));
        start.holds = packing::lane_holds(reach, start.low);
    } else {
        // B comes off before the lane is read as signed.
        start.low = reach.bias;
        start.holds = reach.bias <= -std::int64_t{INT16_MIN} && packing::lane_holds(reach, 0);
    }
    start.sum = start.low;
    start.largest = start.low + reach.most - reach.bias;
    return start;
}

// Fills in what was proved. False where a channel does not fit.
bool prove(const IntegerLayer& layer, Plan& plan) {
    plan.largest_field = 0;
    for (int c = 0; c < layer.shape.out_channels; ++c) {
        const Start start = start_of(layer, plan, c);
        if (!start.holds) return false;
        plan.largest_field = std::max(plan.largest_field, static_cast<int>(start.largest));
    }
    const bool bytes = plan.packing == Packing::Bytes || plan.packing == Packing::Digits;
    const bool whole = plan.packing == Packing::Lanes && !plan.folded;
    plan.field_limit = static_cast<int>(packing::field_limit(bytes ? kByte : whole ? 16 : 15));
    return true;
}

void append(std::vector<std::uint8_t>& bytes, std::int64_t word) {
    const auto bits = static_cast<std::uint32_t>(word);
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
}

// One word for each kernel row, from its three taps.
template <typename Word>
void put_rows(std::span<std::int64_t> words,
              int first,
              std::span<const std::int8_t> taps,
              Word word) {
    for (std::size_t row = 0; row < 3; ++row)
        words[static_cast<std::size_t>(first) + row] =
            word(taps[3 * row], taps[3 * row + 1], taps[3 * row + 2]);
}

void put_taps(std::span<std::int64_t> words, const Plan& plan, std::span<const std::int8_t> taps) {
    const Record at = record_of(plan.packing);
    const bool mixed = plan.packing == Packing::Mixed;
    if (plan.packing != Packing::Lanes)
        put_rows(words, at.taps, taps, [](int k0, int k1, int k2) {
            return k2 + k1 * 256 + k0 * 65536;
        });
    if (plan.packing != Packing::Lanes && !mixed) return;
    put_rows(words, at.middle, taps, [](int, int k1, int) { return k1; });
    put_rows(words, at.sides, taps, [mixed](int k0, int k1, int k2) {
        return k2 + k0 * 65536 - (mixed ? k1 * 256 : 0);
    });
    if (!mixed) put_rows(words, at.shifted, taps, [](int, int k1, int) { return k1 * 65536; });
}

[[noreturn]] void fail(const IntegerLayer& layer) {
    int worst = 0;
    for (int c = 1; c < layer.shape.out_channels; ++c) {
        if (reach_of(layer, c).most > reach_of(layer, worst).most) worst = c;
    }
    throw std::runtime_error("layer " + layer.name + ": packed-dw cannot pack filter " +
                             std::to_string(worst) + " at " + to_string(layer.precision) +
                             ": its sums span " + std::to_string(reach_of(layer, worst).most) +
                             ", more than a signed 16-bit lane; smlad-dw takes it");
}

}  // namespace

std::string Plan::descriptor() const {
    switch (packing) {
        case Packing::Bytes:
            return "SMLAL 4x3 S=8 T=3";
        case Packing::Digits:
            return "SMLAL 4x3 S=8 T=3, two digits";
        case Packing::Lanes:
            return "SMLAL 2x2 S=16 T=9";
        case Packing::Mixed:
            break;
    }
    return "SMLAL 2x2 S=16 T=9, odd from 4x3";
}

Record record_of(Packing packing) {
    switch (packing) {
        case Packing::Bytes:
            return {.words = 8, .start = 3, .minus = 4};
        case Packing::Digits:
            return {.words = 8, .start = 3, .high_start = 4, .minus = 5};
        case Packing::Lanes:
            return {.words = 14, .middle = 3, .sides = 0, .shifted = 6, .start = 9, .minus = 10};
        case Packing::Mixed:
            break;
    }
    return {.words = 16,
            .taps = 6,
            .middle = 0,
            .sides = 3,
            .start = 9,
            .odd_start = 13,
            .less = 15,
            .minus = 10};
}

std::optional<Plan> plan_with(const IntegerLayer& layer, Packing packing) {
    if (!factors_fit(packing, layer.precision)) return std::nullopt;
    Plan plan;
    plan.shape = layer.shape;
    plan.packing = packing;
    plan.digit_bits = low_digit(layer.precision.activation_bits);
    plan.output_bits = layer.output_bits;
    const bool halves = top_halves(layer);
    plan.scale = halves ? 16 - layer.shift : 0;
    plan.shift = halves ? 16 : layer.shift;
    plan.folded = packing != Packing::Bytes && halves;
    if (plan.folded && !prove(layer, plan)) plan.folded = false;
    if (!prove(layer, plan)) return std::nullopt;
    return plan;
}

bool guaranteed(Packing packing, traces::Precision precision) {
    if (!factors_fit(packing, precision)) return false;
    switch (packing) {
        case Packing::Bytes:
            return packing::guaranteed_reach(precision, kTaps) <= packing::field_limit(kByte);
        case Packing::Digits:
            precision.activation_bits = low_digit(precision.activation_bits);
            return packing::guaranteed_reach(precision, kTaps) <= packing::field_limit(kByte);
        case Packing::Lanes:
            return packing::guaranteed_reach(precision, kTaps) <= INT16_MAX;
        case Packing::Mixed:
            break;
    }
    return packing::guaranteed_reach(precision, kTaps) + kBytesAbove <= INT16_MAX;
}

Plan choose(const IntegerLayer& layer) {
    std::optional<Plan> best;
    double least = 0;
    for (const Packing packing : kPackings) {
        const auto plan = plan_with(layer, packing);
        if (!plan) continue;
        const double cycles = estimated_cycles(*plan, layer.name);
        if (best && cycles >= least) continue;
        best = plan;
        least = cycles;
    }
    if (!best) fail(layer);
    return *best;
}

std::optional<std::string> refusal(const traces::Layer& layer, traces::Precision precision) {
    if (layer.kind != traces::LayerKind::Depthwise || layer.kernel_height != 3 ||
        layer.kernel_width != 3 || layer.stride > 2)
        return "it computes depthwise 3x3 of stride 1 or 2";
    const std::int64_t reach = packing::guaranteed_reach(precision, kTaps);
    if (reach > INT16_MAX) {
        return "its sums may span " + std::to_string(reach) +
               ", more than a signed 16-bit lane, at some weights of " + to_string(precision);
    }
    return std::nullopt;
}

std::vector<std::uint8_t> pack_records(const IntegerLayer& layer, const Plan& plan) {
    std::vector<std::uint8_t> bytes;
    const Record at = record_of(plan.packing);
    for (int c = 0; c < layer.shape.out_channels; ++c) {
        std::vector<std::int64_t> words(static_cast<std::size_t>(at.words));
        const auto word = [&words](int index) -> std::int64_t& {
            return words[static_cast<std::size_t>(index)];
        };
        put_taps(words, plan, filter(layer, c));
        const Start start = start_of(layer, plan, c);
        const bool lanes = plan.packing == Packing::Lanes || plan.packing == Packing::Mixed;
        word(at.start) = start.low * (lanes ? 0x1'0001 : 0x0101'0101);
        word(at.minus) =
            (plan.packing == Packing::Bytes ? -start.sum & 0xffff : start.sum) * 0x1'0001;
        if (plan.packing == Packing::Digits) word(at.high_start) = start.high * 0x0101'0101;
        if (plan.packing == Packing::Mixed) {
            // B of the odd lanes and 2^8 times that of the even ones, which reach into the next word.
            word(at.odd_start) = start.low * 0x1'0001 + start.low * kBytesAbove;
            word(at.odd_start + 1) = word(at.odd_start) + start.low / kBytesAbove;
            word(at.less) = -kBytesAbove;
        }
        const std::int64_t multiplier = stored_multiplier(layer, plan, c);
        word(at.minus + 1) = multiplier;
        word(at.minus + 2) = std::int64_t{layer.bias[static_cast<std::size_t>(c)]} << plan.scale;
        if (plan.folded) word(at.minus + 2) -= multiplier * start.sum >> 16;
        for (const std::int64_t value : words) append(bytes, value);
    }
    return bytes;
}

}  // namespace mixq::kernels::packed_dw
