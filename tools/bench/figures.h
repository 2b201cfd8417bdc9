// The paper's figures 5, 6 and 7 from what was measured here, each beside the paper's claim.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "traces/record.h"

namespace mixq::tools {

// What one bit pair costs with each kind of kernel; 0 where none runs it.
struct PairCycles {
    traces::Precision precision;
    std::string best_kernel;
    double best = 0;  // cycles of the fastest that is there to be deployed
    double naive = 0;
    double simd_int8 = 0;
    double cmix = 0;
    double slbc = 0;       // Algorithm 1
    double rp_slbc = 0;    // Algorithm 2
    double best_int8 = 0;  // the fastest deployable one at 8 x 8 bits: scheduled, without packing
};

struct Figures {
    traces::Layer layer;
    traces::Provenance provenance;
    std::vector<PairCycles> pairs;
};

// The kernels that the figures are made of, beside those that are there to be deployed.
std::vector<std::string> figure_baselines();

Figures figures_of(const traces::Layer& layer, const std::vector<traces::Record>& records);

// Tables for a terminal.
std::string figures_text(const Figures& figures);
nlohmann::json figures_json(const Figures& figures);
// One self-contained page with the pictures and tables.
std::string figures_page(const std::vector<Figures>& figures);

}  // namespace mixq::tools
