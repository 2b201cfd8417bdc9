// hikonv, generated and scheduled: the packing of hikonv.cpp, the structure of slbc/scheduled_rows.h.
#include <stdexcept>

#include "kernels/baselines/hikonv.h"
#include "kernels/kernel_list.h"
#include "kernels/slbc/scheduled_rows.h"

namespace mixq::kernels {

namespace {

using generate::Body;
using generate::Code;
using generate::kConstantSpace;
using generate::Reg;

constexpr generate::Space kRowSpace = 1;
constexpr generate::Space kSumSpace = 2;
constexpr int kWordBytes = 4;
constexpr int kProductsAtOnce =
    2;  // strips that share a load of a weight; as many as the registers hold

// Products of `rows` rows in `count` strips from `first` on, then all their fields.
void add_strips(Code& code,
                const hikonv::Plan& plan,
                int rows,
                int first,
                int count,
                Reg row,
                Reg weights,
                Reg sums) {
    std::vector<Reg> low;
    std::vector<Reg> high;
    for (int s = 0; s < count; ++s) {
        low.push_back(code.value());
        high.push_back(code.value());
    }
    for (int k = 0; k < rows; ++k) {
        const Reg taps = code.value();
        code.ldr(taps, {weights, kWordBytes * k, kConstantSpace});
        for (int s = 0; s < count; ++s) {
            const Reg word = code.value();
            code.ldr(word, {row, kWordBytes * (k * plan.strips + first + s), kRowSpace});
            const auto at = static_cast<std::size_t>(s);
            if (k == 0) {
                code.umull(low[at], high[at], word, taps);
            } else {
                code.umlal(low[at], high[at], word, taps);
            }
        }
    }
    for (int s = 0; s < count; ++s) {
        const auto at = static_cast<std::size_t>(s);
        for (int n = 0; n < plan.shape.fields(); ++n) {
            const int index = (first + s) * plan.shape.elements + n;
            const Reg sum = code.value();
            code.ldr(sum, {sums, kWordBytes * index, kSumSpace});
            slbc::add_field(
                code, sum, low[at], high[at], n, plan.shape, n + 1 == plan.shape.fields());
            code.str(sum, {sums, kWordBytes * index, kSumSpace});
        }
    }
}

slbc::RowKernel row_kernel(const hikonv::Plan& plan) {
    slbc::RowKernel kernel;
    kernel.shape = plan.shape;
    kernel.strips = plan.strips;
    kernel.rows_per_pass = plan.group;
    kernel.weight_row_bytes = kWordBytes;
    kernel.window_sums = true;
    const int elements = plan.strips * plan.shape.elements + plan.shape.taps - 1;
    kernel.start = [elements](Code& code, Reg sums, Reg) {
        for (int n = 0; n < elements; ++n) {
            const Reg start = code.value();
            code.ldr(start, {sums, kWordBytes * (elements + n), kSumSpace});
            code.str(start, {sums, kWordBytes * n, kSumSpace});
        }
    };
    kernel.add_rows = [plan](Body& body, int rows, Reg row, Reg weights, Reg sums) {
        for (int s = 0; s < plan.strips; s += kProductsAtOnce) {
            Code code;
            const int count = std::min(kProductsAtOnce, plan.strips - s);
            add_strips(code, plan, rows, s, count, row, weights, sums);
            body.straight(code, slbc::row_pool());
        }
    };
    return kernel;
}

class HiKonvScheduled final : public Kernel {
  public:
    std::string_view name() const override { return "hikonv-scheduled"; }

    std::string_view summary() const override {
        return "hikonv, generated and scheduled for the core; convolutions of stride 1";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        if (layer.kind == traces::LayerKind::Depthwise) {
            return "depthwise layers add no rows of several channels up: use hikonv";
        }
        return hikonv_kernel().refuses(layer, precision);
    }

    PackedLayer pack(const IntegerLayer& layer) const override;
};

PackedLayer HiKonvScheduled::pack(const IntegerLayer& layer) const {
    if (const auto why = refuses(layer.shape, layer.precision)) {
        throw std::runtime_error("layer " + layer.name +
                                 ": hikonv-scheduled cannot run it: " + *why);
    }
    PackedLayer packed = hikonv_kernel().pack(layer);
    packed.kernel = name();
    packed.source.clear();
    const traces::Layer& shape = layer.shape;
    const hikonv::Plan plan = *hikonv::plan(shape, layer.precision);
    const int rows = shape.in_channels * shape.kernel_height;
    // First a filter of nothing but offsets, for the sums of the windows; then from [channel][kernel row] to [kernel row][channel].
    const std::vector<std::uint8_t> before = std::move(packed.weights);
    packed.weights.clear();
    std::uint32_t offsets = 0;
    for (int j = 0; j < plan.shape.taps; ++j) {
        offsets |= 1u << (layer.precision.weight_bits - 1 + j * plan.shape.bits);
    }
    for (int row = 0; row < rows; ++row) {
        for (int i = 0; i < kWordBytes; ++i)
            packed.weights.push_back(static_cast<std::uint8_t>(offsets >> (8 * i)));
    }
    for (int out = 0; out < shape.out_channels; ++out) {
        for (int ky = 0; ky < shape.kernel_height; ++ky) {
            for (int c = 0; c < shape.in_channels; ++c) {
                const auto from =
                    before.begin() + kWordBytes * (out * rows + c * shape.kernel_height + ky);
                packed.weights.insert(packed.weights.end(), from, from + kWordBytes);
            }
        }
    }
    packed.scratch_bytes = slbc::row_scratch_bytes(shape, row_kernel(plan));
    const PackedLayer constants = packed;
    packed.generate = [layer, plan, constants](Layout output) {
        return slbc::lower_rows(
            layer, constants, row_kernel(plan), output, generate::Scheduling::List);
    };
    return packed;
}

}  // namespace

const Kernel& hikonv_scheduled_kernel() {
    static const HiKonvScheduled kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
