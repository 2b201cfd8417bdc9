// Which runs to measure: a greedy D-optimal choice of rows. A run is worth what it adds to the determinant of X'X, that is, how much
// smaller it makes the region the coefficients may lie in.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace mixq::costmodel {

struct Design {
    std::vector<std::size_t> chosen;  // rows, in the order chosen
    double condition =
        0;  // of the chosen rows, columns scaled to length 1; infinite where they do not span the columns that are used
};

// Up to `count` of `rows`, which are of one length: regressors, already weighted. Columns that are 0 in every row are left out of
// account. The same rows give the same design.
Design d_optimal(std::span<const std::vector<double>> rows, std::size_t count);

// Of the matrix of these rows, its columns scaled to length 1, without those that are 0.
double condition_number(std::span<const std::vector<double>> rows);

}  // namespace mixq::costmodel
