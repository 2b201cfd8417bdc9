// Packed depthwise 3x3: how a channel is packed into SMLAL factors, and what that proves.
//
//   Bytes   S = 8: four activations as they lie in memory x the three taps of a kernel row: 12 products by one SMLAL, six byte
//           fields. Fields 4 and 5 belong to the next four columns: their word becomes its low word, which costs nothing.
//   Digits  The same twice: for the low bits of the activations and for the high ones. Two byte fields hold what one does not.
//   Lanes   S = 16: columns parted into even and odd lanes (UXTB16), outputs too. With X = 2^16 and lanes e = (x0, x2), o = (x1, x3):
//             even outputs  += o (k2 + k0 X) + e k1          even (y0, y2), and a carry into the next y0
//             odd outputs   += e (k2 + k0 X) + o k1 X        odd (y-1, y1), and a carry into the next y1's word
//           12 products by four SMLAL, with room for nine of any a + w <= 12.
//   Mixed   As Lanes, by three SMLAL. The word in memory is e + 2^8 o, so even outputs += word k1 + o (k2 + k0 X - 2^8 k1), and e
//           need not be parted. With the taps of Bytes the word gives odd + 2^8 even outputs, all overlapping, yet one exact
//           integer: once 2^8 times the even lanes is taken off, the odd lanes are left.
//
// Fields of 10 to 12 bits would take three SMLAL for nine products, but five instructions more per three activations to pack and per
// three fields to part.
//
// Every field starts at B, the least that keeps it non-negative (see kernels/packing/packing.h). Where multiplier * B is a multiple of
// 2^16 requantisation absorbs it exactly; else it comes off as bytes are parted into lanes (UXTAB16 onto -B), or by SSUB16.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/packed_dw/row_writer.h"

namespace mixq::kernels::packed_dw {

constexpr int kTaps = 9;

enum class Packing : std::uint8_t { Bytes, Digits, Lanes, Mixed };

constexpr std::array<Packing, 4> kPackings{
    Packing::Bytes, Packing::Digits, Packing::Mixed, Packing::Lanes};

struct Plan {
    traces::Layer shape;
    Packing packing = Packing::Bytes;
    int digit_bits = 0;  // Digits: of the low digit
    int output_bits = 8;
    int shift = 16;         // that the scaled multipliers leave to do (see RowFormat)
    int scale = 0;          // multipliers and biases are stored times 2^scale
    bool folded = false;    // not Bytes: the biases absorb B
    int largest_field = 0;  // proof: any field, any input
    int field_limit = 0;

    int strips() const { return (shape.width + 3) / 4; }  // words of an input row

    std::string descriptor() const;
};

// Where a channel's constants lie, in words; kernel rows 0 to 2 follow one another.
struct Record {
    int words = 8;
    int taps = 0;        // Bytes, Digits, Mixed: k2 + k1 2^8 + k0 2^16
    int middle = 0;      // Lanes, Mixed: k1
    int sides = 0;       // Lanes: k2 + k0 X; Mixed: less 2^8 k1
    int shifted = 0;     // Lanes: k1 X
    int start = 0;       // of a word of fields; Digits: of low digits
    int high_start = 0;  // Digits: of a word of high digits
    int odd_start = 0;   // Mixed: of the first word of odd and even outputs, then of the others
    int less = 0;        // Mixed: -2^8
    int minus = 0;       // lanes of B, Bytes: of -B; then multiplier and bias
};

Record record_of(Packing packing);

// The cheapest packing that holds these weights. Throws std::runtime_error naming layer and filter where none does.
Plan choose(const IntegerLayer& layer);
// With one packing; empty where it does not hold.
std::optional<Plan> plan_with(const IntegerLayer& layer, Packing packing);
// Whether it holds any weights of these bits.
bool guaranteed(Packing packing, traces::Precision precision);

// Why no field holds some weights of these bits.
std::optional<std::string> refusal(const traces::Layer& layer, traces::Precision precision);

std::vector<std::uint8_t> pack_records(const IntegerLayer& layer, const Plan& plan);

// The portable form of the same arithmetic on the packed records: sums, [channel][row][column].
std::vector<std::int32_t> accumulate(const Plan& plan,
                                     std::span<const std::uint8_t> records,
                                     std::span<const std::uint8_t> input);

// For planar output; see generate::estimate.
double estimated_cycles(const Plan& plan, const std::string& layer);

generate::Lowered code(const Plan& plan,
                       const std::string& layer,
                       Layout output,
                       generate::Scheduling how);

}  // namespace mixq::kernels::packed_dw
