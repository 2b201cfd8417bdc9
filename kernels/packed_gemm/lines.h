// Code that spreads one line of a planar input into lanes (see plan.h).
#pragma once

#include "kernels/generate/routine.h"
#include "kernels/packed_gemm/frame.h"
#include "kernels/packed_gemm/plan.h"

namespace mixq::kernels::packed_gemm {

// Zeros where no input is ever written: columns left and right of the image.
void emit_borders(generate::Body& body, const Plan& plan, const Frame& frame);

// The lanes of the line that frame.line says, in all registers but sp.
void emit_lines(generate::Routine& routine,
                generate::Body& body,
                const Plan& plan,
                const Frame& frame);

}  // namespace mixq::kernels::packed_gemm
