// Quantiles of Student's t, percentiles of bootstrap draws.
#include "costmodel/interval.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace mixq::costmodel {

namespace {

constexpr double kNormal975 = 1.959963984540054;  // 97.5 % point of the standard normal

// By linear interpolation between order statistics.
double quantile(const std::vector<double>& sorted, double probability) {
    const double position = probability * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return std::lerp(sorted[below], sorted[above], position - static_cast<double>(below));
}

}  // namespace

// Abramowitz and Stegun 26.7.5: the expansion of t about the normal; within 0.1 % from 3 degrees
// of freedom on.
double student_t(int degrees_of_freedom) {
    if (degrees_of_freedom < 3) return std::numeric_limits<double>::infinity();
    const double n = degrees_of_freedom;
    const double z = kNormal975;
    const double z3 = z * z * z;
    const double z5 = z3 * z * z;
    const double z7 = z5 * z * z;
    const double z9 = z7 * z * z;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n) +
           (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / (92160 * n * n * n * n);
}

Interval expanded_percentile(std::vector<double> draws, int groups) {
    assert(!draws.empty());
    const double infinity = std::numeric_limits<double>::infinity();
    if (groups < 4) return {-infinity, infinity};
    std::sort(draws.begin(), draws.end());
    const double n = groups;
    const double reach = std::sqrt(n / (n - 1)) * student_t(groups - 1);
    const double tail = std::erfc(reach / std::sqrt(2.0)) / 2;  // of the standard normal
    return {quantile(draws, tail), quantile(draws, 1 - tail)};
}

std::size_t Resampler::below(std::size_t bound) {
    return static_cast<std::size_t>(engine_() % bound);
}

}  // namespace mixq::costmodel
