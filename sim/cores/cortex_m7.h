// The Arm Cortex-M7.
#pragma once

#include "sim/cores/core.h"

namespace mixq::sim {

const Core& cortex_m7();

}  // namespace mixq::sim
