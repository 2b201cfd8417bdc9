// One plan per layer: nothing can overflow that the layer's own check lets through.
#include "kernels/int8/smlad_gemm.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/packed_gemm/pack.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {

namespace int8 {

std::optional<std::string> SmladGemm::refuses(const traces::Layer& layer, traces::Precision) const {
    if (layer.kind == traces::LayerKind::Depthwise)
        return "smlad-gemm adds up channels; " + to_string(layer) + " is depthwise";
    return std::nullopt;
}

PackedLayer SmladGemm::pack(const IntegerLayer& layer) const {
    const std::vector<Candidate> all = candidates(layer);
    if (all.empty())
        throw std::runtime_error("layer " + layer.name + ": " +
                                 *refuses(layer.shape, layer.precision));
    return all.front().pack();
}

std::vector<Candidate> SmladGemm::candidates(const IntegerLayer& layer) const {
    std::vector<Candidate> all;
    if (refuses(layer.shape, layer.precision)) return all;
    packing::check_layer(layer);
    for (const bool wide : {true, false}) {
        const packed_gemm::Plan plan = packed_gemm::int8_plan(layer.shape, layer.precision, wide);
        all.push_back({packed_gemm::describe(plan),
                       true,
                       packed_gemm::estimated_cycles(plan),
                       [plan, layer, kernel = std::string(name()), how = how_] {
                           return packed_gemm::pack(plan, layer, kernel, how);
                       }});
    }
    std::ranges::stable_sort(all, {}, &Candidate::estimated_cycles);
    return all;
}

}  // namespace int8

const Kernel& smlad_gemm_kernel() {
    static const int8::SmladGemm kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
