// A value for each of the 49 bit pairs, as a picture: weight bits to the right, activation bits downwards.
#pragma once

#include <map>
#include <string>

#include "tools/report/svg.h"
#include "traces/precision.h"

namespace mixq::tools::report {

struct HeatCell {
    double value = 0;
    std::string label;    // in the cell
    std::string tooltip;  // all there is to say
};

// Darker is larger. Pairs that are missing stay empty.
Drawing heat_map(const std::map<traces::Precision, HeatCell>& cells,
                 const std::string& title,
                 const std::string& description);

}  // namespace mixq::tools::report
