// Error measures of a prediction against what was measured: for fits, and for simulator against
// board.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace mixq::costmodel {

// All take predicted and measured values of equal, non-zero number, and throw std::runtime_error
// where the measure is not defined (a measured value of 0 has no relative error).

// (predicted - measured) / measured, as a fraction.
double relative_error(double predicted, double measured);

// Mean absolute relative error, in percent.
double mape(std::span<const double> predicted, std::span<const double> measured);

// Largest absolute relative error, in percent.
double worst_error(std::span<const double> predicted, std::span<const double> measured);

// Share of values whose absolute relative error is at most `percent`: 0..1.
double share_within(std::span<const double> predicted,
                    std::span<const double> measured,
                    double percent);

// 1 - (sum of squared residuals) / (sum of squares about the mean of the measured): negative where
// the mean would have predicted better. Large values dominate it; MAPE is the fair measure beside
// it.
double r_squared(std::span<const double> predicted, std::span<const double> measured);

// Spearman's rho: the correlation of ranks, ties given the mean of the ranks they share. It needs
// two values at least that differ on either side.
double rank_correlation(std::span<const double> left, std::span<const double> right);

// Indices of the `count` largest absolute relative errors, the largest first.
std::vector<std::size_t> worst_rows(std::span<const double> predicted,
                                    std::span<const double> measured,
                                    std::size_t count);

}  // namespace mixq::costmodel
