// One plan per layer: nothing can overflow that the layer's own check lets through.
#include "kernels/int8/smlad_gemm.h"

#include "kernels/kernel_list.h"
#include "kernels/packed_gemm/pack.h"

namespace mixq::kernels {

namespace int8 {

std::optional<std::string> SmladGemm::refuses(const traces::Layer& layer,
                                              traces::Precision) const {
    if (layer.kind == traces::LayerKind::Depthwise)
        return "smlad-gemm adds up channels; " + to_string(layer) + " is depthwise";
    return std::nullopt;
}

PackedLayer SmladGemm::pack(const IntegerLayer& layer) const {
    return packed_gemm::pack(packed_gemm::int8_plan(layer.shape, layer.precision),
                             layer,
                             std::string(name()),
                             how_);
}

std::vector<Candidate> SmladGemm::candidates(const IntegerLayer& layer) const {
    if (refuses(layer.shape, layer.precision)) return {};
    const packed_gemm::Plan plan = packed_gemm::int8_plan(layer.shape, layer.precision);
    return {{packed_gemm::describe(plan),
             true,
             packed_gemm::estimated_cycles(plan),
             [this, layer] { return pack(layer); }}};
}

}  // namespace int8

const Kernel& smlad_gemm_kernel() {
    static const int8::SmladGemm kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
