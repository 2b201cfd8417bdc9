// One tile under construction: which registers and stack words hold what. The routine's pieces of code share it.
#pragma once

#include "kernels/packed_gemm/frame.h"
#include "kernels/packed_gemm/routine.h"

namespace mixq::kernels::packed_gemm {

// r3..r10 accumulate, r11 walks through the lanes, r12 through the weights; the rest holds operands.
constexpr generate::Reg kLanes = generate::r11;
constexpr generate::Reg kOutput = kLanes;  // once the products are done
constexpr generate::Reg kWeights = generate::r12;

class Tile {
  public:
    Tile(generate::Routine& routine,
         generate::Body& body,
         const Plan& plan,
         const Requantise& requantise,
         Layout output,
         const Frame& frame);

    generate::Routine& routine;
    generate::Body& body;
    const Plan& plan;
    const Requantise& requantise;
    Layout layout;
    const Frame& frame;
    int element = 1;       // bytes of an output
    int channel_step = 1;  // bytes from channel to channel of the output
    int position_step = 1;
    std::vector<generate::Slot> sums;     // of low fields, where there are several blocks
    std::vector<generate::Slot> spilled;  // accumulators that wait while the first word is finished
    std::vector<generate::Reg> pool;      // registers for operands

    generate::Reg accumulator(int word, int operand) const;
    // The upper half of one of 64 bits.
    generate::Reg upper(int word, int operand) const;
    generate::Slot sum(int word, int operand) const;
    // Of Outer: lanes of two fields each (see GroupConstants).
    generate::Slot lanes_sum(int word, int operand, int which) const;
    // The accumulator of spilled[k].
    generate::Reg waiting(std::size_t k) const;

    // Four positions of a channel make a word.
    bool quads() const { return element == 1 && position_step == 1 && plan.positions == 4; }

    // The low field of an accumulator, which then is the high one times 2^S.
    generate::Reg split(generate::Code& code, generate::Reg packed) const;
};

// From the tile's pointers to its accumulators, all blocks.
void emit_products(const Tile& tile);

// From accumulators to outputs in memory; then frame.tile is at the next tile.
void emit_outputs(const Tile& tile);
void emit_outer_outputs(const Tile& tile);

}  // namespace mixq::kernels::packed_gemm
