// Chooses the field, proves it, packs the records.
#include "kernels/packed_dw/plan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "kernels/packing/packing.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels::packed_dw {
namespace {

using packing::Reach;

std::span<const std::int8_t> filter(const IntegerLayer& layer, int channel) {
    return std::span(layer.weights).subspan(static_cast<std::size_t>(channel) * kTaps, kTaps);
}

Reach reach_of(const IntegerLayer& layer, int channel) {
    return packing::actual_reach(filter(layer, channel), layer.precision.activation_bits);
}

packing::FieldShape fields(int bits) {
    return bits == 8 ? packing::FieldShape{8, 4, 3} : packing::FieldShape{16, 2, 2};
}

// A 16-bit lane is read as signed once B is off.
bool lane_holds(const Reach& reach) {
    return reach.bias <= -std::int64_t{INT16_MIN} && reach.most - reach.bias <= INT16_MAX;
}

bool field_holds(const Reach& reach, int bits) {
    return reach.most <= packing::field_limit(bits) && (bits == 8 || lane_holds(reach));
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

// B of a 16-bit field such that multiplier * B is a multiple of 2^16, so that the bias absorbs it to the last bit.
std::int64_t folded_bias(const Reach& reach, std::int64_t multiplier) {
    if (multiplier == 0) return reach.bias;
    const int zeros = std::countr_zero(static_cast<std::uint64_t>(multiplier));
    const std::int64_t step = std::int64_t{1} << std::max(0, 16 - zeros);
    return (reach.bias + step - 1) / step * step;
}

bool can_fold(const IntegerLayer& layer, int scale) {
    for (int c = 0; c < layer.shape.out_channels; ++c) {
        const std::int64_t multiplier = std::int64_t{layer.multiplier[static_cast<std::size_t>(c)]}
                                        << scale;
        const Reach reach = reach_of(layer, c);
        if (folded_bias(reach, multiplier) + reach.most - reach.bias > INT16_MAX) return false;
    }
    return true;
}

void append(std::vector<std::uint8_t>& bytes, std::int64_t word) {
    const auto bits = static_cast<std::uint32_t>(word);
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
}

void append_bytes_record(std::vector<std::uint8_t>& bytes,
                         std::span<const std::int8_t> taps,
                         std::int64_t bias) {
    for (std::size_t row = 0; row < kTaps; row += 3)
        append(bytes, taps[row + 2] + taps[row + 1] * 256 + taps[row] * 65536);
    append(bytes, bias * 0x0101'0101);
    append(bytes, (-bias & 0xffff) * 0x1'0001);
}

void append_lanes_record(std::vector<std::uint8_t>& bytes,
                         std::span<const std::int8_t> taps,
                         std::int64_t bias) {
    for (std::size_t row = 0; row < kTaps; row += 3)
        append(bytes, taps[row + 2] + taps[row] * 65536);
    for (std::size_t row = 0; row < kTaps; row += 3) append(bytes, taps[row + 1]);
    for (std::size_t row = 0; row < kTaps; row += 3) append(bytes, taps[row + 1] * 65536);
    append(bytes, bias * 0x1'0001);
    append(bytes, bias * 0x1'0001);
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
    return field_bits == 8 ? "SMLAL 4x3 S=8 T=3" : "SMLAL 2x2 S=16 T=9";
}

std::optional<Plan> plan_with(const IntegerLayer& layer, int field_bits) {
    if (!packing::registers_fit(fields(field_bits), layer.precision)) return std::nullopt;
    Plan plan;
    plan.shape = layer.shape;
    plan.field_bits = field_bits;
    plan.output_bits = layer.output_bits;
    const bool halves = top_halves(layer);
    plan.scale = halves ? 16 - layer.shift : 0;
    plan.shift = halves ? 16 : layer.shift;
    plan.folded = field_bits == 16 && halves && can_fold(layer, plan.scale);
    for (int c = 0; c < layer.shape.out_channels; ++c) {
        Reach reach = reach_of(layer, c);
        if (!field_holds(reach, field_bits)) return std::nullopt;
        if (plan.folded) {
            const std::int64_t bias = folded_bias(
                reach, std::int64_t{layer.multiplier[static_cast<std::size_t>(c)]} << plan.scale);
            reach.most += bias - reach.bias;
        }
        plan.largest_field = std::max(plan.largest_field, static_cast<int>(reach.most));
    }
    return plan;
}

Plan choose(const IntegerLayer& layer) {
    for (const int bits : {8, 16}) {
        if (const auto plan = plan_with(layer, bits)) return *plan;
    }
    fail(layer);
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
    for (int c = 0; c < layer.shape.out_channels; ++c) {
        const auto at = static_cast<std::size_t>(c);
        // Logits: SMLAWx by 2^16 is the lane itself.
        const std::int64_t multiplier =
            plan.output_bits == 0 ? 65536 : std::int64_t{layer.multiplier[at]} << plan.scale;
        const Reach reach = reach_of(layer, c);
        const std::int64_t start = plan.folded ? folded_bias(reach, multiplier) : reach.bias;
        std::int64_t bias = std::int64_t{layer.bias[at]} << plan.scale;
        if (plan.folded) bias -= multiplier * start >> 16;
        if (plan.field_bits == 8) {
            append_bytes_record(bytes, filter(layer, c), start);
        } else {
            append_lanes_record(bytes, filter(layer, c), start);
        }
        append(bytes, multiplier);
        append(bytes, bias);
        append(bytes, 0);
    }
    return bytes;
}

}  // namespace mixq::kernels::packed_dw
