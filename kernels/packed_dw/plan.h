// Packed depthwise 3x3: how a channel is packed into SMLAL factors, and what that proves.
//
//   S = 8   four activations as they lie in memory x the three taps of a kernel row: 12 products by one SMLAL, six byte fields.
//           Fields 4 and 5 belong to the next four columns: their word becomes its low word, which costs nothing.
//   S = 16  columns parted into even and odd lanes (UXTB16), outputs too. With X = 2^16 and lanes e = (x0, x2), o = (x1, x3):
//             even outputs  += o (k2 + k0 X) + e k1          even (y0, y2), and a carry into the next y0
//             odd outputs   += e (k2 + k0 X) + o k1 X        odd (y-1, y1), and a carry into the next y1's word
//           12 products by four SMLAL, with room for nine of any a + w <= 12. Fields of 10 to 12 bits would take three SMLAL for
//           nine products, but five instructions more per three activations to pack and per three fields to part.
//
// Every field starts at B, the least that keeps it non-negative (see kernels/packing/packing.h). Bytes lose B as they are parted
// into lanes (UXTAB16 onto -B); lanes of 16 bits keep it where requantisation absorbs it exactly, else SSUB16 takes it off.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/packed_dw/row_writer.h"

namespace mixq::kernels::packed_dw {

constexpr int kTaps = 9;

struct Plan {
    traces::Layer shape;
    int field_bits = 8;  // 8 or 16
    int output_bits = 8;
    int shift = 16;         // that the scaled multipliers leave to do (see RowFormat)
    int scale = 0;          // multipliers and biases are stored times 2^scale
    bool folded = false;    // S = 16: the biases absorb B
    int largest_field = 0;  // proof: any field, any input

    int strips() const { return (shape.width + 3) / 4; }  // words of an input row

    std::string descriptor() const;
};

// What a channel's constants are, in words: S = 8  W[3], B, -B, multiplier, bias, 0;
// S = 16  (k2 + k0 X)[3], k1[3], (k1 X)[3], B, lanes of B, multiplier, bias, 0.
struct Record {
    static constexpr int kBytes8 = 32;
    static constexpr int kBytes16 = 56;
};

// The narrowest field that holds these weights. Throws std::runtime_error naming layer and filter where none does.
Plan choose(const IntegerLayer& layer);
// With one field width; empty where it does not hold.
std::optional<Plan> plan_with(const IntegerLayer& layer, int field_bits);

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
