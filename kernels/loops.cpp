// Which kernel has which loops.
#include "kernels/loops.h"

namespace mixq::kernels {

namespace {

struct Entry {
    std::string_view kernel;
    std::vector<WorkTerm> (*loops)(const traces::Layer&, traces::Precision);
};

constexpr Entry kLoops[] = {
    {"dual-gemm", packed_gemm::dual_loops},
    {"smlad-gemm", packed_gemm::int8_loops},
    {"rp-conv", packed_conv::loops},
    {"packed-dw", packed_dw::loops},
    {"smlad-dw", int8::depthwise_loops},
    {"winograd", int8::winograd_loops},
};

}  // namespace

std::optional<std::vector<WorkTerm>> loop_work(std::string_view kernel,
                                               const traces::Layer& layer,
                                               traces::Precision precision) {
    for (const Entry& entry : kLoops) {
        if (entry.kernel == kernel) return entry.loops(layer, precision);
    }
    return std::nullopt;
}

}  // namespace mixq::kernels
