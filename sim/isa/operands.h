// From a row of the table to the operands of one instruction.
#pragma once

#include "sim/isa/form.h"

namespace mixq::sim::isa {

// Fills what the encoding says: everything but address, size, text and what an IT block changes.
// False where the row matches but the registers make no instruction (an empty or too long list).
bool fill_operands(const Form& form, std::uint32_t encoding, Instruction& instruction);

}  // namespace mixq::sim::isa
