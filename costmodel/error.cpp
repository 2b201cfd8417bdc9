// Error measures.
#include "costmodel/error.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

namespace mixq::costmodel {

namespace {

void require_pairs(std::span<const double> left, std::span<const double> right) {
    if (left.empty() || left.size() != right.size()) {
        throw std::runtime_error("an error measure needs as many predicted as measured values: " +
                                 std::to_string(left.size()) + " and " +
                                 std::to_string(right.size()));
    }
}

std::vector<double> absolute_errors(std::span<const double> predicted,
                                    std::span<const double> measured) {
    require_pairs(predicted, measured);
    std::vector<double> errors(predicted.size());
    for (std::size_t i = 0; i < errors.size(); ++i) {
        errors[i] = std::abs(relative_error(predicted[i], measured[i]));
    }
    return errors;
}

double mean(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Ranks from 0; equal values share the mean of their ranks.
std::vector<double> ranks(std::span<const double> values) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return values[a] < values[b];
    });
    std::vector<double> rank(values.size());
    for (std::size_t first = 0; first < order.size();) {
        std::size_t last = first;
        while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
        for (std::size_t i = first; i <= last; ++i) {
            rank[order[i]] = static_cast<double>(first + last) / 2;
        }
        first = last + 1;
    }
    return rank;
}

}  // namespace

double relative_error(double predicted, double measured) {
    if (!(measured > 0)) throw std::runtime_error("a measured value of 0 has no relative error");
    return (predicted - measured) / measured;
}

double mape(std::span<const double> predicted, std::span<const double> measured) {
    return 100 * mean(absolute_errors(predicted, measured));
}

double worst_error(std::span<const double> predicted, std::span<const double> measured) {
    const std::vector<double> errors = absolute_errors(predicted, measured);
    return 100 * *std::max_element(errors.begin(), errors.end());
}

double share_within(std::span<const double> predicted,
                    std::span<const double> measured,
                    double percent) {
    const std::vector<double> errors = absolute_errors(predicted, measured);
    const auto inside = std::count_if(
        errors.begin(), errors.end(), [&](double error) { return 100 * error <= percent; });
    return static_cast<double>(inside) / static_cast<double>(errors.size());
}

double r_squared(std::span<const double> predicted, std::span<const double> measured) {
    require_pairs(predicted, measured);
    const double centre = mean(measured);
    double residual = 0;
    double total = 0;
    for (std::size_t i = 0; i < measured.size(); ++i) {
        residual += (measured[i] - predicted[i]) * (measured[i] - predicted[i]);
        total += (measured[i] - centre) * (measured[i] - centre);
    }
    if (!(total > 0)) {
        throw std::runtime_error("R2 is not defined: every measured value is the same");
    }
    return 1 - residual / total;
}

double rank_correlation(std::span<const double> left, std::span<const double> right) {
    require_pairs(left, right);
    const std::vector<double> a = ranks(left);
    const std::vector<double> b = ranks(right);
    const double centre = static_cast<double>(a.size() - 1) / 2;  // the mean rank, ties or not
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        ab += (a[i] - centre) * (b[i] - centre);
        aa += (a[i] - centre) * (a[i] - centre);
        bb += (b[i] - centre) * (b[i] - centre);
    }
    if (!(aa > 0) || !(bb > 0)) {
        throw std::runtime_error("a rank correlation needs values that differ");
    }
    return ab / std::sqrt(aa * bb);
}

std::vector<std::size_t> worst_rows(std::span<const double> predicted,
                                    std::span<const double> measured,
                                    std::size_t count) {
    const std::vector<double> errors = absolute_errors(predicted, measured);
    std::vector<std::size_t> order(errors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return errors[a] > errors[b];
    });
    order.resize(std::min(count, order.size()));
    return order;
}

}  // namespace mixq::costmodel
