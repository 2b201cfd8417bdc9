// The kernel smlad-dw: depthwise 3x3 at any bits with 32-bit sums. Two kernel rows are packed column by column into pairs of lanes, one
// SMLAD for a tap of both. The third row's columns are parted into even and odd lanes: its side taps are one SMLAD, the middle one
// SMLAxy. So are all rows where columns of outputs are not those of words (padding other than 1, stride 2).
//
// What the core allows for four outputs: 20 multiplies, 4 more to requantise and a store share one slot a cycle: 25 cycles, 1.44
// multiply-accumulates a cycle; about 58 instructions are 29. One output row at a time keeps the code within the cache.
#pragma once

#include <string>

#include "kernels/generate/routine.h"
#include "kernels/kernel.h"

namespace mixq::kernels::int8 {

// How sums are scaled.
struct SmladDwPlan {
    traces::Layer shape;
    int output_bits = 8;
    int shift = 16;     // that requantisation leaves to do (see RowFormat)
    int scale = 0;      // biases are stored times 2^scale
    int up = 0;         // weights are stored times 2^up
    int left = 0;       // multipliers are stored times 2^left
    bool wide = false;  // the product of requantisation takes 64 bits
};

// Constants of a channel, in words.
struct SmladDwRecord {
    static constexpr int kSides = 0;       // (k0, k2) of each kernel row
    static constexpr int kMiddle = 3;      // their k1
    static constexpr int kMultiplier = 6;  // then the bias
    static constexpr int kVertical =
        8;  // of each column (row 0, row 1), then of each (row 1, row 2)
    static constexpr int kWords = 14;
};

generate::Lowered smlad_dw_code(const SmladDwPlan& plan,
                                const std::string& layer,
                                Layout output,
                                generate::Scheduling how);

}  // namespace mixq::kernels::int8
