// From sums to the output: requantisation and stores of rp-conv.
#pragma once

#include "kernels/packed_conv/routine.h"

namespace mixq::kernels::packed_conv {

int output_row_bytes(const Plan& plan, const Output& output);

// Finishes `rows` output rows of one filter. r1 points to its multiplier and bias and moves behind them, r2 to the sums. The slot
// holds where the filter's first row goes, and is moved to the next filter's. r0 and r3..r12 and lr are lost.
void finish_filter(
    generate::Body& body, const Plan& plan, const Output& output, int rows, generate::Slot out);

}  // namespace mixq::kernels::packed_conv
