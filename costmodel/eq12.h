// Eq. 12 of the paper and its fit: cycles = scale * (C_SISD + alpha C_SIMD + beta C_bit), by least
// squares of relative errors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "costmodel/features.h"
#include "costmodel/interval.h"
#include "costmodel/measures.h"

namespace mixq::costmodel {

// Coefficients. alpha and beta are the cost of a SIMD and of a bit instruction in units of a SISD
// one; scale is the cycles of a SISD instruction: its reciprocal, not 1, where two issue at once.
struct Eq12 {
    double scale = 0;
    double alpha = 0;
    double beta = 0;

    double cycles(const Features& features) const {
        return scale * (features.sisd + alpha * features.simd + beta * features.bit);
    }
};

// One measured run, and the names by which runs are left out together.
struct Sample {
    Features features;
    double cycles = 0;
    std::string shape;
    std::string kernel;
    std::string bits;
};

// Least squares of 1 - predicted / measured, so that a small layer counts as much as a large one.
// Nothing where the columns are dependent or the scale is not positive.
std::optional<Eq12> solve_eq12(std::span<const Sample> samples);

struct Estimate {
    double value = 0;
    Interval bootstrap;  // 95 %, over groups of runs of one shape: the one to quote
    Interval closed;     // 95 %, from the normal equations: runs taken as independent
};

struct Eq12Fit {
    bool answered = false;  // false: too little data for any coefficient; only `warnings` holds
    bool identifiable =
        false;  // false: alpha and beta may not be read as costs; `warnings` say why
    std::vector<std::string> warnings;
    Estimate scale;
    Estimate alpha;
    Estimate beta;
    double r2 = 0;     // on cycles
    double mape = 0;   // percent
    double worst = 0;  // percent
    double rank_correlation = 0;
    double condition = 0;           // of the weighted matrix, columns scaled to length 1
    std::optional<HoldOut> shape;   // leave one layer shape out
    std::optional<HoldOut> kernel;  // leave one kernel out
    std::optional<HoldOut> bits;    // leave one bit pair out
    std::vector<double> predicted;  // cycles, one per sample
    std::vector<std::pair<std::string, Eq12>> without_kernel;

    Eq12 equation() const { return {scale.value, alpha.value, beta.value}; }
};

struct Eq12Options {
    int draws = 2000;  // bootstrap resamples
    std::uint64_t seed = 1;
};

Eq12Fit fit_eq12(std::span<const Sample> samples, const Eq12Options& options);

// Bounds of the diagnostics.

// Fewer runs than this and nothing is answered: four per coefficient, below which even the residual
// spread is a guess.
constexpr int kMinimumRows = 12;
// Fewer than this and coefficients are not called identified: ten per coefficient, the usual rule
// of regression.
constexpr int kSafeRows = 30;
// Fewer shapes than this and intervals over shapes are too narrow to trust.
constexpr int kSafeShapes = 6;
// Condition number of the column-scaled matrix from which collinearity is called harmful (Belsley,
// Kuh and Welsch 1980, section 3.2): an error of 1 % in the cycles may move a coefficient by 30 %.
constexpr double kSafeCondition = 30;
// From here on the smallest direction is lost in a model error of 0.1 %: nothing is answered.
constexpr double kLargestCondition = 1000;

}  // namespace mixq::costmodel
