// Tables of where the cycles went: by function, by line of source, by instruction.
#pragma once

#include <string>

#include "sim/observers/hotspots.h"
#include "sim/source_lines.h"

namespace mixq::tools {

// The most expensive functions, and the most expensive lines where there are any.
std::string hotspot_tables(const sim::Hotspots& hotspots,
                           const sim::CallStack& stack,
                           const sim::SourceLines& lines);

// Every executed instruction of a function with its slot, its cycles and why they passed, below its line of source.
// Empty name: the most expensive function. Throws std::runtime_error for one that did not run, naming those that did.
std::string annotated(const std::string& function,
                      const sim::Hotspots& hotspots,
                      const sim::CallStack& stack,
                      const sim::SourceLines& lines);

}  // namespace mixq::tools
