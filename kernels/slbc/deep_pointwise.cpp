// Packs 1x1 layers for slbc_pointwise.c.
#include <stdexcept>

#include "kernels/slbc/deep.h"

namespace mixq::kernels::slbc {
std::optional<PointwisePlan> plan_pointwise(const traces::Layer&, traces::Precision) {
    return std::nullopt;
}

PackedLayer pack_pointwise(const IntegerLayer&) {
    throw std::runtime_error("no");
}
}  // namespace mixq::kernels::slbc
