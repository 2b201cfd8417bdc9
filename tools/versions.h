// Of what a recorded run depends on beside itself: digests of the sources of the simulator and of the kernels.
#pragma once

#include <string>
#include <string_view>

namespace mixq::tools {

// Twelve hexadecimal digits each.
std::string simulator_digest();
std::string kernels_digest();

// "mixq-sim 0.1.0, sim 0123456789ab, kernels 0123456789ab": what records say of the tool that made them.
std::string recording_tool();

// Whether a record's tool had the simulator of this program.
bool same_simulator(std::string_view tool);

}  // namespace mixq::tools
