// The laws of designed runs.
#include "costmodel/design.h"

#include <cmath>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace mixq::costmodel {
namespace {

// Rows of which most say the same thing: the first column beside a little of the others.
std::vector<std::vector<double>> lopsided_rows(std::size_t count) {
    std::mt19937_64 engine(5);
    const auto uniform = [&] { return static_cast<double>(engine() % 1000) / 1000; };
    std::vector<std::vector<double>> rows;
    for (std::size_t i = 0; i < count; ++i) {
        const double rare = i % 20 == 0 ? 1 : 0.02;
        rows.push_back({1, rare * uniform(), rare * uniform(), rare * uniform()});
    }
    return rows;
}

TEST(Design, ChoosesEachRowOnceAndAsManyAsAsked) {
    const auto rows = lopsided_rows(200);
    const Design design = d_optimal(rows, 24);
    EXPECT_EQ(design.chosen.size(), 24u);
    EXPECT_EQ(std::set<std::size_t>(design.chosen.begin(), design.chosen.end()).size(), 24u);
    EXPECT_EQ(d_optimal(rows, 500).chosen.size(), 200u);
}

// Most draws of 24 rows hardly know the rare columns.
TEST(Design, IsBetterConditionedThanNineInTenRandomChoices) {
    const auto rows = lopsided_rows(400);
    const Design design = d_optimal(rows, 24);
    std::mt19937_64 engine(7);
    int worse = 0;
    for (int draw = 0; draw < 40; ++draw) {
        std::vector<std::vector<double>> drawn;
        for (int i = 0; i < 24; ++i) drawn.push_back(rows[engine() % rows.size()]);
        worse += condition_number(drawn) > design.condition ? 1 : 0;
    }
    EXPECT_GE(worse, 36);
}

TEST(Design, OfEqualRowsIsTheSameEveryTime) {
    const auto rows = lopsided_rows(100);
    EXPECT_EQ(d_optimal(rows, 10).chosen, d_optimal(rows, 10).chosen);
}

TEST(Design, LeavesColumnsOfZerosOutOfAccount) {
    std::vector<std::vector<double>> rows = lopsided_rows(50);
    const double condition = d_optimal(rows, 12).condition;
    for (auto& row : rows) row.push_back(0);
    EXPECT_DOUBLE_EQ(d_optimal(rows, 12).condition, condition);
}

TEST(Design, ConditionOfOrthogonalRowsIsOneAndOfDependentOnesInfinite) {
    const std::vector<std::vector<double>> orthogonal = {{3, 0}, {0, 5}};
    EXPECT_DOUBLE_EQ(condition_number(orthogonal), 1);
    const std::vector<std::vector<double>> fewer = {{1, 2, 3}, {3, 2, 1}};
    EXPECT_TRUE(std::isinf(condition_number(fewer)));
}

}  // namespace
}  // namespace mixq::costmodel
