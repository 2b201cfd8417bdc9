// The code of one tile: products, segmentation, requantisation.
#pragma once

#include "kernels/packed_gemm/frame.h"
#include "kernels/packed_gemm/routine.h"

namespace mixq::kernels::packed_gemm {

// Emits what runs per tile into `body`; then frame.tile is at the next one.
void emit_tile(generate::Routine& routine,
               generate::Body& body,
               const Plan& plan,
               const Requantise& requantise,
               Layout output,
               const Frame& frame);

}  // namespace mixq::kernels::packed_gemm
