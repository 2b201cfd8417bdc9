// Laws of the error measures.
#include "costmodel/error.h"

#include <cmath>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace mixq::costmodel {
namespace {

using Values = std::vector<double>;

TEST(Error, MapeIsTheMeanOfAbsolutePercentages) {
    EXPECT_DOUBLE_EQ(mape(Values{110, 80}, Values{100, 100}), 15);
    EXPECT_DOUBLE_EQ(worst_error(Values{110, 80}, Values{100, 100}), 20);
}

TEST(Error, MapeCountsASmallValueAsMuchAsALargeOne) {
    EXPECT_DOUBLE_EQ(mape(Values{2, 1000000}, Values{1, 1000000}), 50);
}

TEST(Error, ShareWithinCountsTheBoundItself) {
    EXPECT_DOUBLE_EQ(share_within(Values{105, 95, 106, 100}, Values{100, 100, 100, 100}, 5), 0.75);
}

TEST(Error, RSquaredIsOneForAnExactFitAndZeroForTheMean) {
    EXPECT_DOUBLE_EQ(r_squared(Values{1, 2, 3}, Values{1, 2, 3}), 1);
    EXPECT_DOUBLE_EQ(r_squared(Values{2, 2, 2}, Values{1, 2, 3}), 0);
    EXPECT_LT(r_squared(Values{3, 2, 1}, Values{1, 2, 3}), 0);
}

TEST(Error, RankCorrelationSeesOrderOnly) {
    EXPECT_DOUBLE_EQ(rank_correlation(Values{1, 2, 3, 4}, Values{1, 10, 100, 1000}), 1);
    EXPECT_DOUBLE_EQ(rank_correlation(Values{1, 2, 3, 4}, Values{9, 8, 7, -5}), -1);
}

TEST(Error, RankCorrelationIsSymmetric) {
    const Values a{3, 1, 4, 1, 5, 9, 2, 6};
    const Values b{2, 7, 1, 8, 2, 8, 1, 8};
    EXPECT_DOUBLE_EQ(rank_correlation(a, b), rank_correlation(b, a));
}

TEST(Error, RankCorrelationGivesTiesTheirMeanRank) {
    // Ranks 0.5 0.5 2 against 0 1 2: covariance 1.5, variances 1.5 and 2.
    EXPECT_DOUBLE_EQ(rank_correlation(Values{5, 5, 6}, Values{1, 2, 3}),
                     1.5 / std::sqrt(1.5 * 2.0));
}

TEST(Error, WorstRowsComeLargestFirst) {
    const Values predicted{101, 150, 100, 80};
    const Values measured{100, 100, 100, 100};
    EXPECT_EQ(worst_rows(predicted, measured, 2), (std::vector<std::size_t>{1, 3}));
    EXPECT_EQ(worst_rows(predicted, measured, 9).size(), 4u);
}

TEST(Error, UndefinedMeasuresAreRefused) {
    EXPECT_THROW(mape(Values{}, Values{}), std::runtime_error);
    EXPECT_THROW(mape(Values{1}, Values{1, 2}), std::runtime_error);
    EXPECT_THROW(mape(Values{1}, Values{0}), std::runtime_error);
    EXPECT_THROW(r_squared(Values{1, 2}, Values{5, 5}), std::runtime_error);
    EXPECT_THROW(rank_correlation(Values{1, 1}, Values{1, 2}), std::runtime_error);
}

}  // namespace
}  // namespace mixq::costmodel
