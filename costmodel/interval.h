// 95 % intervals: Student's t for closed forms, expanded percentiles for the bootstrap.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace mixq::costmodel {

struct Interval {
    double low = 0;
    double high = 0;

    bool contains(double value) const { return low <= value && value <= high; }

    bool operator==(const Interval&) const = default;
};

// The 97.5 % point of Student's t. Infinite below 3 degrees of freedom: two values more than a fit
// has unknowns say nothing about its spread.
double student_t(int degrees_of_freedom);

// The middle 95 % of bootstrap draws, its tails moved outward for how few groups were resampled:
// plain percentiles are too narrow by sqrt((n - 1) / n) and use the normal where t is due
// (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 4.4).
Interval expanded_percentile(std::vector<double> draws, int groups);

// Draws below `bound`, the same on every standard library (std::uniform_int_distribution is not).
class Resampler {
  public:
    explicit Resampler(std::uint64_t seed) : engine_(seed) {}

    std::size_t below(std::size_t bound);

  private:
    std::mt19937_64 engine_;
};

}  // namespace mixq::costmodel
