// Steps and accesses that may lie beyond an instruction's immediate.
#pragma once

#include "kernels/generate/code.h"
#include "kernels/generate/routine.h"

namespace mixq::kernels::generate {

// reg += bytes; the distance takes a value where no immediate holds it.
void move_on(Code& code, Reg reg, int bytes);

// `offset` (0 or more) bytes from a base that stays as it is.
At place(Code& code, Reg base, int offset, Space space);

// A word of the stack frame.
void load(Code& code, Reg reg, Slot slot);
void store(Code& code, Reg reg, Slot slot);

}  // namespace mixq::kernels::generate
