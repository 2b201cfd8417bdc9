// Student's t and bootstrap percentiles.
#include "costmodel/interval.h"

#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace mixq::costmodel {
namespace {

TEST(Interval, StudentTAgreesWithThePublishedTable) {
    // Any table of t, two-sided 95 %.
    EXPECT_NEAR(student_t(3), 3.182, 0.004);
    EXPECT_NEAR(student_t(5), 2.571, 0.001);
    EXPECT_NEAR(student_t(10), 2.228, 0.001);
    EXPECT_NEAR(student_t(30), 2.042, 0.001);
    EXPECT_NEAR(student_t(1000000), 1.960, 0.001);
}

TEST(Interval, TooFewDegreesOfFreedomSayNothing) {
    EXPECT_TRUE(std::isinf(student_t(2)));
    EXPECT_TRUE(std::isinf(expanded_percentile({1, 2, 3}, 3).high));
}

TEST(Interval, ExpandedPercentilesApproachPlainOnesForManyGroups) {
    std::vector<double> draws(100001);
    std::iota(draws.begin(), draws.end(), 0.0);
    const Interval many = expanded_percentile(draws, 1000000);
    EXPECT_NEAR(many.low, 2500, 5);
    EXPECT_NEAR(many.high, 97500, 5);
    const Interval few = expanded_percentile(draws, 8);
    EXPECT_LT(few.low, many.low);
    EXPECT_GT(few.high, many.high);
}

TEST(Interval, ResamplingRepeatsWithItsSeed) {
    Resampler first(7);
    Resampler second(7);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(first.below(13), second.below(13));
}

}  // namespace
}  // namespace mixq::costmodel
