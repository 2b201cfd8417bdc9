// The int8 SIMD kernel's host side: weights as bytes, in the order its SXTB16 pairs and its blocks of channels read them.
#include "kernels/kernel_list.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {
namespace {

class SimdInt8 final : public Kernel {
  public:
    std::string_view name() const override { return "simd-int8"; }

    std::string_view summary() const override {
        return "SXTB16 and SMLAD on bytes, two pixels by two channels; any layer, any bits";
    }

    Layout input_layout() const override { return Layout::Interleaved; }

    std::optional<std::string> refuses(const traces::Layer&, traces::Precision) const override {
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override;
};

// Per four channels and tap, one word; channels that are not there are zero.
PackedLayer pack_depthwise(const IntegerLayer& layer) {
    const traces::Layer& shape = layer.shape;
    const int taps = shape.kernel_height * shape.kernel_width;
    PackedLayer packed;
    packed.kernel = "simd-int8";
    packed.source = "baselines/simd_int8.c";
    packed.weights.assign(static_cast<std::size_t>((shape.out_channels + 3) / 4 * 4 * taps), 0);
    for (int channel = 0; channel < shape.out_channels; ++channel) {
        for (int tap = 0; tap < taps; ++tap) {
            const int at = (channel / 4 * taps + tap) * 4 + channel % 4;
            packed.weights[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(
                layer.weights[static_cast<std::size_t>(channel * taps + tap)]);
        }
    }
    packing::set_requantisation(layer, packed);
    packed.proof = "16-bit products in 32-bit accumulators";
    return packed;
}

PackedLayer SimdInt8::pack(const IntegerLayer& layer) const {
    packing::check_layer(layer);
    const traces::Layer& shape = layer.shape;
    if (shape.kind == traces::LayerKind::Depthwise) return pack_depthwise(layer);
    const int taps = shape.kernel_height * shape.kernel_width;
    const int column = (taps * shape.in_channels + 3) / 4 * 4;
    const bool one_pixel = shape.out_height() * shape.out_width() == 1;
    const int block = one_pixel ? 4 : 2;  // output channels side by side
    const bool paired = shape.in_channels % 4 == 0;
    const int blocks = (shape.out_channels + block - 1) / block;

    PackedLayer packed;
    packed.kernel = name();
    packed.source = "baselines/simd_int8.c";
    packed.weights.assign(static_cast<std::size_t>(blocks) * block * column, 0);
    for (int out = 0; out < shape.out_channels; ++out) {
        for (int k = 0; k < taps * shape.in_channels; ++k) {
            const int tap = k / shape.in_channels;
            const int channel = k % shape.in_channels;
            constexpr int kSwapped[] = {0, 2, 1, 3};
            const int byte = paired ? k % 4 : kSwapped[k % 4];
            const std::size_t at = static_cast<std::size_t>(out / block) * block * column +
                                   k / 4 * (4 * block) + out % block * 4 + byte;
            packed.weights[at] = static_cast<std::uint8_t>(
                layer.weights[(static_cast<std::size_t>(out) * shape.in_channels + channel) * taps +
                              tap]);
        }
    }
    packed.defines.emplace_back("MIXQ_COLUMN", std::to_string(column));
    packed.defines.emplace_back("MIXQ_PAIRED", paired ? "1" : "0");
    packed.scratch_bytes = static_cast<std::uint32_t>(column * 2 * (one_pixel ? 1 : 2));
    packing::set_requantisation(layer, packed);
    packed.proof = "16-bit products in 32-bit accumulators";
    return packed;
}

}  // namespace

const Kernel& simd_int8_kernel() {
    static const SimdInt8 kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
