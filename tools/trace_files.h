// What observers saw, in the file formats of two viewers: Perfetto (Chrome's trace events) and speedscope.
#pragma once

#include <string>

#include "sim/board.h"
#include "sim/observers/stacks.h"
#include "sim/observers/timeline.h"

namespace mixq::tools {

// Function spans and stall counters. Times are cycles: the format's unit is the microsecond, so a viewer shows one
// cycle as 1 us; the clock stands in the metadata.
std::string perfetto_json(const sim::Timeline& timeline,
                          const sim::CallStack& stack,
                          const sim::Board& board);

// Two profiles: the calls in time order, and all stacks with the cause of each stall as their innermost frame.
std::string speedscope_json(const sim::Timeline& timeline,
                            const sim::Stacks& stacks,
                            const sim::CallStack& stack,
                            const sim::Board& board);

}  // namespace mixq::tools
