// The host side of tinyengine: simd-int8's weights; depthwise ones as pairs of 16-bit halves.
#include "kernels/kernel_list.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {
namespace {

class TinyEngine final : public Kernel {
  public:
    std::string_view name() const override { return "tinyengine"; }

    std::string_view summary() const override {
        return "int8 SMLAD specialised and unrolled per layer, depthwise by padded planes; any "
               "layer, any bits";
    }

    Layout input_layout() const override { return Layout::Interleaved; }

    std::optional<std::string> refuses(const traces::Layer&, traces::Precision) const override {
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override;
};

PackedLayer TinyEngine::pack(const IntegerLayer& layer) const {
    const traces::Layer& shape = layer.shape;
    PackedLayer packed;
    if (shape.kind != traces::LayerKind::Depthwise) {
        packed = simd_int8_kernel().pack(layer);
    } else {
        packing::check_layer(layer);
        const int taps = shape.kernel_height * shape.kernel_width;
        const int pairs = (taps + 1) / 2;
        packed.weights.assign(static_cast<std::size_t>(4 * pairs * shape.out_channels), 0);
        for (int channel = 0; channel < shape.out_channels; ++channel) {
            for (int tap = 0; tap < taps; ++tap) {
                const auto weight = static_cast<std::uint16_t>(
                    std::int16_t{layer.weights[static_cast<std::size_t>(channel * taps + tap)]});
                const auto at = static_cast<std::size_t>(4 * pairs * channel + 2 * tap);
                packed.weights[at] = static_cast<std::uint8_t>(weight);
                packed.weights[at + 1] = static_cast<std::uint8_t>(weight >> 8);
            }
        }
        packing::set_requantisation(layer, packed);
        packed.scratch_bytes = static_cast<std::uint32_t>((shape.height + 2 * shape.padding_y) *
                                                          (shape.width + 2 * shape.padding_x));
        packed.proof = "16-bit products in 32-bit accumulators";
    }
    packed.kernel = name();
    packed.source = "baselines/tinyengine.c";
    return packed;
}

}  // namespace

const Kernel& tinyengine_kernel() {
    static const TinyEngine kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
