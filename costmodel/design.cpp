// Greedy D-optimal designs.
#include "costmodel/design.h"

#include <limits>

#include <Eigen/Core>
#include <Eigen/SVD>

namespace mixq::costmodel {

namespace {

// The rows as a matrix with columns of length 1, without columns of zeros.
Eigen::MatrixXd scaled_matrix(std::span<const std::vector<double>> rows) {
    if (rows.empty()) return {};
    const auto columns = static_cast<Eigen::Index>(rows.front().size());
    Eigen::MatrixXd all(static_cast<Eigen::Index>(rows.size()), columns);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        all.row(static_cast<Eigen::Index>(i)) =
            Eigen::Map<const Eigen::RowVectorXd>(rows[i].data(), columns);
    }
    Eigen::MatrixXd used(all.rows(), columns);
    Eigen::Index count = 0;
    for (Eigen::Index c = 0; c < columns; ++c) {
        const double length = all.col(c).norm();
        if (length > 0) used.col(count++) = all.col(c) / length;
    }
    return used.leftCols(count);
}

// Before anything is chosen, X'X is this times the identity: small beside one row.
constexpr double kRidge = 1e-6;

}  // namespace

double condition_number(std::span<const std::vector<double>> rows) {
    const double infinity = std::numeric_limits<double>::infinity();
    const Eigen::MatrixXd matrix = scaled_matrix(rows);
    if (matrix.size() == 0 || matrix.rows() < matrix.cols()) return infinity;
    const Eigen::VectorXd singular = Eigen::JacobiSVD<Eigen::MatrixXd>(matrix).singularValues();
    const double smallest = singular[singular.size() - 1];
    return smallest > 0 ? singular[0] / smallest : infinity;
}

Design d_optimal(std::span<const std::vector<double>> rows, std::size_t count) {
    Design design;
    Eigen::MatrixXd matrix = scaled_matrix(rows);
    if (matrix.size() == 0) return design;
    // To rows of length about 1, against which the ridge is measured.
    matrix *= std::sqrt(static_cast<double>(matrix.rows()));
    Eigen::MatrixXd inverse = Eigen::MatrixXd::Identity(matrix.cols(), matrix.cols()) / kRidge;
    std::vector<bool> taken(rows.size(), false);
    std::vector<std::vector<double>> chosen;
    while (design.chosen.size() < std::min(count, rows.size())) {
        // det(M + x x') = det(M) (1 + x' M^-1 x)
        std::size_t best = rows.size();
        double most = -1;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (taken[i]) continue;
            const auto row = matrix.row(static_cast<Eigen::Index>(i));
            const double gain = row.dot((inverse * row.transpose()).transpose());
            if (gain > most) {
                most = gain;
                best = i;
            }
        }
        const Eigen::VectorXd x = matrix.row(static_cast<Eigen::Index>(best)).transpose();
        const Eigen::VectorXd step = inverse * x;
        inverse -= step * step.transpose() / (1 + x.dot(step));
        taken[best] = true;
        design.chosen.push_back(best);
        chosen.push_back(rows[best]);
    }
    design.condition = condition_number(chosen);
    return design;
}

}  // namespace mixq::costmodel
