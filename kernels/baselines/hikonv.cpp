// The host side of hikonv.
#include "kernels/baselines/hikonv.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {
namespace hikonv {
namespace {

constexpr int kMostElements = 16;
constexpr int kMostGroup = 32;  // what hikonv.c unrolls
// Instructions of a multiply with its load, and of taking one field out and adding it in memory: counted in hikonv.c.
constexpr double kMultiply = 2;
constexpr double kSegment = 4;

double density(const Plan& plan) {
    const double macs = plan.group * plan.shape.elements * plan.shape.taps;
    return macs / (kMultiply * plan.group + kSegment * plan.shape.fields());
}

}  // namespace

std::optional<Plan> plan(const traces::Layer& layer, traces::Precision precision) {
    const int rows = layer.filter_channels() * layer.kernel_height;
    std::optional<Plan> best;
    for (int elements = 2; elements <= kMostElements; ++elements) {
        packing::FieldShape shape{.bits = 1, .elements = elements, .taps = layer.kernel_width};
        const auto wider = [&] {
            packing::FieldShape more = shape;
            ++more.bits;
            return more;
        };
        while (shape.bits < 31 && packing::unsigned_registers_fit(wider(), precision))
            shape = wider();
        const std::int64_t depth = packing::offset_depth(shape.bits, precision, shape.taps);
        if (depth < 1 || !packing::unsigned_registers_fit(shape, precision)) continue;
        Plan one{.shape = shape,
                 .strips = (layer.width + elements - 1) / elements,
                 .group = static_cast<int>(std::min<std::int64_t>({depth, rows, kMostGroup}))};
        if (!best || density(one) > density(*best)) best = one;
    }
    if (best) {  // no wider than the row needs
        best->shape.elements = (layer.width + best->strips - 1) / best->strips;
    }
    return best;
}

}  // namespace hikonv

namespace {

class HiKonv final : public Kernel {
  public:
    std::string_view name() const override { return "hikonv"; }

    std::string_view summary() const override {
        return "UMLAL polynomials of offset weights, segmented per small group of rows";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        if (layer.kind == traces::LayerKind::FullyConnected) {
            return "a fully connected layer has no rows to convolve";
        }
        if (layer.stride != 1) return "only stride 1";
        if (layer.padding_x >= layer.kernel_width || layer.padding_y >= layer.kernel_height) {
            return "padding as large as the kernel";
        }
        if (!hikonv::plan(layer, precision)) {
            return "two activations and a kernel row of " + std::to_string(layer.kernel_width) +
                   " do not fit a multiply at " + to_string(precision);
        }
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override;
};

PackedLayer HiKonv::pack(const IntegerLayer& layer) const {
    if (const auto why = refuses(layer.shape, layer.precision)) {
        throw std::runtime_error("layer " + layer.name + ": hikonv cannot run it: " + *why);
    }
    packing::check_layer(layer);
    const traces::Layer& shape = layer.shape;
    const hikonv::Plan plan = *hikonv::plan(shape, layer.precision);
    const int taps = plan.shape.taps;
    const int bits = plan.shape.bits;
    const int offset = 1 << (layer.precision.weight_bits - 1);
    PackedLayer packed;
    packed.kernel = name();
    packed.source = "baselines/hikonv.c";
    const int rows = shape.filter_channels() * shape.kernel_height;
    for (int row = 0; row < shape.out_channels * rows; ++row) {
        std::uint32_t word = 0;
        for (int j = 0; j < taps; ++j) {
            const int weight = layer.weights[static_cast<std::size_t>(row * taps + taps - 1 - j)];
            word |= static_cast<std::uint32_t>(weight + offset) << (j * bits);
        }
        for (int i = 0; i < 4; ++i)
            packed.weights.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
    }
    packing::set_requantisation(layer, packed);
    packed.defines.emplace_back("MIXQ_FIELD_BITS", std::to_string(bits));
    packed.defines.emplace_back("MIXQ_FIELDS", std::to_string(plan.shape.elements));
    packed.defines.emplace_back("MIXQ_STRIPS", std::to_string(plan.strips));
    packed.defines.emplace_back("MIXQ_GROUP", std::to_string(plan.group));
    const int sums = plan.strips * plan.shape.elements + taps - 1;
    packed.scratch_bytes = static_cast<std::uint32_t>(
        4 * (shape.in_channels * shape.kernel_height * plan.strips + 2 * sums));
    packed.proof_field_limit = packing::field_limit(bits);
    packed.proof_largest_field = packing::field_limit(layer.precision.activation_bits) *
                                 packing::field_limit(layer.precision.weight_bits) * taps *
                                 plan.group;
    packed.proof = std::to_string(plan.shape.elements) + " activations x " + std::to_string(taps) +
                   " taps in fields of " + std::to_string(bits) + " bits, " +
                   std::to_string(plan.group) + " rows deep: the largest field reaches " +
                   std::to_string(packed.proof_largest_field) + " of " +
                   std::to_string(packed.proof_field_limit) + ", whatever the weights";
    return packed;
}

}  // namespace

const Kernel& hikonv_kernel() {
    static const HiKonv kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
