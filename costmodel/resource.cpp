// Fits what blocks take beyond their bounds.
#include "costmodel/resource.h"

#include <algorithm>
#include <stdexcept>

#include "costmodel/nonnegative.h"
#include "kernels/analytic.h"

namespace mixq::costmodel {

namespace {

using traces::InstrClass;
using traces::LayerKind;

// Cycles of one execution of a block that no schedule can beat.
double bound_of(const CountLaw& law, std::size_t term) {
    // Of generated kernels the schedule is the bound: it has every unit, pairing rule and mispredicted loop end in it, for the very
    // code that runs.
    if (law.terms[term] == kernels::kScheduledTerm) return 1;
    const auto of = [&](InstrClass c) { return law.per_unit[static_cast<std::size_t>(c)][term]; };
    double all = 0;
    for (const auto& per_unit : law.per_unit) all += per_unit[term];
    return std::max({all / 2, of(InstrClass::Simd), of(InstrClass::Load) / 2});
}

// Instructions of generated kernels, which the schedule has accounted for.
bool is_count(const std::string& term) {
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        if (term == kernels::counted_term(static_cast<InstrClass>(c))) return true;
    }
    return false;
}

std::vector<double> fit_rows(const std::vector<const traces::Record*>& records,
                             const std::vector<std::string>& terms,
                             const Eigen::VectorXd& bounds) {
    const auto rows = static_cast<Eigen::Index>(records.size());
    Eigen::MatrixXd amounts = Eigen::MatrixXd::Zero(rows, static_cast<Eigen::Index>(terms.size()));
    for (Eigen::Index row = 0; row < rows; ++row) {
        const traces::Record& record = *records[static_cast<std::size_t>(row)];
        for (const kernels::WorkTerm& term : work_of(record)) {
            const auto found = std::find(terms.begin(), terms.end(), term.name);
            if (found == terms.end()) continue;
            amounts(row, found - terms.begin()) += term.amount / static_cast<double>(record.cycles);
        }
    }
    const Eigen::VectorXd stalls =
        solve_nonnegative(amounts, Eigen::VectorXd::Ones(rows) - amounts * bounds);
    const Eigen::VectorXd cycles = bounds + stalls;
    return {cycles.data(), cycles.data() + cycles.size()};
}

}  // namespace

std::string family_of(const traces::Layer& layer) {
    std::string name;
    switch (layer.kind) {
        case LayerKind::Depthwise:
            name = "dw";
            break;
        case LayerKind::FullyConnected:
            return "fc";
        case LayerKind::Conv:
            name = layer.kernel_height * layer.kernel_width == 1 ? "conv1x1" : "conv";
            break;
    }
    return layer.stride == 1 ? name : name + " s" + std::to_string(layer.stride);
}

double ResourceLaw::cycles(const traces::Layer& layer,
                           std::span<const kernels::WorkTerm> work) const {
    auto found = per_execution.find(family_of(layer));
    if (found == per_execution.end()) found = per_execution.find("");
    double sum = 0;
    for (const kernels::WorkTerm& term : work) {
        if (term.amount == 0 || is_count(term.name)) continue;
        const auto at = std::find(terms.begin(), terms.end(), term.name);
        if (at == terms.end() || found == per_execution.end()) {
            throw std::runtime_error("the model was fitted on no layer with '" + term.name +
                                     "' in its work");
        }
        sum += found->second[static_cast<std::size_t>(at - terms.begin())] * term.amount;
    }
    return sum;
}

std::optional<ResourceLaw> fit_resource(std::span<const traces::Record> records,
                                        const CountLaw& counts) {
    ResourceLaw law;
    for (const std::string& term : counts.terms) {
        if (!is_count(term)) law.terms.push_back(term);
    }
    if (records.size() < law.terms.size() + 2) return std::nullopt;
    Eigen::VectorXd bounds(static_cast<Eigen::Index>(law.terms.size()));
    for (std::size_t t = 0; t < law.terms.size(); ++t) {
        const auto at = std::find(counts.terms.begin(), counts.terms.end(), law.terms[t]);
        bounds[static_cast<Eigen::Index>(t)] =
            bound_of(counts, static_cast<std::size_t>(at - counts.terms.begin()));
    }
    std::map<std::string, std::vector<const traces::Record*>> families;
    for (const traces::Record& record : records) {
        families[""].push_back(&record);
        families[family_of(record.layer)].push_back(&record);
    }
    for (const auto& [family, rows] : families) {
        // Three runs more than blocks, or a family's own stalls are guesses.
        if (!family.empty() && rows.size() < law.terms.size() + 3) continue;
        law.per_execution[family] = fit_rows(rows, law.terms, bounds);
    }
    return law;
}

}  // namespace mixq::costmodel
