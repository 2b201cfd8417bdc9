// The host side of slbc and rp-slbc.
#include "kernels/slbc/literal.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {
namespace slbc {
namespace {

int ceil_divide(int a, int b) {
    return (a + b - 1) / b;
}

void append(std::vector<std::uint8_t>& bytes, std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace

std::optional<RowPlan> plan_row(const traces::Layer& layer, traces::Precision precision) {
    packing::FieldShape shape{.bits = 1, .elements = 2, .taps = layer.kernel_width};
    // A field never sums more taps than a kernel row has.
    while (packing::guaranteed_depth(shape.bits, precision, shape.taps) < 1) ++shape.bits;
    if (!packing::registers_fit(shape, precision)) return std::nullopt;
    while (true) {
        packing::FieldShape wider = shape;
        ++wider.elements;
        if (!packing::registers_fit(wider, precision)) break;
        shape = wider;
    }
    RowPlan plan{.shape = shape, .strips = ceil_divide(layer.width, shape.elements)};
    plan.shape.elements = ceil_divide(layer.width, plan.strips);  // no wider than the row needs
    return plan;
}

std::optional<std::string> refuses_row(const traces::Layer& layer, traces::Precision precision) {
    if (layer.kind != traces::LayerKind::Conv) return "only convolutions over all channels";
    if (layer.stride != 1) return "only stride 1";
    if (layer.padding_x >= layer.kernel_width || layer.padding_y >= layer.kernel_height) {
        return "padding as large as the kernel";
    }
    if (!plan_row(layer, precision)) {
        return "two activations and a kernel row of " + std::to_string(layer.kernel_width) +
               " do not fit a multiply at " + to_string(precision);
    }
    return std::nullopt;
}

PackedLayer pack_row(const IntegerLayer& layer, std::string_view kernel, std::string_view source) {
    if (const auto why = refuses_row(layer.shape, layer.precision)) {
        throw std::runtime_error("layer " + layer.name + ": " + std::string(kernel) +
                                 " cannot run it: " + *why);
    }
    packing::check_layer(layer);
    const traces::Layer& shape = layer.shape;
    const RowPlan plan = *plan_row(shape, layer.precision);
    const int taps = plan.shape.taps;
    const int bits = plan.shape.bits;
    PackedLayer packed;
    packed.kernel = kernel;
    packed.source = source;
    packed.proof_field_limit = packing::field_limit(bits);
    const int rows = shape.in_channels * shape.kernel_height;
    for (int out = 0; out < shape.out_channels; ++out) {
        std::vector<std::uint8_t> body;
        std::int64_t biases = 0;
        for (int row = 0; row < rows; ++row) {
            const auto weights = std::span(layer.weights)
                                     .subspan(static_cast<std::size_t>(out * rows + row) * taps,
                                              static_cast<std::size_t>(taps));
            const auto reach = packing::actual_reach(weights, layer.precision.activation_bits);
            packed.proof_largest_field = std::max(packed.proof_largest_field, reach.most);
            biases += reach.bias;
            std::int64_t word = 0;
            std::uint64_t bias = 0;
            for (int j = 0; j < taps; ++j) {
                word += weights[taps - 1 - j] * (std::int64_t{1} << (j * bits));
            }
            for (int n = 0; n < plan.shape.fields(); ++n) {
                bias += static_cast<std::uint64_t>(reach.bias) << (n * bits);
            }
            const int carried = (taps - 1) * bits;
            append(body, static_cast<std::uint32_t>(word), 4);
            append(body, carried < 32 ? (bias & 0xffff'ffff) >> carried << carried : 0, 4);
            append(body, bias, 8);
        }
        append(packed.weights, static_cast<std::uint32_t>(-biases), 8);
        packed.weights.insert(packed.weights.end(), body.begin(), body.end());
    }
    packing::set_requantisation(layer, packed);
    packed.defines.emplace_back("MIXQ_FIELD_BITS", std::to_string(bits));
    packed.defines.emplace_back("MIXQ_FIELDS", std::to_string(plan.shape.elements));
    packed.defines.emplace_back("MIXQ_STRIPS", std::to_string(plan.strips));
    packed.scratch_bytes = static_cast<std::uint32_t>(
        4 * (rows * plan.strips + plan.strips * plan.shape.elements + taps - 1));
    packed.proof = std::to_string(plan.shape.elements) + " activations x " + std::to_string(taps) +
                   " taps in fields of " + std::to_string(bits) +
                   " bits, one multiply deep: the largest field reaches " +
                   std::to_string(packed.proof_largest_field) + " of " +
                   std::to_string(packed.proof_field_limit);
    return packed;
}

}  // namespace slbc

namespace {

class Slbc final : public Kernel {
  public:
    std::string_view name() const override { return "slbc"; }

    std::string_view summary() const override {
        return "the paper's Algorithm 1: packed multiply, every field segmented every time";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        return slbc::refuses_row(layer, precision);
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        return slbc::pack_row(layer, name(), "slbc/slbc_literal.c");
    }
};

class RpSlbc final : public Kernel {
  public:
    std::string_view name() const override { return "rp-slbc"; }

    std::string_view summary() const override {
        return "the paper's Algorithm 2: reordered, the overlap carries in a local accumulator";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        if (layer.kernel_width == 1) return "one tap leaves no overlap to carry: use slbc";
        return slbc::refuses_row(layer, precision);
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        if (const auto why = refuses(layer.shape, layer.precision)) {
            throw std::runtime_error("layer " + layer.name + ": rp-slbc cannot run it: " + *why);
        }
        return slbc::pack_row(layer, name(), "slbc/slbc_reordered.c");
    }
};

}  // namespace

const Kernel& slbc_kernel() {
    static const Slbc kKernel;
    return kKernel;
}

const Kernel& rp_slbc_kernel() {
    static const RpSlbc kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
