// Another model's answer to the same loops: LLVM's machine code analyser with its Cortex-M7 schedule.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/image.h"
#include "tools/compare/microbenchmarks.h"

namespace mixq::tools {

// The program, in the path as Debian names it; empty if it is not installed.
std::string find_llvm_mca();

// Cycles of one steady iteration of a probe's loop. Empty where the loop is not straight-line code or the tool refuses it.
std::optional<double> llvm_mca_loop(const std::string& program,
                                    const sim::Image& probes,
                                    const std::string& function);

// The facts that both can answer, with the analyser's value of each.
std::map<std::string, double> llvm_mca_facts(const std::vector<BoardFact>& facts,
                                             const sim::Image& probes);

// The facts' errors side by side, and both means.
std::string llvm_mca_table(const std::vector<Comparison>& comparisons,
                           const std::map<std::string, double>& theirs);

}  // namespace mixq::tools
