// Weights of a plan, and the proof that no field of them can overflow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/generate/schedule.h"
#include "kernels/kernel.h"
#include "kernels/packed_gemm/plan.h"

namespace mixq::kernels::packed_gemm {

struct Proof {
    std::int64_t largest = 0;  // the widest range of a low field
    std::int64_t limit = 0;    // of 2^S - 1
    std::string failure;       // which filter does not fit, and why; empty if all do
};

// Over all inputs, for the actual weights.
Proof prove(const Plan& plan, const IntegerLayer& layer);

// The deepest blocks that hold for any weights of these bits, and for the actual ones with and without starts of their own; cheapest
// first. None of Product::Int8, which always holds.
struct Choice {
    Plan plan;
    bool guaranteed = false;
    double cycles = 0;
};

// The cheapest of the plans that hold typical weights (packing/typical.h): what dual_plans() begins with for most actual ones, in
// microseconds. Nothing if none does.
std::optional<Plan> typical_dual_plan(const traces::Layer& layer, traces::Precision precision);

std::vector<Choice> dual_plans(const IntegerLayer& layer);
// Where there is none: what the shallowest block fails of.
std::string why_no_dual_plan(const IntegerLayer& layer);

// Those that hold for any weights.
std::vector<Plan> guaranteed_dual_plans(const traces::Layer& shape, traces::Precision precision);
// `wide`: weights stored as 16-bit lanes, faster at twice the memory.
Plan int8_plan(const traces::Layer& shape, traces::Precision precision, bool wide);

// "D2 SMLAD 4x2 positions x words S=12 T=64".
std::string describe(const Plan& plan);

// Throws std::runtime_error naming the layer and the filter that does not fit.
PackedLayer pack(const Plan& plan,
                 const IntegerLayer& layer,
                 const std::string& kernel,
                 generate::Scheduling how);

// How the words of the packed weights repeat, group by group.
storage::Structure structure_of(const Plan& plan);

// The same words, multiplied and taken apart on the host: sums [out][pixel] without the layer's bias. What the routine computes,
// without the simulator.
std::vector<std::int32_t> portable(const Plan& plan,
                                   const PackedLayer& packed,
                                   const std::vector<std::uint8_t>& input);

}  // namespace mixq::kernels::packed_gemm
