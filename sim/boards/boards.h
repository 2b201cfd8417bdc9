// The boards there are, one file each.
#pragma once

#include "sim/board.h"

namespace mixq::sim {

const Board& stm32f746();
const Board& stm32h743();

}  // namespace mixq::sim
