// The generated code of rp-conv.
#pragma once

#include "kernels/generate/routine.h"
#include "kernels/kernel.h"
#include "kernels/packed_conv/plan.h"
#include "kernels/packed_conv/weights.h"

namespace mixq::kernels::packed_conv {

// What of a layer the code depends on beside its plan.
struct Output {
    std::string name;  // of the layer
    int bits = 8;      // 0: logits
    Layout layout = Layout::Planar;
    Finish finish;    // its constants are in the packed weights
    int filters = 0;  // of one call; 0: all
};

// Scratch: the sums of two output rows, then the packed input.
std::uint32_t scratch_bytes(const Plan& plan);

// What is known of the routine without scheduling it, and the routine.
// Instructions of a group that is written out: half the cache of an stm32f746.
constexpr int kMostGroup = 560;

generate::Estimate estimated(const Plan& plan, const Output& output);
generate::Lowered lowered(const Plan& plan, const Output& output, generate::Scheduling how);

}  // namespace mixq::kernels::packed_conv
