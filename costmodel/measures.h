// Every error measure of a set of predictions at once, as tables and files show them.
#pragma once

#include <optional>
#include <span>

namespace mixq::costmodel {

struct Measures {
    double mape = 0;      // percent
    double worst = 0;     // percent
    double within5 = 0;   // share of values, 0..1
    double within10 = 0;  // share of values, 0..1
    // Not defined where all values are the same.
    std::optional<double> r2;
    std::optional<double> rank_correlation;
    int values = 0;
};

// Of as many predictions as measured values, one at least. Throws std::runtime_error as error.h does.
Measures measures(std::span<const double> predicted, std::span<const double> measured);

// What a fit would have said of runs it had not seen.
struct HoldOut : Measures {
    int groups = 0;  // left out in turn

    HoldOut() = default;

    HoldOut(const Measures& of, int count) : Measures(of), groups(count) {}
};

}  // namespace mixq::costmodel
