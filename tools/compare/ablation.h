// The error of board cases with one rule of the model switched off or one parameter changed.
#pragma once

#include <vector>

#include "tools/compare/board_cases.h"

namespace mixq::tools {

// The model as it is, then one change each.
std::vector<Variation> ablations();

}  // namespace mixq::tools
