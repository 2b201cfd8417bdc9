// Count laws: the instructions a kernel retires, by class, as a linear combination of the work its
// loops do (kernels::work). They carry a prediction from a layer that never ran to the counts that
// Eq. 12 wants.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "costmodel/features.h"
#include "kernels/kernel.h"
#include "traces/record.h"

namespace mixq::costmodel {

struct CountLaw {
    std::string kernel;
    std::vector<std::string> terms;
    // Instructions of a class per unit of a term: [class][term].
    std::array<std::vector<double>, traces::kInstrClasses> per_unit;

    // Throws std::runtime_error for work of a kind the law was not fitted on.
    ClassCounts counts(std::span<const kernels::WorkTerm> work) const;
};

// The term every law has beside the kernel's own: once per call.
constexpr const char* kCallTerm = "call";

// The kernel's own terms and kCallTerm.
std::vector<kernels::WorkTerm> work_of(const std::string& kernel,
                                       const traces::Layer& layer,
                                       traces::Precision precision);

// What the kernel executes on this layer, known before it runs (kernels::counted_work), and kCallTerm.
std::vector<kernels::WorkTerm> counted_work_of(const std::string& kernel,
                                               const traces::Layer& layer,
                                               traces::Precision precision);

// Of a record: from what it says of the routine, where it says it, so that nothing has to be generated or compiled again.
std::vector<kernels::WorkTerm> work_of(const traces::Record& record);

// Whether the terms are those of counted_work: counts are known, not fitted.
bool counted(std::span<const kernels::WorkTerm> work);
bool counted(const CountLaw& law);

// What a call of a kernel costs around its routine, into the law's kCallTerm: the difference of a record to the routine that
// is generated or compiled now. False if that is not a few instructions: then the record is of another version of the kernel, and nothing is
// added.
bool add_call(CountLaw& law, const traces::Record& record);

// Fits the records of one kernel, each weighted by its instructions. Coefficients are at least 0:
// a loop iteration retires no negative number of instructions, and a law that says so could predict
// one for a shape unlike those traced. Nothing where the records are fewer than the terms and two
// more.
std::optional<CountLaw> fit_law(std::span<const traces::Record> records);

}  // namespace mixq::costmodel
