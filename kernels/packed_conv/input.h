// Packing the input of rp-conv on the device: once per layer, from bytes to words of fields.
#pragma once

#include "kernels/generate/routine.h"
#include "kernels/packed_conv/plan.h"

namespace mixq::kernels::packed_conv {

// Adds a constant of any size; one to three instructions.
void add_constant(generate::Code& code, generate::Reg d, generate::Reg n, int constant);

// Packs all rows of all channels. r0 holds the input, r3 where the packed rows go; both are lost, and so are r4..r12 and lr.
void pack_input(generate::Body& body, const Plan& plan);

}  // namespace mixq::kernels::packed_conv
