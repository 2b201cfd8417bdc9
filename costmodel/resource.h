// The resource model: a kernel is blocks that run as often as its loops say (kernels::work), and a block takes what its units need,
// or longer.
//
//   cycles = sum over blocks of executions * (bound + stall)
//   bound  = the largest of instructions / 2 (issue width), SIMD instructions (one multiplier) and loads / 2 (two load ports)
//   stall  >= 0: operand waits, mispredicted loop ends and whatever else keeps the block from its bound
//
// Bounds follow from the count law; stalls are fitted, per kernel and, where there are enough runs, per family of layers: the
// compiler specialises the code for each. No block can come out faster than the core's units allow, which is what a linear form in
// instruction counts cannot say.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "costmodel/laws.h"

namespace mixq::costmodel {

// Layers that one kernel runs with the same loops: "conv", "conv s2", "conv1x1", "dw", "fc", ...
std::string family_of(const traces::Layer& layer);

struct ResourceLaw {
    std::vector<std::string> terms;
    // Cycles of one execution, by family and term; "" is the law of all families together.
    std::map<std::string, std::vector<double>> per_execution;

    // Throws std::runtime_error for work of a kind the law was not fitted on.
    double cycles(const traces::Layer& layer, std::span<const kernels::WorkTerm> work) const;
};

// The loops of a kernel alone, without its code. Of generated kernels (kernels::loop_work) amounts are cycles already, and every factor is
// near 1: rows too few to tell two of them apart leave both there. Of compiled ones as fit_resource has it. Nothing where the kernel
// has no closed form, or where records are too few.
std::optional<ResourceLaw> fit_loops(std::span<const traces::Record> records);

// kernels::loop_work, or of compiled kernels kernels::work, and kCallTerm. Throws as these do; nothing where the kernel has neither.
std::optional<std::vector<kernels::WorkTerm>> loops_of(const std::string& kernel,
                                                       const traces::Layer& layer,
                                                       traces::Precision precision);

// Of the records of one kernel, with their count law. Nothing where they are fewer than the terms and two more.
std::optional<ResourceLaw> fit_resource(std::span<const traces::Record> records,
                                        const CountLaw& counts);

}  // namespace mixq::costmodel
