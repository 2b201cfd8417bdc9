// Which packings fit a layer, and which is taken.
#include "kernels/packed_gemm/dual_gemm.h"

#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/packed_gemm/pack.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {

namespace packed_gemm {

std::optional<std::string> DualGemm::refuses(const traces::Layer& layer,
                                             traces::Precision precision) const {
    if (layer.kind == traces::LayerKind::Depthwise)
        return "dual-gemm adds up channels; " + to_string(layer) + " is depthwise";
    if (!guaranteed_dual_plans(layer, precision).empty()) return std::nullopt;
    return "dual-gemm packs no two products of " + to_string(precision) +
           " into a lane for any weights; it may for the actual ones";
}

PackedLayer DualGemm::pack(const IntegerLayer& layer) const {
    const std::vector<Candidate> all = candidates(layer);
    if (!all.empty()) return all.front().pack();
    throw std::runtime_error("layer " + layer.name + ": dual-gemm cannot pack: " +
                             why_no_dual_plan(layer) + "; the kernel smlad-gemm runs it");
}

std::vector<Candidate> DualGemm::candidates(const IntegerLayer& layer) const {
    std::vector<Candidate> all;
    if (layer.shape.kind == traces::LayerKind::Depthwise) return all;
    packing::check_layer(layer);
    for (const Choice& choice : dual_plans(layer)) {
        all.push_back({describe(choice.plan),
                       choice.guaranteed,
                       choice.cycles,
                       [plan = choice.plan, layer, kernel = std::string(name()), how = how_] {
                           return packed_gemm::pack(plan, layer, kernel, how);
                       }});
    }
    return all;
}

}  // namespace packed_gemm

const Kernel& dual_gemm_kernel() {
    static const packed_gemm::DualGemm kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
