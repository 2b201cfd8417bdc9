// What `run` prints of the calls it timed.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sim/simulate.h"

namespace mixq::tools {

nlohmann::json to_json(const sim::CallTiming& call);

// A row per function: its last call, when caches and branch predictor are warm.
std::string overview(const std::vector<sim::CallTiming>& calls, const sim::Board& board);

// Where the cycles of a call went, and what its instructions were.
std::string breakdown(const sim::CallTiming& call);

}  // namespace mixq::tools
