// Registers and stack words of a tile.
#include "kernels/packed_gemm/tile.h"

#include "kernels/packed_gemm/tile_code.h"

namespace mixq::kernels::packed_gemm {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

constexpr int kFirstAccumulator = 3;
constexpr int kLastAccumulator = 10;
// Accumulators that wait in memory while others are finished with their registers.
constexpr int kSpilled = 3;
constexpr int kOuterSpilled = 4;

}  // namespace

Tile::Tile(Routine& routine_,
           Body& body_,
           const Plan& plan_,
           const Requantise& requantise_,
           Layout output,
           const Frame& frame_)
    : routine(routine_),
      body(body_),
      plan(plan_),
      requantise(requantise_),
      layout(output),
      frame(frame_),
      pool{r0, r1, r2, lr} {
    const std::int64_t pixels = std::int64_t{plan.shape.out_height()} * plan.shape.out_width();
    element = requantise.output_bits == 0 ? 4 : 1;
    const bool planar = output == Layout::Planar;
    channel_step = static_cast<int>(planar ? pixels : 1) * element;
    position_step = (planar ? 1 : plan.shape.out_channels) * element;
    const int used = plan.registers() * plan.accumulators();
    for (int k = kFirstAccumulator + used; k <= kLastAccumulator; ++k) pool.push_back(Reg{k});
    const bool outer = plan.product == Product::Outer;
    if (plan.blocks() > 1) {
        const int each = outer ? kOuterStarts : 1;
        for (int k = 0; k < each * plan.accumulators(); ++k) sums.push_back(routine.slot());
    }
    if (quads() && plan.words == 2 && (outer || plan.product == Product::DualChannels)) {
        for (int k = 0; k < (outer ? kOuterSpilled : kSpilled); ++k)
            spilled.push_back(routine.slot());
    }
}

Reg Tile::accumulator(int word, int operand) const {
    return Reg{kFirstAccumulator + plan.registers() * (word * plan.operands() + operand)};
}

Reg Tile::upper(int word, int operand) const {
    return Reg{accumulator(word, operand).id + 1};
}

Slot Tile::sum(int word, int operand) const {
    return sums.at(static_cast<std::size_t>(word * plan.operands() + operand));
}

Slot Tile::lanes_sum(int word, int operand, int which) const {
    return sums.at(
        static_cast<std::size_t>(kOuterStarts * (word * plan.operands() + operand) + which));
}

Reg Tile::waiting(std::size_t k) const {
    return Reg{accumulator(1, 0).id + static_cast<int>(k)};
}

Reg Tile::split(Code& code, Reg packed) const {
    const Reg low = code.value();
    code.sbfx(low, packed, 0, plan.field_bits);
    code.sub(packed, packed, low);
    return low;
}

void emit_tile(Routine& routine,
               Body& body,
               const Plan& plan,
               const Requantise& requantise,
               Layout output,
               const Frame& frame) {
    const Tile tile(routine, body, plan, requantise, output, frame);
    emit_products(tile);
    if (plan.product == Product::Outer) {
        emit_outer_outputs(tile);
    } else {
        emit_outputs(tile);
    }
}

}  // namespace mixq::kernels::packed_gemm
