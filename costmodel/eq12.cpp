// The fit of Eq. 12, its intervals, hold-outs and warnings.
#include "costmodel/eq12.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <Eigen/QR>
#include <Eigen/SVD>

#include "costmodel/error.h"

namespace mixq::costmodel {

namespace {

constexpr int kCoefficients = 3;
constexpr const char* kColumns[kCoefficients] = {"C_SISD", "C_SIMD", "C_bit"};

using Rows = Eigen::Matrix<double, Eigen::Dynamic, kCoefficients>;
using Gram = Eigen::Matrix3d;
using Vector = Eigen::Vector3d;

// Features over cycles: the right-hand side is then 1 in every row, and residuals are relative.
Rows weighted_rows(std::span<const Sample> samples) {
    Rows rows(static_cast<Eigen::Index>(samples.size()), kCoefficients);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const Features& f = samples[i].features;
        rows.row(static_cast<Eigen::Index>(i)) =
            Eigen::RowVector3d(f.sisd, f.simd, f.bit) / samples[i].cycles;
    }
    return rows;
}

std::optional<Eq12> from_linear(const Vector& b) {
    if (!b.allFinite() || !(b[0] > 0)) return std::nullopt;
    return Eq12{b[0], b[1] / b[0], b[2] / b[0]};
}

// Columns of length 1; a column of zeros stays.
Rows column_scaled(const Rows& rows, Vector& lengths) {
    lengths = rows.colwise().norm().transpose();
    Rows scaled = rows;
    for (int c = 0; c < kCoefficients; ++c) {
        if (lengths[c] > 0) scaled.col(c) /= lengths[c];
    }
    return scaled;
}

double condition_number(const Rows& scaled) {
    const Eigen::VectorXd singular = Eigen::JacobiSVD<Eigen::MatrixXd>(scaled).singularValues();
    const double smallest = singular[kCoefficients - 1];
    return smallest > 0 ? singular[0] / smallest : std::numeric_limits<double>::infinity();
}

std::optional<Eq12> solve_rows(const Rows& rows) {
    if (rows.rows() < kCoefficients) return std::nullopt;
    Vector lengths;
    const Rows scaled = column_scaled(rows, lengths);
    const Eigen::ColPivHouseholderQR<Rows> qr(scaled);
    if (qr.rank() < kCoefficients) return std::nullopt;
    const Vector b = qr.solve(Eigen::VectorXd::Ones(rows.rows())).cwiseQuotient(lengths);
    return from_linear(b);
}

// Runs of one name, as sums that a resample adds up: X'X and X'1.
struct Group {
    Gram gram = Gram::Zero();
    Vector moment = Vector::Zero();
};

std::vector<Group> groups_by_shape(std::span<const Sample> samples, const Rows& rows) {
    std::map<std::string, Group> groups;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        Group& group = groups[samples[i].shape];
        const auto row = rows.row(static_cast<Eigen::Index>(i));
        group.gram += row.transpose() * row;
        group.moment += row.transpose();
    }
    std::vector<Group> all;
    for (auto& [name, group] : groups) all.push_back(group);
    return all;
}

// Resamples shapes, not runs: runs of one shape share its padding, loop remainders and alignment.
// Returns the share of draws that could not be solved.
double bootstrap(std::span<const Sample> samples,
                 const Rows& rows,
                 const Eq12Options& options,
                 Eq12Fit& fit) {
    const std::vector<Group> groups = groups_by_shape(samples, rows);
    Resampler random(options.seed);
    std::vector<double> scale;
    std::vector<double> alpha;
    std::vector<double> beta;
    int failed = 0;
    for (int draw = 0; draw < options.draws; ++draw) {
        Group sum;
        for (std::size_t i = 0; i < groups.size(); ++i) {
            const Group& group = groups[random.below(groups.size())];
            sum.gram += group.gram;
            sum.moment += group.moment;
        }
        const Vector lengths = sum.gram.diagonal().cwiseSqrt();
        const Vector inverse = lengths.cwiseInverse();
        const Gram scaled = inverse.asDiagonal() * sum.gram * inverse.asDiagonal();
        const Eigen::LDLT<Gram> ldlt(scaled);
        const bool definite = scaled.allFinite() && ldlt.info() == Eigen::Success &&
                              ldlt.vectorD().minCoeff() > 1e-10;
        std::optional<Eq12> drawn;
        if (definite) {
            const Vector b = ldlt.solve(inverse.cwiseProduct(sum.moment));
            drawn = from_linear(b.cwiseProduct(inverse));
        }
        if (!drawn) {
            ++failed;
            continue;
        }
        scale.push_back(drawn->scale);
        alpha.push_back(drawn->alpha);
        beta.push_back(drawn->beta);
    }
    const double infinity = std::numeric_limits<double>::infinity();
    const int n = static_cast<int>(groups.size());
    const auto interval = [&](std::vector<double>& draws) {
        return draws.empty() ? Interval{-infinity, infinity} : expanded_percentile(draws, n);
    };
    fit.scale.bootstrap = interval(scale);
    fit.alpha.bootstrap = interval(alpha);
    fit.beta.bootstrap = interval(beta);
    return static_cast<double>(failed) / options.draws;
}

// b's covariance is s^2 (X'X)^-1; alpha = b1 / b0 and beta = b2 / b0 by the delta method.
void closed_intervals(const Rows& rows, Eq12Fit& fit) {
    const Vector b(
        fit.scale.value, fit.scale.value * fit.alpha.value, fit.scale.value * fit.beta.value);
    const int freedom = static_cast<int>(rows.rows()) - kCoefficients;
    const double variance = (Eigen::VectorXd::Ones(rows.rows()) - rows * b).squaredNorm() / freedom;
    Vector lengths;
    const Rows scaled = column_scaled(rows, lengths);
    const Vector inverse = lengths.cwiseInverse();
    const Gram covariance =
        variance *
        (inverse.asDiagonal() * (scaled.transpose() * scaled).inverse() * inverse.asDiagonal());
    const auto around = [&](double value, const Vector& gradient) {
        const double reach = student_t(freedom) * std::sqrt(gradient.dot(covariance * gradient));
        return Interval{value - reach, value + reach};
    };
    fit.scale.closed = around(b[0], Vector(1, 0, 0));
    fit.alpha.closed = around(fit.alpha.value, Vector(-fit.alpha.value, 1, 0) / b[0]);
    fit.beta.closed = around(fit.beta.value, Vector(-fit.beta.value, 0, 1) / b[0]);
}

// Leaves out each value of `label` in turn. Nothing where there is only one, or where what is left
// cannot be fitted.
std::optional<HoldOut> hold_out(std::span<const Sample> samples,
                                std::string Sample::*label,
                                std::vector<std::pair<std::string, Eq12>>* fits) {
    std::set<std::string> names;
    for (const Sample& sample : samples) names.insert(sample.*label);
    if (names.size() < 2) return std::nullopt;
    std::vector<double> predicted;
    std::vector<double> measured;
    for (const std::string& name : names) {
        std::vector<Sample> rest;
        for (const Sample& sample : samples) {
            if (sample.*label != name) rest.push_back(sample);
        }
        const std::optional<Eq12> fitted = solve_eq12(rest);
        if (!fitted) return std::nullopt;
        if (fits != nullptr) fits->emplace_back(name, *fitted);
        for (const Sample& sample : samples) {
            if (sample.*label != name) continue;
            predicted.push_back(fitted->cycles(sample.features));
            measured.push_back(sample.cycles);
        }
    }
    return HoldOut(measures(predicted, measured), static_cast<int>(names.size()));
}

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
}

std::string range(const Interval& interval) {
    return number(interval.low) + " to " + number(interval.high);
}

// Warnings that a look at the columns gives; each makes the coefficients unidentifiable.
std::vector<std::string> column_warnings(const Rows& rows, double condition) {
    std::vector<std::string> warnings;
    Vector lengths;
    const Rows scaled = column_scaled(rows, lengths);
    // Two columns alone have condition sqrt((1 + c) / (1 - c)) for a cosine of c.
    const double square = kSafeCondition * kSafeCondition;
    const double proportional = (square - 1) / (square + 1);
    for (int a = 0; a < kCoefficients; ++a) {
        if (!(lengths[a] > 0)) {
            warnings.push_back(std::string(kColumns[a]) +
                               " is 0 in every row: its coefficient cannot be known");
            continue;
        }
        for (int b = a + 1; b < kCoefficients; ++b) {
            if (scaled.col(a).dot(scaled.col(b)) > proportional) {
                warnings.push_back(std::string(kColumns[a]) + " and " + kColumns[b] +
                                   " are nearly proportional in these rows: their costs cannot be "
                                   "told apart; trace kernels that mix instructions differently");
            }
        }
    }
    if (condition > kSafeCondition && warnings.empty()) {
        warnings.push_back("condition number " + number(condition) + " is above " +
                           number(kSafeCondition) +
                           ": the columns are nearly dependent; trace kernels that mix "
                           "instructions differently");
    }
    return warnings;
}

// Warnings about the coefficients themselves.
std::vector<std::string> coefficient_warnings(const Eq12Fit& fit) {
    std::vector<std::string> warnings;
    const auto judge = [&](const char* name, const Estimate& estimate) {
        if (estimate.value < 0) {
            warnings.push_back(std::string(name) + " is negative (" + number(estimate.value) +
                               "): no instruction takes less than no time, so the linear form "
                               "does not describe these rows");
        }
        if (estimate.bootstrap.contains(0)) {
            warnings.push_back("the 95 % interval of " + std::string(name) + ", " +
                               range(estimate.bootstrap) + ", includes 0");
        }
    };
    judge("alpha", fit.alpha);
    judge("beta", fit.beta);
    return warnings;
}

// A coefficient that leaves its own interval when one kernel is left out belongs to that kernel,
// not to the instruction. Said, but no proof against the fit as a whole.
void warn_of_leverage(Eq12Fit& fit) {
    for (const auto& [kernel, without] : fit.without_kernel) {
        const auto judge = [&, &left_out = kernel](
                               const char* name, const Estimate& estimate, double value) {
            if (estimate.bootstrap.contains(value)) return;
            fit.warnings.push_back(std::string(name) + " is " + number(value) + " without kernel " +
                                   left_out + ", outside its interval of " +
                                   range(estimate.bootstrap) +
                                   ": it is shaped by which kernels were traced");
        };
        judge("alpha", fit.alpha, without.alpha);
        judge("beta", fit.beta, without.beta);
    }
}

void add_hold_outs(std::span<const Sample> samples, Eq12Fit& fit) {
    fit.shape = hold_out(samples, &Sample::shape, nullptr);
    fit.kernel = hold_out(samples, &Sample::kernel, &fit.without_kernel);
    fit.bits = hold_out(samples, &Sample::bits, nullptr);
    const auto judge = [&](const std::optional<HoldOut>& held, const char* what) {
        if (!held) {
            fit.warnings.push_back("no hold-out by " + std::string(what) +
                                   ": too few of them, or the rest cannot be fitted alone");
        }
    };
    judge(fit.shape, "shape");
    judge(fit.kernel, "kernel");
    judge(fit.bits, "bits");
}

void add_errors(std::span<const Sample> samples, Eq12Fit& fit) {
    std::vector<double> measured;
    for (const Sample& sample : samples) {
        measured.push_back(sample.cycles);
        fit.predicted.push_back(fit.equation().cycles(sample.features));
    }
    fit.mape = mape(fit.predicted, measured);
    fit.worst = worst_error(fit.predicted, measured);
    const auto [least, most] = std::minmax_element(measured.begin(), measured.end());
    if (*least == *most) {
        fit.warnings.emplace_back("every row has the same cycles: R2 is not defined");
        return;
    }
    fit.r2 = r_squared(fit.predicted, measured);
    fit.rank_correlation = rank_correlation(fit.predicted, measured);
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

// Whether there is anything to answer from; warns of all that is short.
bool enough_rows(std::span<const Sample> samples, Eq12Fit& fit) {
    const int rows = static_cast<int>(samples.size());
    std::set<std::string> shapes;
    for (const Sample& sample : samples) shapes.insert(sample.shape);
    if (rows < kSafeRows) {
        fit.warnings.push_back("too few rows: " + std::to_string(rows) +
                               " for three coefficients, where " + std::to_string(kSafeRows) +
                               " are the least to identify them");
    }
    if (static_cast<int>(shapes.size()) < kSafeShapes) {
        fit.warnings.push_back("too few layer shapes: " + std::to_string(shapes.size()) +
                               ", where intervals need " + std::to_string(kSafeShapes));
    }
    return rows >= kMinimumRows;
}

}  // namespace

std::optional<Eq12> solve_eq12(std::span<const Sample> samples) {
    return solve_rows(weighted_rows(samples));
}

Eq12Fit fit_eq12(std::span<const Sample> samples, const Eq12Options& options) {
    Eq12Fit fit;
    if (!enough_rows(samples, fit)) return fit;
    const Rows rows = weighted_rows(samples);
    Vector lengths;
    fit.condition = condition_number(column_scaled(rows, lengths));
    append(fit.warnings, column_warnings(rows, fit.condition));
    if (!(fit.condition < kLargestCondition)) return fit;
    const std::optional<Eq12> solved = solve_rows(rows);
    if (!solved) {
        fit.warnings.emplace_back(
            "the cost of a SISD instruction came out at or below 0: Eq. 12, whose unit it is, does "
            "not describe these rows");
        return fit;
    }
    fit.answered = true;
    fit.scale.value = solved->scale;
    fit.alpha.value = solved->alpha;
    fit.beta.value = solved->beta;
    closed_intervals(rows, fit);
    const double failed = bootstrap(samples, rows, options, fit);
    if (failed > 0.01) {
        fit.warnings.push_back(number(100 * failed) +
                               " % of the bootstrap draws could not be solved: the intervals rest "
                               "on a few shapes");
    }
    append(fit.warnings, coefficient_warnings(fit));
    // All warnings up to here are about what the data can say.
    fit.identifiable = fit.warnings.empty();
    add_errors(samples, fit);
    add_hold_outs(samples, fit);
    warn_of_leverage(fit);
    return fit;
}

}  // namespace mixq::costmodel
