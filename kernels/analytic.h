// What is known of a kernel on a layer before anything runs: for generated kernels the counts and cycles of their routine; for those a
// compiler translates the same of what it made (kernels/compiled), or at once but less exactly the work of their loops
// (kernels::work).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernel.h"
#include "traces/counts.h"
#include "traces/layer.h"
#include "traces/precision.h"

namespace mixq::kernels {

// Weights of a layer that is asked about without any: random and bell-shaped, of this seed, as in traces.
constexpr unsigned kAnalyticSeed = 1;

struct Structure {
    traces::Counts counts;        // of mixq_kernel_<layer>: exact
    double scheduled_cycles = 0;  // by the engine that times programs, block by block: close
    std::uint32_t scratch_bytes = 0;
    std::uint32_t weight_bytes = 0;
};

// Packs and schedules, or compiles and reads the code, on the first call for a layer (tenths of a second), then remembers. Safe to
// call from several threads. Throws std::runtime_error where the kernel does not fit, and where the compiler is missing that it needs.
Structure structure(std::string_view kernel,
                    const traces::Layer& layer,
                    traces::Precision precision);

// The cycles of a generated kernel's cheapest packing by its own estimate, without scheduling anything: milliseconds instead of a second.
// Of kernels that estimate nothing, the schedule's. Remembered; throws as structure() does.
double estimated_cycles(std::string_view kernel,
                        const traces::Layer& layer,
                        traces::Precision precision);

// Whether kernels::work is a closed form of layer and bits, that is, whether a compiler translates the kernel; else it is counted_work.
bool has_closed_work(std::string_view kernel);

// What structure() says, as terms: scheduled cycles, and instructions of each class.
std::vector<WorkTerm> counted_work(std::string_view kernel,
                                   const traces::Layer& layer,
                                   traces::Precision precision);

constexpr const char* kScheduledTerm = "scheduled cycles";
std::string counted_term(traces::InstrClass instr_class);  // "counted load"

}  // namespace mixq::kernels
