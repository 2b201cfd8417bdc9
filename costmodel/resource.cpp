// Fits what blocks take beyond their bounds.
#include "costmodel/resource.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "costmodel/nonnegative.h"
#include "kernels/analytic.h"
#include "kernels/loops.h"

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
    static const std::set<std::string> kCounts = [] {
        std::set<std::string> all;
        for (std::size_t c = 0; c < traces::kInstrClasses; ++c)
            all.insert(kernels::counted_term(static_cast<InstrClass>(c)));
        return all;
    }();
    return kCounts.contains(term);
}

// Of laws of loops: errors of a record of 3 % weigh as much as a factor that is 30 % away from 1.
constexpr double kLoopPrior = 0.1;
constexpr std::size_t kFewestLoopRows = 6;
// About what a call, its frame and the set-up of a routine take.
constexpr double kCallCycles = 50;

// A record with the work it is fitted by.
struct Row {
    const traces::Record* record = nullptr;
    std::vector<kernels::WorkTerm> work;
};

std::vector<double> fit_rows(const std::vector<const Row*>& of,
                             const std::vector<std::string>& terms,
                             const Eigen::VectorXd& bounds,
                             double prior = 0) {
    const auto rows = static_cast<Eigen::Index>(of.size());
    const auto columns = static_cast<Eigen::Index>(terms.size());
    Eigen::MatrixXd amounts = Eigen::MatrixXd::Zero(rows + (prior > 0 ? columns : 0), columns);
    for (Eigen::Index row = 0; row < rows; ++row) {
        const traces::Record& record = *of[static_cast<std::size_t>(row)]->record;
        for (const kernels::WorkTerm& term : of[static_cast<std::size_t>(row)]->work) {
            const auto found = std::find(terms.begin(), terms.end(), term.name);
            if (found == terms.end()) continue;
            amounts(row, found - terms.begin()) += term.amount / static_cast<double>(record.cycles);
        }
    }
    Eigen::VectorXd wanted = Eigen::VectorXd::Ones(amounts.rows());
    if (prior > 0) {
        amounts.bottomRows(columns) = prior * Eigen::MatrixXd::Identity(columns, columns);
        wanted.tail(columns) *= prior;
    }
    const Eigen::VectorXd stalls = solve_nonnegative(amounts, wanted - amounts * bounds);
    const Eigen::VectorXd cycles = bounds + stalls;
    return {cycles.data(), cycles.data() + cycles.size()};
}

// Of all rows, and of each family that has enough of them.
void fit_families(const std::vector<Row>& rows, const Eigen::VectorXd& bounds, ResourceLaw& law) {
    std::map<std::string, std::vector<const Row*>> families;
    for (const Row& row : rows) {
        families[""].push_back(&row);
        families[family_of(row.record->layer)].push_back(&row);
    }
    for (const auto& [family, own] : families) {
        // Three runs more than blocks, or a family's own stalls are guesses.
        if (!family.empty() && own.size() < law.terms.size() + 3) continue;
        law.per_execution[family] = fit_rows(own, law.terms, bounds);
    }
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
        if (term.amount == 0) continue;
        const auto at = std::find(terms.begin(), terms.end(), term.name);
        if (at == terms.end() && is_count(term.name)) continue;
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
    std::vector<Row> rows;
    for (const traces::Record& record : records) rows.push_back({&record, work_of(record)});
    fit_families(rows, bounds, law);
    return law;
}

std::optional<std::vector<kernels::WorkTerm>> loops_of(const std::string& kernel,
                                                       const traces::Layer& layer,
                                                       traces::Precision precision) {
    if (kernels::has_closed_work(kernel)) {
        if (const auto why = kernels::find_kernel(kernel).refuses(layer, precision))
            throw std::runtime_error(*why);
        return work_of(kernel, layer, precision);
    }
    std::optional<std::vector<kernels::WorkTerm>> work =
        kernels::loop_work(kernel, layer, precision);
    if (work) work->push_back({kCallTerm, kCallCycles});
    return work;
}

std::optional<ResourceLaw> fit_loops(std::span<const traces::Record> records) {
    if (records.empty()) return std::nullopt;
    if (kernels::has_closed_work(records.front().kernel)) {
        std::vector<traces::Record> without(records.begin(), records.end());
        for (traces::Record& record : without) record.scheduled_cycles = 0;
        const std::optional<CountLaw> counts = fit_law(without);
        return counts ? fit_resource(without, *counts) : std::nullopt;
    }
    ResourceLaw law;
    std::vector<Row> rows;
    for (const traces::Record& record : records) {
        try {
            auto work = loops_of(record.kernel, record.layer, record.precision);
            if (!work) return std::nullopt;
            rows.push_back({&record, *std::move(work)});
        } catch (const std::runtime_error&) {
            continue;  // actual weights pack where typical ones do not
        }
        for (const kernels::WorkTerm& term : rows.back().work) {
            if (std::find(law.terms.begin(), law.terms.end(), term.name) == law.terms.end())
                law.terms.push_back(term.name);
        }
    }
    if (rows.size() < kFewestLoopRows) return std::nullopt;
    std::vector<const Row*> all;
    for (const Row& row : rows) all.push_back(&row);
    law.per_execution[""] =
        fit_rows(all,
                 law.terms,
                 Eigen::VectorXd::Zero(static_cast<Eigen::Index>(law.terms.size())),
                 kLoopPrior);
    return law;
}

}  // namespace mixq::costmodel
