// ulppack, generated and scheduled: the packing of ulppack.cpp, the structure of scheduled_columns.h.
#include <stdexcept>

#include "kernels/baselines/scheduled_columns.h"
#include "kernels/baselines/ulppack.h"
#include "kernels/kernel_list.h"

namespace mixq::kernels {

namespace {

using baselines::ColumnKernel;
using generate::Code;
using generate::kConstantSpace;
using generate::lsr;
using generate::Reg;

constexpr int kWordsPerBody = 16;  // some 140 instructions

// One group: `depth` multiplies per accumulator, then its middle comes out.
void multiply(Code& code, const ColumnKernel::Block& block, const ulppack::Plan& plan, int first) {
    std::vector<Reg> locals;
    for (std::size_t i = 0; i < block.sums.size(); ++i) locals.push_back(code.value());
    for (int k = first; k < first + plan.depth; ++k) {
        const std::vector<Reg> columns = baselines::load_column(code, block, k);
        for (int c = 0; c < block.channels; ++c) {
            const Reg weights = code.value();
            code.ldr(weights, {block.weights, 4 * (k * block.channels + c), kConstantSpace});
            for (int p = 0; p < block.pixels; ++p) {
                const Reg local = locals[static_cast<std::size_t>(c * block.pixels + p)];
                const Reg column = columns[static_cast<std::size_t>(p)];
                if (k == first) {
                    code.mul(local, weights, column);
                } else {
                    code.mla(local, weights, column, local);
                }
            }
        }
    }
    const int middle = 32 - plan.shape.middle_bits();
    for (std::size_t i = 0; i < locals.size(); ++i) {
        code.add(block.sums[i], block.sums[i], locals[i], lsr(middle));
    }
}

// Four elements where they are made of a word of input, three where they are collected.
int unit_bytes(const packing::MiddleShape& shape) {
    return shape.elements == 3 ? 3 : 4;
}

std::vector<Reg> expand(Code& code, generate::At from, Reg sum, const packing::MiddleShape& shape) {
    const Reg word = code.value();
    if (shape.elements != 3) {
        code.ldr(word, from);
        const std::vector<Reg> lanes = baselines::expand_lanes(code, word, sum);
        return shape.elements == 4 ? std::vector<Reg>{word} : lanes;
    }
    code.ldrb(word, from);
    code.add(sum, sum, word);
    for (int i = 1; i < shape.elements; ++i) {
        const Reg byte = code.value();
        code.ldrb(byte, {from.base, from.offset + i, from.space});
        code.add(sum, sum, byte);
        code.orr(word, word, byte, generate::lsl(i * shape.bits));
    }
    return {word};
}

ColumnKernel column_kernel(const ulppack::Plan& plan, int weight_bits) {
    const int groups = plan.words / plan.depth;
    int per_body = 1;
    for (int n = 2; n * plan.depth <= kWordsPerBody; ++n) {
        if (groups % n == 0) per_body = n;
    }
    ColumnKernel kernel;
    kernel.unit_bytes = unit_bytes(plan.shape);
    kernel.unit_words = kernel.unit_bytes / plan.shape.elements;
    kernel.column_words = plan.words;
    kernel.offset = 1 << (weight_bits - 1);
    kernel.bodies = groups / per_body;
    kernel.body_words = per_body * plan.depth;
    kernel.body_weights = per_body * plan.depth;
    kernel.expand = [shape = plan.shape](Code& code, generate::At from, Reg sum) {
        return expand(code, from, sum, shape);
    };
    kernel.multiply = [plan, per_body](Code& code, const ColumnKernel::Block& block) {
        for (int g = 0; g < per_body; ++g) multiply(code, block, plan, g * plan.depth);
    };
    return kernel;
}

class UlppackScheduled final : public Kernel {
  public:
    std::string_view name() const override { return "ulppack-scheduled"; }

    std::string_view summary() const override {
        return "ulppack, generated and scheduled for the core; input channels in fours";
    }

    Layout input_layout() const override { return Layout::Interleaved; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        if (const auto why = ulppack_kernel().refuses(layer, precision)) return why;
        if (const auto why = baselines::refuses_columns(layer)) return why;
        const packing::MiddleShape shape = ulppack::plan(layer, precision)->shape;
        if (layer.kernel_width * layer.in_channels % unit_bytes(shape) != 0) {
            return "a kernel row of " + std::to_string(layer.kernel_width * layer.in_channels) +
                   " elements is no multiple of the three in a word: use ulppack";
        }
        if (shape.elements != 3 && shape.elements * shape.bits != 32) {
            return "elements " + std::to_string(shape.bits) +
                   " bits apart are not made of words of input: use ulppack";
        }
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        if (const auto why = refuses(layer.shape, layer.precision)) {
            throw std::runtime_error("layer " + layer.name +
                                     ": ulppack-scheduled cannot run it: " + *why);
        }
        PackedLayer packed = ulppack_kernel().pack(layer);
        packed.kernel = name();
        const ColumnKernel kernel = column_kernel(*ulppack::plan(layer.shape, layer.precision),
                                                  layer.precision.weight_bits);
        baselines::run_by_columns(layer, kernel, packed);
        return packed;
    }
};

}  // namespace

const Kernel& ulppack_scheduled_kernel() {
    static const UlppackScheduled kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
