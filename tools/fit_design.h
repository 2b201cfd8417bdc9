// The suites the cost model lives on: runs designed to fit it, and runs it never saw to judge it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/suites.h"

namespace mixq::tools {

// Layers of one family (costmodel::family_of) as small networks have them, 20 to 600 thousand multiply-accumulates, drawn with a
// seed: the same on every machine. Throws std::invalid_argument for an unknown family.
std::vector<traces::Layer> drawn_layers(const std::string& family, int count, std::uint64_t seed);

// Every family the suites cover.
const std::vector<std::string>& layer_families();

// What the cost model is fitted on: of each kernel and family, the runs among all drawn layers and all pairs of bits that determine
// the kernel's coefficients best (costmodel::d_optimal on its analytic work).
Suite fit_suite();

// Forty layers of another draw, none of them in the fit suite, each at a pair of bits of its own, with every kernel that is there to
// be deployed and three of the others.
Suite hold_out_suite();

// All 49 pairs of two layers with every kernel that is there to be deployed. Some of these runs, and of the hold-out's, are for tracing
// to leave out: where the weights do not pack.
Suite pairs_suite();

}  // namespace mixq::tools
