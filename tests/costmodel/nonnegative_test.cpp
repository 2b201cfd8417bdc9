// Non-negative least squares against its optimality conditions.
#include "costmodel/nonnegative.h"

#include <random>

#include <gtest/gtest.h>

namespace mixq::costmodel {
namespace {

Eigen::MatrixXd random_matrix(std::mt19937_64& random, int rows, int columns) {
    std::uniform_real_distribution<double> uniform(0, 1);
    Eigen::MatrixXd a(rows, columns);
    for (int r = 0; r < rows; ++r) {
        for (int c = 0; c < columns; ++c) a(r, c) = uniform(random);
    }
    return a;
}

TEST(Nonnegative, FindsAnExactSolutionThatIsNotNegative) {
    std::mt19937_64 random(1);
    const Eigen::MatrixXd a = random_matrix(random, 12, 4);
    const Eigen::VectorXd x = Eigen::Vector4d(3, 0, 0.25, 7);
    EXPECT_LT((solve_nonnegative(a, a * x) - x).norm(), 1e-9);
}

TEST(Nonnegative, SatisfiesTheConditionsOfAnOptimum) {
    std::mt19937_64 random(2);
    for (int run = 0; run < 200; ++run) {
        const Eigen::MatrixXd a = random_matrix(random, 15, 6);
        const Eigen::VectorXd b = random_matrix(random, 15, 1) - Eigen::VectorXd::Constant(15, 0.3);
        const Eigen::VectorXd x = solve_nonnegative(a, b);
        const Eigen::VectorXd gradient = a.transpose() * (b - a * x);
        for (int i = 0; i < 6; ++i) {
            EXPECT_GE(x[i], 0) << "run " << run;
            EXPECT_LE(gradient[i], 1e-7) << "run " << run;  // growing it would not help
            if (x[i] > 0) {
                EXPECT_NEAR(gradient[i], 0, 1e-7) << "run " << run;
            }
        }
    }
}

TEST(Nonnegative, LeavesAColumnOfZerosAndARepeatedOneHarmless) {
    Eigen::MatrixXd a(4, 3);
    a << 1, 0, 1, 2, 0, 2, 3, 0, 3, 4, 0, 4;
    const Eigen::VectorXd x = solve_nonnegative(a, a.col(0) * 2.0);
    EXPECT_NEAR(x[0] + x[2], 2, 1e-9);
    EXPECT_EQ(x[1], 0);
}

}  // namespace
}  // namespace mixq::costmodel
