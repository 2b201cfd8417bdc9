// Non-negative least squares over all classes of instructions.
#include "costmodel/eq12_plus.h"

#include <cstdio>
#include <map>

#include "costmodel/design.h"
#include "costmodel/eq12.h"
#include "costmodel/nonnegative.h"

namespace mixq::costmodel {

namespace {

constexpr auto kClasses = static_cast<Eigen::Index>(traces::kInstrClasses);

// Instructions over cycles: residuals are relative.
Eigen::MatrixXd weighted_rows(std::span<const ClassSample> samples) {
    Eigen::MatrixXd rows(static_cast<Eigen::Index>(samples.size()), kClasses);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        for (Eigen::Index c = 0; c < kClasses; ++c) {
            rows(static_cast<Eigen::Index>(i), c) =
                samples[i].counts[static_cast<std::size_t>(c)] / samples[i].cycles;
        }
    }
    return rows;
}

Eq12Plus from_vector(const Eigen::VectorXd& solved) {
    Eq12Plus equation;
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        equation.per_instruction[c] = solved[static_cast<Eigen::Index>(c)];
    }
    return equation;
}

double condition_of(std::span<const ClassSample> samples) {
    std::vector<std::vector<double>> rows;
    for (const ClassSample& sample : samples) {
        rows.emplace_back(sample.counts.begin(), sample.counts.end());
        for (double& value : rows.back()) value /= sample.cycles;
    }
    return condition_number(rows);
}

// Resamples shapes, as for Eq. 12.
void bootstrap(std::span<const ClassSample> samples,
               const Eigen::MatrixXd& rows,
               int draws,
               std::uint64_t seed,
               Eq12PlusFit& fit) {
    std::map<std::string, std::vector<Eigen::Index>> by_shape;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        by_shape[samples[i].shape].push_back(static_cast<Eigen::Index>(i));
    }
    std::vector<std::vector<Eigen::Index>> groups;
    for (auto& [shape, group] : by_shape) groups.push_back(std::move(group));
    Resampler random(seed);
    std::array<std::vector<double>, traces::kInstrClasses> values;
    for (int draw = 0; draw < draws; ++draw) {
        std::vector<Eigen::Index> chosen;
        for (std::size_t i = 0; i < groups.size(); ++i) {
            const auto& group = groups[random.below(groups.size())];
            chosen.insert(chosen.end(), group.begin(), group.end());
        }
        Eigen::MatrixXd drawn(static_cast<Eigen::Index>(chosen.size()), kClasses);
        for (std::size_t i = 0; i < chosen.size(); ++i) {
            drawn.row(static_cast<Eigen::Index>(i)) = rows.row(chosen[i]);
        }
        const Eigen::VectorXd solved =
            solve_nonnegative(drawn, Eigen::VectorXd::Ones(drawn.rows()));
        for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
            values[c].push_back(solved[static_cast<Eigen::Index>(c)]);
        }
    }
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        fit.bootstrap[c] =
            expanded_percentile(std::move(values[c]), static_cast<int>(groups.size()));
    }
}

}  // namespace

double Eq12Plus::cycles(const ClassCounts& counts) const {
    double sum = 0;
    for (std::size_t c = 0; c < counts.size(); ++c) sum += per_instruction[c] * counts[c];
    return sum;
}

std::optional<Eq12Plus> solve_eq12_plus(std::span<const ClassSample> samples) {
    if (samples.size() < traces::kInstrClasses) return std::nullopt;
    const Eigen::MatrixXd rows = weighted_rows(samples);
    return from_vector(solve_nonnegative(rows, Eigen::VectorXd::Ones(rows.rows())));
}

Eq12PlusFit fit_eq12_plus(std::span<const ClassSample> samples, int draws, std::uint64_t seed) {
    Eq12PlusFit fit;
    // The same rule as for Eq. 12: four rows per coefficient.
    if (samples.size() < 4 * traces::kInstrClasses) {
        fit.warnings.push_back("eq12+: too few rows: " + std::to_string(samples.size()) +
                               " for six coefficients");
        return fit;
    }
    const Eigen::MatrixXd rows = weighted_rows(samples);
    fit.answered = true;
    fit.equation = *solve_eq12_plus(samples);
    fit.condition = condition_of(samples);
    if (fit.condition > kSafeCondition) {
        char text[32];
        std::snprintf(text, sizeof text, "%.3g", fit.condition);
        fit.warnings.push_back("eq12+: condition number " + std::string(text) +
                               ": its six costs cannot be told apart well");
    }
    bootstrap(samples, rows, draws, seed, fit);
    std::vector<double> predicted;
    std::vector<double> measured;
    for (const ClassSample& sample : samples) {
        predicted.push_back(fit.equation.cycles(sample.counts));
        measured.push_back(sample.cycles);
    }
    fit.in_sample = measures(predicted, measured);
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        if (fit.equation.per_instruction[c] > 0) continue;
        fit.warnings.push_back("eq12+: a " +
                               std::string(traces::name(static_cast<traces::InstrClass>(c))) +
                               " instruction comes out at 0 cycles: it hides behind others here");
    }
    return fit;
}

}  // namespace mixq::costmodel
