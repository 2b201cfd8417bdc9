// The naive kernel's host side: weights as they are.
#include "kernels/kernel_list.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {
namespace {

class Naive final : public Kernel {
  public:
    std::string_view name() const override { return "naive"; }

    std::string_view summary() const override {
        return "byte loop, one multiply at a time; any layer, any bits";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer&, traces::Precision) const override {
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        packing::check_layer(layer);
        PackedLayer packed;
        packed.kernel = name();
        packed.source = "baselines/naive.c";
        packed.weights.assign(layer.weights.begin(), layer.weights.end());
        packing::set_requantisation(layer, packed);
        packed.proof = "nothing is packed: 32-bit accumulators";
        return packed;
    }
};

}  // namespace

const Kernel& naive_kernel() {
    static const Naive kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
