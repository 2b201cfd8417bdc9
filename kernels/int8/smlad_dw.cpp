// The kernel smlad-dw: how its sums are scaled, and its constants.
#include "kernels/int8/smlad_dw.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/packed_dw/planes.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels::int8 {

using packed_dw::Planes;

namespace {

constexpr int kTaps = 9;
constexpr int kLaneBits = 16;

// (sum << up) * (multiplier << left) >> 32 is the scaled sum if up + left is 16 + scale.
bool fit(const IntegerLayer& layer, SmladDwPlan& plan) {
    const std::int64_t multiplier =
        *std::max_element(layer.multiplier.begin(), layer.multiplier.end());
    const std::int64_t sum = packing::accumulator_range(layer).magnitude();
    for (plan.up = 0; plan.up <= kLaneBits - layer.precision.weight_bits; ++plan.up) {
        plan.left = 16 + plan.scale - plan.up;
        if (plan.left < 0 || plan.left > 30) continue;
        if (multiplier << plan.left <= INT32_MAX && sum << plan.up <= INT32_MAX) return true;
    }
    return false;
}

// Whether biases times 2^scale leave what is clamped inside 32 bits.
bool bounded(const IntegerLayer& layer, int scale) {
    for (int c = 0; c < layer.shape.out_channels; ++c) {
        const auto at = static_cast<std::size_t>(c);
        const packing::Range sums = packing::accumulator_range(layer, c);
        const auto value = [&](std::int64_t sum) {
            return (sum * layer.multiplier[at] >> (16 - scale)) +
                   (std::int64_t{layer.bias[at]} << scale);
        };
        if (value(sums.least) <= INT32_MIN || value(sums.greatest) >= INT32_MAX) return false;
    }
    return true;
}

SmladDwPlan plan_for(const IntegerLayer& layer) {
    SmladDwPlan plan;
    plan.shape = layer.shape;
    plan.output_bits = layer.output_bits;
    plan.shift = layer.shift;
    if (layer.output_bits == 0) return plan;
    plan.scale = 16 - layer.shift;
    if (plan.scale >= 0 && bounded(layer, plan.scale) && fit(layer, plan)) {
        plan.shift = 16;
        return plan;
    }
    plan.scale = 0;
    if (fit(layer, plan)) return plan;
    plan.up = plan.left = 0;
    plan.wide = true;
    return plan;
}

// As SmladDwRecord has them.
std::vector<std::uint8_t> pack_records(const IntegerLayer& layer, const SmladDwPlan& plan) {
    std::vector<std::uint8_t> bytes;
    const auto append = [&](std::int64_t word) {
        const auto bits = static_cast<std::uint32_t>(word);
        for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
    };
    for (int c = 0; c < layer.shape.out_channels; ++c) {
        const auto at = static_cast<std::size_t>(c);
        const auto tap = [&](std::size_t k) {
            return layer.weights[at * kTaps + k] * (std::int64_t{1} << plan.up);
        };
        for (std::size_t row = 0; row < kTaps; row += 3)
            append((tap(row) & 0xffff) | tap(row + 2) * 65536);
        for (std::size_t row = 0; row < kTaps; row += 3) append(tap(row + 1));
        append(layer.output_bits == 0 ? 0 : std::int64_t{layer.multiplier[at]} << plan.left);
        append(std::int64_t{layer.bias[at]} << plan.scale);
        for (const std::size_t row : {0, 3}) {
            for (std::size_t column = 0; column < 3; ++column)
                append((tap(row + column) & 0xffff) | tap(row + 3 + column) * 65536);
        }
    }
    return bytes;
}

class SmladDepthwise final : public Kernel {
  public:
    Purpose purpose() const override { return Purpose::Deploy; }

    std::string_view name() const override { return "smlad-dw"; }

    std::string_view summary() const override {
        return "depthwise 3x3, SMLAD on even and odd columns, 32-bit sums; any bits";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision) const override {
        if (layer.kind != traces::LayerKind::Depthwise || layer.kernel_height != 3 ||
            layer.kernel_width != 3 || layer.stride > 2)
            return "it computes depthwise 3x3 of stride 1 or 2";
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        packing::check_layer(layer);
        if (const auto why = refuses(layer.shape, layer.precision))
            throw std::runtime_error("layer " + layer.name + ": smlad-dw cannot run it: " + *why);
        const SmladDwPlan plan = plan_for(layer);
        PackedLayer packed;
        packed.kernel = name();
        packed.weights = pack_records(layer, plan);
        packed.scratch_bytes = static_cast<std::uint32_t>(Planes::scratch_bytes(layer.shape));
        packed.proof_largest_field = packing::accumulator_range(layer).magnitude() << plan.up;
        packed.proof_field_limit = INT32_MAX;
        packed.proof = "sums times " + std::to_string(1 << plan.up) + " reach " +
                       std::to_string(packed.proof_largest_field) + " of " +
                       std::to_string(packed.proof_field_limit);
        packed.generate = [plan, name = layer.name](Layout output) {
            return smlad_dw_code(plan, name, output, generate::Scheduling::List);
        };
        return packed;
    }
};

}  // namespace

}  // namespace mixq::kernels::int8

namespace mixq::kernels {

const Kernel& smlad_dw_kernel() {
    static const int8::SmladDepthwise kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
