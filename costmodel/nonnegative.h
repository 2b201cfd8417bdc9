// Least squares with coefficients of at least 0.
#pragma once

#include <Eigen/Core>

namespace mixq::costmodel {

// The x >= 0 that minimises |a x - b|, by the active sets of Lawson and Hanson (1974, chapter 23).
Eigen::VectorXd solve_nonnegative(const Eigen::MatrixXd& a, const Eigen::VectorXd& b);

}  // namespace mixq::costmodel
