// The routine of a plan: lines, groups of output channels, tiles of positions.
#pragma once

#include <memory>

#include "kernels/generate/routine.h"
#include "kernels/packed_gemm/plan.h"

namespace mixq::kernels::packed_gemm {

// How sums become output bytes (see kernels/network/network.h). A sum of at most 16 bits takes SMLAWB with the multiplier as it is;
// a wider one is moved up and takes the high word of a 32 x 32 product (SMMLA), with a multiplier moved up as well.
struct Requantise {
    int output_bits = 8;  // 0: sums plus bias
    int shift = 0;
    bool narrow = false;  // sums fit 16 bits
    int up = 0;           // else: they move up by this, multipliers by 16 - up
};

// The constants of a group, behind its weights; behind them, where fields have starts of their own and one block, the starts again.
// Outer's as four pairs of 16-bit lanes to add: minus those of channels 0 and 2, 1 and 0, 1, 2.
struct GroupConstants {
    static constexpr int kPlanarOffset = 0;       // bytes from the line's first output, by layout
    static constexpr int kInterleavedOffset = 1;  // of the words
    static constexpr int kChannels = 2;           // then multiplier and bias of each channel

    static int words(const Plan& plan) { return kChannels + 2 * plan.room(); }
};

constexpr int kOuterStarts = 4;

// Of a group, behind its constants.
int closing_words(const Plan& plan);

// The starts of fields, where biased: in front of every block's weights.
int bias_words(const Plan& plan);

// In front of the first block: starts, then, if there are several blocks, minus all starts of a field together (of Outer as lanes,
// see GroupConstants).
int start_words(const Plan& plan);

// Of one group, up to an even number.
int group_words(const Plan& plan);

// Of one call's groups of output channels.
std::unique_ptr<generate::Routine> build_routine(const std::string& layer,
                                                 const Plan& plan,
                                                 const Requantise& requantise,
                                                 Layout output,
                                                 int groups);

}  // namespace mixq::kernels::packed_gemm
