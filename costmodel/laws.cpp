// Fits instruction counts to a kernel's work.
#include "costmodel/laws.h"

#include <algorithm>
#include <stdexcept>

#include "costmodel/nonnegative.h"
#include "kernels/analytic.h"

namespace mixq::costmodel {

namespace {

std::optional<std::size_t> find_term(const std::vector<std::string>& terms,
                                     const std::string& name) {
    const auto found = std::find(terms.begin(), terms.end(), name);
    if (found == terms.end()) return std::nullopt;
    return static_cast<std::size_t>(found - terms.begin());
}

// Of one class, around a routine: the call, its arguments and the return.
constexpr double kMostAroundACall = 32;

// Each class is its own term.
CountLaw counting_law(CountLaw law) {
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        law.per_unit[c].assign(law.terms.size(), 0);
        const auto own =
            find_term(law.terms, kernels::counted_term(static_cast<traces::InstrClass>(c)));
        if (own) law.per_unit[c][*own] = 1;
    }
    return law;
}

// The terms with a non-zero amount somewhere, in the order they are met.
std::vector<std::string> terms_of(const std::vector<std::vector<kernels::WorkTerm>>& work) {
    std::vector<std::string> terms;
    for (const auto& row : work) {
        for (const kernels::WorkTerm& term : row) {
            if (term.amount != 0 && !find_term(terms, term.name)) terms.push_back(term.name);
        }
    }
    return terms;
}

}  // namespace

ClassCounts CountLaw::counts(std::span<const kernels::WorkTerm> work) const {
    ClassCounts counts{};
    for (const kernels::WorkTerm& term : work) {
        if (term.amount == 0) continue;
        const std::optional<std::size_t> index = find_term(terms, term.name);
        if (!index) {
            throw std::runtime_error("kernel " + kernel +
                                     ": the model was fitted on no layer with '" + term.name +
                                     "' in its work");
        }
        for (std::size_t c = 0; c < counts.size(); ++c) {
            counts[c] += per_unit[c][*index] * term.amount;
        }
    }
    return counts;
}

std::vector<kernels::WorkTerm> work_of(const std::string& kernel,
                                       const traces::Layer& layer,
                                       traces::Precision precision) {
    std::vector<kernels::WorkTerm> terms = kernels::work(kernel, layer, precision);
    const bool has_call = std::any_of(
        terms.begin(), terms.end(), [](const auto& term) { return term.name == kCallTerm; });
    if (!has_call) terms.push_back({kCallTerm, 1});
    return terms;
}

std::vector<kernels::WorkTerm> counted_work_of(const std::string& kernel,
                                               const traces::Layer& layer,
                                               traces::Precision precision) {
    std::vector<kernels::WorkTerm> terms = kernels::counted_work(kernel, layer, precision);
    terms.push_back({kCallTerm, 1});
    return terms;
}

bool counted(const CountLaw& law) {
    return find_term(law.terms, kernels::kScheduledTerm).has_value();
}

bool counted(std::span<const kernels::WorkTerm> work) {
    return std::any_of(work.begin(), work.end(), [](const auto& term) {
        return term.name == kernels::kScheduledTerm;
    });
}

std::vector<kernels::WorkTerm> work_of(const traces::Record& record) {
    if (record.scheduled_cycles <= 0) {
        return work_of(record.kernel, record.layer, record.precision);
    }
    std::vector<kernels::WorkTerm> terms{{kernels::kScheduledTerm, record.scheduled_cycles}};
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        const auto instr_class = static_cast<traces::InstrClass>(c);
        terms.push_back(
            {kernels::counted_term(instr_class), static_cast<double>(record.counts[instr_class])});
    }
    terms.push_back({kCallTerm, 1});
    return terms;
}

bool add_call(CountLaw& law, const traces::Record& record) {
    const kernels::Structure exact =
        kernels::structure(record.kernel, record.layer, record.precision);
    const auto call = find_term(law.terms, kCallTerm);
    if (!call) return false;
    std::array<double, traces::kInstrClasses> around{};
    for (std::size_t c = 0; c < around.size(); ++c) {
        around[c] = static_cast<double>(record.counts.by_class[c]) -
                    static_cast<double>(exact.counts.by_class[c]);
        if (around[c] < 0 || around[c] > kMostAroundACall) return false;
    }
    for (std::size_t c = 0; c < around.size(); ++c) law.per_unit[c][*call] = around[c];
    return true;
}

std::optional<CountLaw> fit_law(std::span<const traces::Record> records) {
    if (records.empty()) return std::nullopt;
    std::vector<std::vector<kernels::WorkTerm>> work;
    for (const traces::Record& record : records) {
        work.push_back(work_of(record));
    }
    CountLaw law;
    law.kernel = records.front().kernel;
    law.terms = terms_of(work);
    if (counted(work.front())) return counting_law(std::move(law));
    if (records.size() < law.terms.size() + 2) return std::nullopt;

    const auto rows = static_cast<Eigen::Index>(records.size());
    Eigen::MatrixXd amounts =
        Eigen::MatrixXd::Zero(rows, static_cast<Eigen::Index>(law.terms.size()));
    Eigen::MatrixXd shares(rows, static_cast<Eigen::Index>(traces::kInstrClasses));
    for (Eigen::Index row = 0; row < rows; ++row) {
        const traces::Record& record = records[static_cast<std::size_t>(row)];
        const auto total = static_cast<double>(record.counts.total());
        for (const kernels::WorkTerm& term : work[static_cast<std::size_t>(row)]) {
            const auto index = find_term(law.terms, term.name);
            if (index) amounts(row, static_cast<Eigen::Index>(*index)) += term.amount / total;
        }
        for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
            shares(row, static_cast<Eigen::Index>(c)) =
                static_cast<double>(record.counts.by_class[c]) / total;
        }
    }
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        const Eigen::VectorXd solved =
            solve_nonnegative(amounts, shares.col(static_cast<Eigen::Index>(c)));
        law.per_unit[c].assign(solved.data(), solved.data() + solved.size());
    }
    return law;
}

}  // namespace mixq::costmodel
