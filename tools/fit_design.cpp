// Draws layers and chooses runs.
#include "tools/fit_design.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "costmodel/design.h"
#include "costmodel/laws.h"
#include "costmodel/resource.h"
#include "kernels/analytic.h"
#include "kernels/kernel.h"

namespace mixq::tools {

namespace {

// The minimal standard generator of Park and Miller: the same on every machine.
class Draw {
  public:
    explicit Draw(std::uint64_t seed) : state_(seed % 2147483647) {}

    int one_of(const std::vector<int>& values) {
        state_ = state_ * 48271 % 2147483647;
        return values[static_cast<std::size_t>(state_ >> 8) % values.size()];
    }

  private:
    std::uint64_t state_;
};

constexpr std::int64_t kFewestMacs = 20'000;
constexpr std::int64_t kMostMacs = 600'000;
// Input and output together: with scratch they stay inside one memory of the board.
constexpr std::int64_t kMostElements = 24'000;

// Layers and seeds of the two draws.
constexpr int kFitLayers = 32;  // per family
constexpr std::uint64_t kFitSeed = 20;
constexpr std::uint64_t kHoldOutSeed = 77;
constexpr int kHoldOutLayers = 40;
constexpr std::size_t kHoldOutBaselines = 3;
// Runs of a kernel in each family, beyond the coefficients of its law.
constexpr std::size_t kMoreRuns = 4;
// Of generated kernels, whose law has two coefficients, at bits drawn at random: every run is another routine.
constexpr std::size_t kGeneratedRuns = 10;

std::string notation(const std::string& family, Draw& draw) {
    const auto text = [](int value) { return std::to_string(value); };
    const int height = draw.one_of({4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 24, 28, 32});
    const int width = draw.one_of({4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 24, 28, 32});
    const int in = draw.one_of({3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64});
    const int out = draw.one_of({4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64});
    const std::string plane = "@" + text(height) + "x" + text(width);
    if (family == "conv") return "conv3x3:" + text(in) + "x" + text(out) + plane;
    if (family == "conv s2") return "conv3x3:" + text(in) + "x" + text(out) + plane + "s2";
    if (family == "conv1x1") return "conv1x1:" + text(2 * in) + "x" + text(2 * out) + plane;
    if (family == "dw") return "dw3x3:" + text(2 * in) + plane;
    if (family == "dw s2") return "dw3x3:" + text(2 * in) + plane + "s2";
    if (family == "fc") return "fc:" + text(in * height) + "x" + text(4 * out);
    throw std::invalid_argument("unknown family of layers '" + family + "'");
}

// Cycles are not known before the run; that a block takes about a cycle per unit of its work is close enough to weight rows with.
std::vector<double> regressors(const std::vector<kernels::WorkTerm>& work,
                               const std::vector<std::string>& terms) {
    std::vector<double> row(terms.size(), 0);
    double total = 0;
    for (const kernels::WorkTerm& term : work) {
        const auto at = std::find(terms.begin(), terms.end(), term.name);
        row[static_cast<std::size_t>(at - terms.begin())] += term.amount;
        total += term.amount;
    }
    for (double& value : row) value /= total;
    return row;
}

std::vector<int> pair_numbers() {
    std::vector<int> pairs;
    for (int i = 0; i < static_cast<int>(traces::all_precisions().size()); ++i) pairs.push_back(i);
    return pairs;
}

// Kernels that are generated pack actual weights: only tracing knows which pairs fit. Any that packs the shape at all fits w2a2.
bool may_run(const kernels::Kernel& kernel,
             const traces::Layer& layer,
             traces::Precision precision) {
    const bool closed = kernels::has_closed_work(kernel.name());
    return !kernel.refuses(layer, closed ? precision : traces::Precision{2, 2});
}

std::vector<KernelRun> drawn_runs(const kernels::Kernel& kernel, const std::string& family) {
    std::vector<KernelRun> runs;
    Draw draw(kFitSeed);
    const std::vector<int> pairs = pair_numbers();
    for (const traces::Layer& layer : drawn_layers(family, kFitLayers, kFitSeed)) {
        const traces::Precision precision =
            traces::all_precisions()[static_cast<std::size_t>(draw.one_of(pairs))];
        if (runs.size() == kGeneratedRuns || !may_run(kernel, layer, precision)) continue;
        runs.push_back({std::string(kernel.name()), layer, precision});
    }
    return runs;
}

std::vector<KernelRun> designed(const kernels::Kernel& kernel, const std::string& family) {
    if (!kernels::has_closed_work(kernel.name())) return drawn_runs(kernel, family);
    std::vector<KernelRun> runs;
    std::vector<std::vector<kernels::WorkTerm>> work;
    std::vector<std::string> terms;
    // A kernel whose work does not depend on the bits is run at one pair: the widest.
    std::set<std::string> seen;
    std::vector<traces::Precision> precisions = traces::all_precisions();
    std::reverse(precisions.begin(), precisions.end());
    const std::string name(kernel.name());
    for (const traces::Layer& layer : drawn_layers(family, kFitLayers, kFitSeed)) {
        for (const traces::Precision precision : precisions) {
            if (kernel.refuses(layer, precision)) continue;
            std::vector<kernels::WorkTerm> one = costmodel::work_of(name, layer, precision);
            std::string key = to_string(layer);
            for (const kernels::WorkTerm& term : one) {
                key += " " + term.name + " " + std::to_string(term.amount);
                if (std::find(terms.begin(), terms.end(), term.name) == terms.end()) {
                    terms.push_back(term.name);
                }
            }
            if (!seen.insert(key).second) continue;
            runs.push_back({name, layer, precision});
            work.push_back(std::move(one));
        }
    }
    std::vector<std::vector<double>> rows;
    for (const auto& one : work) rows.push_back(regressors(one, terms));
    std::vector<KernelRun> chosen;
    for (const std::size_t row : costmodel::d_optimal(rows, terms.size() + kMoreRuns).chosen) {
        chosen.push_back(runs[row]);
    }
    return chosen;
}

}  // namespace

const std::vector<std::string>& layer_families() {
    static const std::vector<std::string> families = {
        "conv", "conv s2", "conv1x1", "dw", "dw s2", "fc"};
    return families;
}

std::vector<traces::Layer> drawn_layers(const std::string& family, int count, std::uint64_t seed) {
    Draw draw(seed);
    std::vector<traces::Layer> layers;
    while (static_cast<int>(layers.size()) < count) {
        const traces::Layer layer = traces::parse_layer(notation(family, draw));
        const bool fits = layer.macs() >= kFewestMacs && layer.macs() <= kMostMacs &&
                          layer.input_elements() + layer.output_elements() <= kMostElements;
        if (fits && std::find(layers.begin(), layers.end(), layer) == layers.end()) {
            layers.push_back(layer);
        }
    }
    return layers;
}

Suite fit_suite() {
    Suite suite{
        "fit",
        "designed to fit the cost model: every kernel and kind of layer, chosen by D-optimality",
        {}};
    for (const kernels::Kernel* kernel : kernels::all_kernels()) {
        for (const std::string& family : layer_families()) {
            const std::vector<KernelRun> runs = designed(*kernel, family);
            suite.runs.insert(suite.runs.end(), runs.begin(), runs.end());
        }
    }
    return suite;
}

Suite hold_out_suite() {
    Suite suite{"holdout", "forty random layers that the fit suite does not hold", {}};
    std::set<traces::Layer> fitted;
    for (const std::string& family : layer_families()) {
        for (const traces::Layer& layer : drawn_layers(family, kFitLayers, kFitSeed)) {
            fitted.insert(layer);
        }
    }
    const std::vector<int> pairs = pair_numbers();
    Draw draw(kHoldOutSeed);
    std::map<std::string, std::vector<traces::Layer>> drawn;
    for (const std::string& family : layer_families()) {
        drawn[family] = drawn_layers(family, kHoldOutLayers, kHoldOutSeed);
    }
    int layers = 0;
    for (std::size_t next = 0; layers < kHoldOutLayers; ++next) {
        const std::string& family = layer_families()[next % layer_families().size()];
        const traces::Layer layer = drawn[family][next / layer_families().size()];
        const traces::Precision precision =
            traces::all_precisions()[static_cast<std::size_t>(draw.one_of(pairs))];
        if (fitted.contains(layer)) continue;
        ++layers;
        // All kernels that are there to be deployed; of the others, which differ less, some in turn.
        std::vector<KernelRun> others;
        for (const kernels::Kernel* kernel : kernels::all_kernels()) {
            if (!may_run(*kernel, layer, precision)) continue;
            const bool deploy = kernel->purpose() == kernels::Purpose::Deploy;
            (deploy ? suite.runs : others)
                .push_back({std::string(kernel->name()), layer, precision});
        }
        for (std::size_t i = 0; i < std::min(kHoldOutBaselines, others.size()); ++i) {
            suite.runs.push_back(
                others[(kHoldOutBaselines * static_cast<std::size_t>(layers) + i) % others.size()]);
        }
    }
    return suite;
}

Suite pairs_suite() {
    Suite suite{
        "pairs",
        "all 49 pairs of bits of two layers, with every kernel that is there to be deployed",
        {}};
    for (const char* text : {"conv3x3:16x16@16x16", "conv1x1:64x32@8x8"}) {
        const traces::Layer layer = traces::parse_layer(text);
        for (const traces::Precision precision : traces::all_precisions()) {
            for (const kernels::Kernel* kernel : kernels::all_kernels()) {
                // Baselines are not what a pair costs.
                if (kernel->purpose() != kernels::Purpose::Deploy) continue;
                if (!may_run(*kernel, layer, precision)) continue;
                suite.runs.push_back({std::string(kernel->name()), layer, precision});
            }
        }
    }
    return suite;
}

}  // namespace mixq::tools
