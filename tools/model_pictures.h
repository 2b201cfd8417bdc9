// Pictures of the cost model as files of their own.
#pragma once

#include <string>
#include <vector>

#include "costmodel/iso_latency.h"

namespace mixq::tools {

// The 49 pairs of one layer: a cell per pair with its predicted cycles in thousands; kernel, interval and MAC per cycle as a tooltip.
// Pairs that are not given stay empty.
std::string heat_map_svg(const std::string& title,
                         double macs,
                         const std::vector<costmodel::PairPrediction>& pairs);

struct ResidualPoint {
    std::string what;  // "slbc conv3x3:8x8@8x8 w2a2"
    std::string kernel;
    double cycles = 0;     // simulated
    double predicted = 0;  // by a fit that did not see the run
};

// Relative errors over cycles, a colour per kernel.
std::string residuals_svg(const std::string& title, const std::vector<ResidualPoint>& points);

}  // namespace mixq::tools
