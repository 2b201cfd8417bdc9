// Non-negative least squares.
#include "costmodel/nonnegative.h"

#include <limits>
#include <vector>

#include <Eigen/QR>

namespace mixq::costmodel {

namespace {

// Gradients below this, on columns and a right-hand side of length 1, are rounding.
constexpr double kTolerance = 1e-10;

// The unconstrained solution over the columns in `free`, 0 elsewhere.
Eigen::VectorXd solve_free(const Eigen::MatrixXd& a,
                           const Eigen::VectorXd& b,
                           const std::vector<Eigen::Index>& free) {
    Eigen::MatrixXd part(a.rows(), static_cast<Eigen::Index>(free.size()));
    for (std::size_t i = 0; i < free.size(); ++i) {
        part.col(static_cast<Eigen::Index>(i)) = a.col(free[i]);
    }
    const Eigen::VectorXd solved = part.colPivHouseholderQr().solve(b);
    Eigen::VectorXd x = Eigen::VectorXd::Zero(a.cols());
    for (std::size_t i = 0; i < free.size(); ++i) {
        x[free[i]] = solved[static_cast<Eigen::Index>(i)];
    }
    return x;
}

// Walks from x toward `target` until the first free column reaches 0; those that do leave `free`.
void step_to_boundary(Eigen::VectorXd& x,
                      const Eigen::VectorXd& target,
                      std::vector<Eigen::Index>& free) {
    double step = 1;
    Eigen::Index blocking = -1;
    for (const Eigen::Index i : free) {
        if (target[i] > 0) continue;
        const double reach = x[i] > 0 ? x[i] / (x[i] - target[i]) : 0;
        if (blocking < 0 || reach < step) {
            step = reach;
            blocking = i;
        }
    }
    x += step * (target - x);
    if (blocking >= 0) x[blocking] = 0;
    std::erase_if(free, [&](Eigen::Index i) { return x[i] <= 0; });
    x = x.cwiseMax(0);
}

// The bound column whose growth reduces the residual most; -1 if none does.
Eigen::Index steepest(const Eigen::VectorXd& gradient, const std::vector<bool>& tried) {
    Eigen::Index best = -1;
    for (Eigen::Index i = 0; i < gradient.size(); ++i) {
        if (tried[static_cast<std::size_t>(i)] || gradient[i] <= kTolerance) continue;
        if (best < 0 || gradient[i] > gradient[best]) best = i;
    }
    return best;
}

}  // namespace

Eigen::VectorXd solve_nonnegative(const Eigen::MatrixXd& a, const Eigen::VectorXd& b) {
    const Eigen::VectorXd lengths = a.colwise().norm().transpose();
    const double target_length = b.norm();
    Eigen::VectorXd x = Eigen::VectorXd::Zero(a.cols());
    if (!(target_length > 0)) return x;
    Eigen::MatrixXd scaled = a;
    for (Eigen::Index i = 0; i < a.cols(); ++i) {
        if (lengths[i] > 0) scaled.col(i) /= lengths[i];
    }
    const Eigen::VectorXd target = b / target_length;
    std::vector<Eigen::Index> free;
    // Every set of free columns is visited at most once; 3 rounds a column are the usual bound.
    for (Eigen::Index round = 0; round < 3 * a.cols(); ++round) {
        const Eigen::VectorXd gradient = scaled.transpose() * (target - scaled * x);
        std::vector<bool> is_free(static_cast<std::size_t>(a.cols()), false);
        for (const Eigen::Index i : free) is_free[static_cast<std::size_t>(i)] = true;
        const Eigen::Index entering = steepest(gradient, is_free);
        if (entering < 0) break;
        free.push_back(entering);
        while (!free.empty()) {
            const Eigen::VectorXd inner = solve_free(scaled, target, free);
            double smallest = std::numeric_limits<double>::infinity();
            for (const Eigen::Index i : free) smallest = std::min(smallest, inner[i]);
            if (smallest > 0) {
                x = inner;
                break;
            }
            step_to_boundary(x, inner, free);
        }
    }
    for (Eigen::Index i = 0; i < a.cols(); ++i) {
        x[i] = lengths[i] > 0 ? x[i] * target_length / lengths[i] : 0;
    }
    return x;
}

}  // namespace mixq::costmodel
