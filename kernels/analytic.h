// What is known of a kernel on a layer before anything runs: for generated kernels the counts and cycles of their routine, for the
// others the work of their loops (kernels::work).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "traces/counts.h"
#include "traces/layer.h"
#include "traces/precision.h"

namespace mixq::kernels {

// Weights of a layer that is asked about without any: random and bell-shaped, of this seed, as in traces.
constexpr unsigned kAnalyticSeed = 1;

struct Structure {
    traces::Counts counts;        // of mixq_kernel_<layer>: exact
    double scheduled_cycles = 0;  // by the scheduler's own engine: close
    std::uint32_t scratch_bytes = 0;
    std::uint32_t weight_bytes = 0;
};

// Of a generated kernel; nothing for one whose source a compiler has to translate. Packs and schedules on the first call for a layer
// (tenths of a second), then remembers. Safe to call from several threads. Throws std::runtime_error where the kernel does not fit.
std::optional<Structure> structure(std::string_view kernel,
                                   const traces::Layer& layer,
                                   traces::Precision precision);

// The cycles of a generated kernel's cheapest packing by its own estimate, without scheduling anything: milliseconds instead of a second.
// Of kernels that estimate nothing, the schedule's. Remembered; throws and answers nothing as structure() does.
std::optional<double> estimated_cycles(std::string_view kernel,
                                       const traces::Layer& layer,
                                       traces::Precision precision);

// Whether kernels::work is a closed form of layer and bits; else it comes from structure().
bool has_closed_work(std::string_view kernel);

// Terms of kernels::work for generated kernels: their scheduled cycles, and their instructions of each class.
constexpr const char* kScheduledTerm = "scheduled cycles";
std::string counted_term(traces::InstrClass instr_class);  // "counted load"

}  // namespace mixq::kernels
