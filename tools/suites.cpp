// The suites.
#include "tools/suites.h"

#include <stdexcept>

#include "tools/fit_design.h"

namespace mixq::tools {

namespace {

// What the cost model is first fitted on: both kinds of convolution over the range of channels and
// sizes of small networks, 0.1 to 0.6 million multiply-accumulates each, so that all of it runs in
// well under a minute.
Suite demo_suite() {
    const std::vector<std::string> layers = {"conv3x3:8x8@16x16",
                                             "conv3x3:4x16@16x16",
                                             "conv3x3:16x16@12x12",
                                             "conv3x3:16x32@8x8",
                                             "conv3x3:24x24@10x10",
                                             "conv3x3:32x32@8x8",
                                             "conv1x1:32x32@12x12",
                                             "conv1x1:16x64@12x12",
                                             "conv1x1:64x64@8x8",
                                             "conv1x1:128x32@6x6"};
    // What a network has beside those: its first layer, of three channels, and its head. Without them
    // the model cannot say what such layers cost, and a search over a network stops.
    const std::vector<std::string> ends = {"conv3x3:3x16@32x32",
                                           "conv3x3:3x24@16x16",
                                           "conv3x3:6x8@12x12",
                                           "fc:512x64",
                                           "fc:256x10",
                                           "fc:320x16",
                                           "fc:128x128"};
    // Bits whose fields the packed kernel lays out in other ways than those of the three pairs.
    const std::vector<std::string> wide = {
        "conv3x3:8x8@16x16", "conv3x3:24x24@10x10", "conv3x3:3x16@32x32"};
    Suite suite{"demo", "eight kernels, w2a2 to w8a8, conv3x3, conv1x1 and fc layers", {}};
    const auto add = [&](const std::vector<KernelRun>& runs) {
        suite.runs.insert(suite.runs.end(), runs.begin(), runs.end());
    };
    const std::vector<std::string> spatial(layers.begin(), layers.begin() + 6);
    const std::vector<std::string> pointwise(layers.begin() + 6, layers.end());
    const std::vector<std::string> heads(ends.begin() + 3, ends.end());
    const std::vector<std::string> low = {"w2a2", "w3a3", "w4a4"};
    add(cross({"naive", "simd-int8", "slbc", "rp-slbc", "smlad-gemm"}, spatial, low));
    add(cross({"naive", "simd-int8", "slbc", "smlad-gemm"}, pointwise, low));
    add(cross({"rp-conv", "winograd"}, spatial, low));
    add(cross({"dual-gemm"}, pointwise, low));
    add(cross({"naive", "simd-int8", "smlad-gemm"}, layers, {"w8a8"}));
    add(cross({"naive", "simd-int8", "smlad-gemm"}, ends, {"w8a8"}));
    add(cross({"dual-gemm"}, heads, low));
    add(cross({"rp-conv"}, wide, {"w2a8", "w6a3"}));
    return suite;
}

}  // namespace

const std::vector<NamedSuite>& all_suites() {
    static const std::vector<NamedSuite> suites = {{"demo", demo_suite},
                                                   {"fit", fit_suite},
                                                   {"holdout", hold_out_suite},
                                                   {"pairs", pairs_suite}};
    return suites;
}

Suite find_suite(std::string_view name) {
    std::string known;
    for (const NamedSuite& suite : all_suites()) {
        if (suite.name == name) return suite.make();
        known += (known.empty() ? "" : ", ") + std::string(suite.name);
    }
    throw std::invalid_argument("unknown suite '" + std::string(name) + "'; there are: " + known);
}

std::vector<KernelRun> cross(const std::vector<std::string>& kernels,
                             const std::vector<std::string>& layers,
                             const std::vector<std::string>& precisions) {
    std::vector<KernelRun> runs;
    for (const std::string& layer : layers) {
        for (const std::string& precision : precisions) {
            for (const std::string& kernel : kernels) {
                runs.push_back(
                    {kernel, traces::parse_layer(layer), traces::parse_precision(precision)});
            }
        }
    }
    return runs;
}

}  // namespace mixq::tools
