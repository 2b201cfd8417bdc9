// The laws of the suites the cost model lives on.
#include "tools/fit_design.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "costmodel/resource.h"
#include "kernels/analytic.h"
#include "kernels/kernel.h"

namespace mixq::tools {
namespace {

TEST(FitDesign, DrawsTheSameLayersEveryTimeAndOthersWithAnotherSeed) {
    for (const std::string& family : layer_families()) {
        const auto layers = drawn_layers(family, 10, 20);
        EXPECT_EQ(layers, drawn_layers(family, 10, 20));
        EXPECT_NE(layers, drawn_layers(family, 10, 21));
        for (const traces::Layer& layer : layers) {
            EXPECT_EQ(costmodel::family_of(layer), family) << to_string(layer);
        }
    }
}

TEST(FitDesign, HoldsEveryKernelOnEveryFamilyItRuns) {
    std::map<std::string, std::set<std::string>> families;
    std::set<std::string> runs;
    for (const KernelRun& run : fit_suite().runs) {
        families[run.kernel].insert(costmodel::family_of(run.layer));
        EXPECT_TRUE(runs.insert(to_string(run)).second) << to_string(run) << " twice";
        if (!kernels::has_closed_work(run.kernel)) continue;
        EXPECT_FALSE(kernels::find_kernel(run.kernel).refuses(run.layer, run.precision))
            << to_string(run);
    }
    for (const kernels::Kernel* kernel : kernels::all_kernels()) {
        EXPECT_FALSE(families[std::string(kernel->name())].empty()) << kernel->name();
    }
}

TEST(FitDesign, TheHoldOutHasFortyLayersThatTheFitHasNot) {
    std::set<traces::Layer> fitted;
    for (const KernelRun& run : fit_suite().runs) fitted.insert(run.layer);
    std::set<traces::Layer> held;
    for (const KernelRun& run : hold_out_suite().runs) {
        EXPECT_FALSE(fitted.contains(run.layer)) << to_string(run);
        held.insert(run.layer);
    }
    EXPECT_EQ(held.size(), 40u);
}

TEST(FitDesign, PairsAreAllFortyNine) {
    std::map<traces::Layer, std::set<traces::Precision>> pairs;
    for (const KernelRun& run : pairs_suite().runs) pairs[run.layer].insert(run.precision);
    EXPECT_GE(pairs.size(), 2u);
    for (const auto& [layer, precisions] : pairs) EXPECT_EQ(precisions.size(), 49u);
}

}  // namespace
}  // namespace mixq::tools
