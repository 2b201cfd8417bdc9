// Field widths, depths and reaches of packed multiplication.
#include "kernels/packing/packing.h"

#include <algorithm>

namespace mixq::kernels::packing {
namespace {

constexpr int kFactorBits = 31;  // of a signed 32-bit factor, without its sign

std::int64_t largest_activation(int bits) {
    return (std::int64_t{1} << bits) - 1;
}

}  // namespace

std::int64_t field_limit(int field_bits) {
    return (std::int64_t{1} << field_bits) - 1;
}

std::int64_t guaranteed_reach(traces::Precision precision, std::int64_t taps) {
    return largest_activation(precision.activation_bits) * taps << (precision.weight_bits - 1);
}

bool registers_fit(const FieldShape& shape, traces::Precision precision) {
    return (shape.taps - 1) * shape.bits + precision.weight_bits <= 31 &&
           (shape.elements - 1) * shape.bits + precision.activation_bits <= 31 &&
           shape.fields() * shape.bits <= 64;
}

std::optional<Placement> place(const FieldShape& shape,
                               traces::Precision precision,
                               int first_bit,
                               bool narrow) {
    const int weight_room =
        kFactorBits + (narrow ? 1 : 0) - precision.weight_bits - (shape.taps - 1) * shape.bits;
    const int activation_room =
        kFactorBits - precision.activation_bits - (shape.elements - 1) * shape.bits;
    if (weight_room < 0 || activation_room < 0 || weight_room + activation_room < first_bit ||
        shape.fields() * shape.bits + first_bit > 64) {
        return std::nullopt;
    }
    const int weight_shift = std::min(first_bit, weight_room);
    return Placement{shape, weight_shift, first_bit - weight_shift};
}

std::int64_t guaranteed_depth(int field_bits, traces::Precision precision, std::int64_t taps) {
    return field_limit(field_bits) / guaranteed_reach(precision, taps);
}

Reach actual_reach(std::span<const std::int8_t> weights, int activation_bits) {
    std::int64_t negative = 0;
    std::int64_t positive = 0;
    for (const std::int8_t weight : weights) (weight < 0 ? negative : positive) += weight;
    const std::int64_t top = largest_activation(activation_bits);
    return {.bias = -negative * top, .most = (positive - negative) * top};
}

std::int64_t lane_start(const Reach& reach, std::int64_t step) {
    return (reach.bias + step - 1) / step * step;
}

bool lane_holds(const Reach& reach, std::int64_t start) {
    return start + reach.most - reach.bias <= INT16_MAX;
}

bool unsigned_registers_fit(const FieldShape& shape, traces::Precision precision) {
    return (shape.taps - 1) * shape.bits + precision.weight_bits <= 32 &&
           (shape.elements - 1) * shape.bits + precision.activation_bits <= 32 &&
           shape.fields() * shape.bits <= 64;
}

std::int64_t offset_depth(int field_bits, traces::Precision precision, std::int64_t taps) {
    const std::int64_t product =
        largest_activation(precision.activation_bits) * field_limit(precision.weight_bits);
    return field_limit(field_bits) / (product * taps);
}

std::int64_t middle_depth(const MiddleShape& shape, traces::Precision precision) {
    const int widest = std::max(precision.activation_bits, precision.weight_bits);
    if (shape.middle_bits() < widest || shape.bits < widest) return 0;
    if (shape.elements * shape.bits < 32) return 0;
    return std::min(offset_depth(shape.middle_bits(), precision, shape.elements),
                    offset_depth(shape.bits, precision, shape.elements - 1));
}

bool lane_fits(std::int64_t low, std::int64_t high, int field_bits) {
    const std::int64_t lane = low + high * (std::int64_t{1} << field_bits);
    return lane >= INT16_MIN && lane <= INT16_MAX;
}

bool outer_fits(int field_bits, int channels, traces::Precision precision) {
    return channels * field_bits + precision.activation_bits <= 31 &&
           (channels - 1) * field_bits + precision.weight_bits <= 31 &&
           2 * channels * field_bits <= 64;
}

std::optional<std::int64_t> signed_start(std::int64_t negative,
                                         std::int64_t positive,
                                         int field_bits) {
    const std::int64_t half = std::int64_t{1} << (field_bits - 1);
    const std::int64_t least = negative - half;
    const std::int64_t greatest = half - 1 - positive;
    if (least > greatest) return std::nullopt;
    if (least > 0) return least;
    return greatest < 0 ? greatest : 0;
}

bool high_field_fits(std::int64_t least, std::int64_t greatest, int field_bits) {
    // The low field takes half of one step either way.
    const std::int64_t limit = (std::int64_t{1} << (31 - field_bits)) - 1;
    return least >= -limit && greatest <= limit;
}

}  // namespace mixq::kernels::packing
