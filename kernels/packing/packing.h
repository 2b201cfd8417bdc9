// The theory of packed multiplication, in one place: how wide a field must be, what a register holds, how deep a packed
// accumulator may go. Every SLBC packer decides by these functions and no others.
//
// Ns activations s (unsigned, a bits) and Nk weights k (signed, w bits) become the polynomials  R1 = sum s_i X^i  and
// R2 = sum k_j X^j  in X = 2^S; the product's field n is the convolution sum over i + j = n. R2 is one signed integer: a
// negative field borrows from the one above. An accumulator that starts at B in every field, B at least (2^a - 1) times the
// sum of the negative weights' magnitudes, keeps every field in 0 .. 2^S - 1, so fields are plain unsigned bit slices. B per
// field is a constant that comes off again at the end.
//
// The most a field can reach is B plus the positive part: (2^a - 1) * L1, L1 the sum of |weight| over all taps added into
// it. It must not exceed 2^S - 1. With weights unknown, L1 is at most taps * 2^(w - 1): the guaranteed bound.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "traces/precision.h"

namespace mixq::kernels::packing {

// How activations and weights share one 32 x 32 -> 64 bit signed multiply.
struct FieldShape {
    int bits = 8;      // S: of one field
    int elements = 4;  // Ns: activations in R1
    int taps = 3;      // Nk: weights in R2

    int fields() const { return elements + taps - 1; }

    bool operator==(const FieldShape&) const = default;
};

// 2^S - 1.
std::int64_t field_limit(int field_bits);

// Where the fields of a shape lie in the 64 bits of the accumulator: field n from bit first_bit + n * S. The product gets there
// because weights and activations are packed that much further up; the bits below stay zero.
struct Placement {
    FieldShape shape;
    int weight_shift = 0;
    int activation_shift = 0;

    int first_bit() const { return weight_shift + activation_shift; }

    bool operator==(const Placement&) const = default;
};

// The placement with the first field at `first_bit`, as much of it as possible in the weights: those are packed offline. Nothing
// if no placement fits the registers. `narrow`: the packed weight words are known to be 32-bit integers, see registers_fit.
std::optional<Placement> place(const FieldShape& shape,
                               traces::Precision precision,
                               int first_bit,
                               bool narrow);

// The most a field can reach after `taps` products, whatever the weights.
std::int64_t guaranteed_reach(traces::Precision precision, std::int64_t taps);

// R1 and R2 are read as signed 32-bit integers and the product has 64 bits. For R2, full-range weights need one bit more than
// their fields: the lower fields' borrow comes on top of a top weight of -2^(w - 1). Hence (Nk - 1) * S + w <= 31.
bool registers_fit(const FieldShape& shape, traces::Precision precision);

// How many times `taps` products may be added before a field must be emptied, whatever the weights; 0: not even once.
std::int64_t guaranteed_depth(int field_bits, traces::Precision precision, std::int64_t taps);

// What actual weights that meet in one field can do to it.
struct Reach {
    std::int64_t bias = 0;  // B: the least start that keeps the field non-negative
    std::int64_t most = 0;  // the greatest value from there: (2^a - 1) * L1
};

// Of all weights of a group: field n sums over all of them in the interior of a row.
Reach actual_reach(std::span<const std::int8_t> weights, int activation_bits);

// B of a 16-bit lane: the least multiple of `step` that keeps it non-negative.
std::int64_t lane_start(const Reach& reach, std::int64_t step);

// Whether a lane that starts at B may be read as signed.
bool lane_holds(const Reach& reach, std::int64_t start);

// --- Unsigned operands: weights stored plus 2^(w - 1) (HiKonv, ULPPACK). No borrow, no bias; the sum of the activations times the
// offset comes off in 32 bits.

// UMULL: both operands use all 32 bits.
bool unsigned_registers_fit(const FieldShape& shape, traces::Precision precision);

// How many times `taps` products of offset weights may be added before a field of S bits must be emptied; 0: not even once.
std::int64_t offset_depth(int field_bits, traces::Precision precision, std::int64_t taps);

// A dot product as the middle coefficient of a 32-bit product (ULPPACK): n elements and n weights in reverse order, S bits apart.
// Field j below the middle collects j + 1 products; the middle, n, and it has what is left of the word. The next one must begin
// beyond the word, n * S >= 32, or it would add to the middle.
struct MiddleShape {
    int bits = 8;      // S
    int elements = 4;  // n

    int middle_bits() const { return 32 - (elements - 1) * bits; }

    bool operator==(const MiddleShape&) const = default;
};

// How many multiplies may be added before the middle must be taken out, whatever weights and activations; 0: not even once.
std::int64_t middle_depth(const MiddleShape& shape, traces::Precision precision);

// Two values in one signed 16-bit lane: low + high * 2^S. It holds any two of their bits up to S = 15 - bits: a negative low one
// borrows from -2^(bits - 1). With S = 16 - bits actual values may still fit.
constexpr int kLaneBits = 16;
bool lane_fits(std::int64_t low, std::int64_t high, int field_bits);

// The outer product of two activations and `channels` weights in fields of S bits, as SMLAL's signed factors.
bool outer_fits(int field_bits, int channels, traces::Precision precision);

// The low field of a 32-bit accumulator, read as signed: it holds start - negative .. start + positive. The start nearest to 0 for
// which S bits suffice; nothing if there is none.
std::optional<std::int64_t> signed_start(std::int64_t negative,
                                         std::int64_t positive,
                                         int field_bits);

// Whether what is left above such a field holds least .. greatest.
bool high_field_fits(std::int64_t least, std::int64_t greatest, int field_bits);

}  // namespace mixq::kernels::packing
