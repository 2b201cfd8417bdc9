// All measures of one set of predictions.
#include "costmodel/measures.h"

#include <algorithm>

#include "costmodel/error.h"

namespace mixq::costmodel {

namespace {

bool differ(std::span<const double> values) {
    return std::any_of(
        values.begin(), values.end(), [&](double value) { return value != values.front(); });
}

}  // namespace

Measures measures(std::span<const double> predicted, std::span<const double> measured) {
    Measures all;
    all.mape = mape(predicted, measured);
    all.worst = worst_error(predicted, measured);
    all.within5 = share_within(predicted, measured, 5);
    all.within10 = share_within(predicted, measured, 10);
    if (differ(measured)) all.r2 = r_squared(predicted, measured);
    if (differ(measured) && differ(predicted)) {
        all.rank_correlation = rank_correlation(predicted, measured);
    }
    all.values = static_cast<int>(measured.size());
    return all;
}

}  // namespace mixq::costmodel
