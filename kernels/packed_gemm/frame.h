// What a routine keeps on its stack while all registers are taken, and addresses beyond an immediate's reach.
#pragma once

#include "kernels/generate/routine.h"

namespace mixq::kernels::packed_gemm {

constexpr generate::Space kScratchSpace = 1;
constexpr generate::Space kOutputSpace = 2;
constexpr generate::Space kInputSpace = 3;

struct Frame {
    explicit Frame(generate::Routine& routine)
        : input(routine.slot()),
          output(routine.slot()),
          scratch(routine.slot()),
          line(routine.slot()),
          line_output(routine.slot()),
          group_weights(routine.slot()),
          tile(routine.slot()),
          weights(routine.slot()) {}

    generate::Slot input;
    generate::Slot output;
    generate::Slot scratch;
    generate::Slot line;         // first pixel of the line, or its first input row
    generate::Slot line_output;  // address of its first position in channel 0
    generate::Slot group_weights;
    generate::Slot tile;  // first position of the tile within the line
    generate::Slot weights;
};

inline void load(generate::Code& code, generate::Reg to, generate::Slot from) {
    code.ldr(to, {generate::sp, from.offset, generate::kStackSpace});
}

inline void store(generate::Code& code, generate::Reg from, generate::Slot to) {
    code.str(from, {generate::sp, to.offset, generate::kStackSpace});
}

// d = n + value, whatever the value: with a register for it where it is no immediate.
inline void add_any(generate::Code& code, generate::Reg d, generate::Reg n, int value) {
    const auto magnitude = static_cast<std::uint32_t>(value < 0 ? -value : value);
    if (magnitude <= 4095) {
        if (value != 0 || d != n) code.add(d, n, value);
        return;
    }
    const generate::Reg constant = code.value();
    code.mov(constant, static_cast<std::uint32_t>(value));
    code.add(d, n, constant);
}

}  // namespace mixq::kernels::packed_gemm
