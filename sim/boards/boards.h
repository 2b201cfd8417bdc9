// The boards there are, one file each.
#pragma once

#include "sim/board.h"

namespace mixq::sim {

const Board& stm32f746();
const Board& stm32f767();
const Board& stm32h743();
const Board& stm32h7a3();

}  // namespace mixq::sim
