// cmix, generated and scheduled: the packing of cmix.cpp, the structure of scheduled_columns.h.
#include <stdexcept>

#include "kernels/baselines/cmix.h"
#include "kernels/baselines/scheduled_columns.h"
#include "kernels/kernel_list.h"

namespace mixq::kernels {

namespace {

using baselines::ColumnKernel;
using generate::Code;
using generate::kConstantSpace;
using generate::lsr;
using generate::Reg;
using generate::Shift;

constexpr int kFoursPerBody = 8;  // some 140 instructions

// Pair j of a word, still with its offset.
void unpack(Code& code, Reg pair, Reg word, int j, int bits, Reg mask) {
    if (bits == 8) {
        code.sxtb16(pair, word, 8 * j);
    } else {
        code.and_(pair, mask, word, j == 0 ? Shift{} : lsr(j * bits));
    }
}

void multiply(Code& code, const ColumnKernel::Block& block, int bits, int words) {
    const int pairs = 16 / bits;
    for (int k = 0; k < words; ++k) {
        std::vector<Reg> weights;
        for (int c = 0; c < block.channels; ++c) {
            weights.push_back(code.value());
            code.ldr(weights.back(), {block.weights, 4 * (k * block.channels + c), kConstantSpace});
        }
        for (int j = 0; j < pairs; ++j) {
            std::vector<Reg> columns;
            for (int p = 0; p < block.pixels; ++p) {
                columns.push_back(code.value());
                code.ldr(columns.back(),
                         {block.column,
                          4 * ((k * pairs + j) * block.pixels + p),
                          baselines::kColumnSpace});
            }
            for (int c = 0; c < block.channels; ++c) {
                const Reg pair = code.value();
                unpack(code, pair, weights[static_cast<std::size_t>(c)], j, bits, block.constant);
                for (int p = 0; p < block.pixels; ++p) {
                    const Reg sum = block.sums[static_cast<std::size_t>(c * block.pixels + p)];
                    code.smlad(sum, pair, columns[static_cast<std::size_t>(p)], sum);
                }
            }
        }
    }
}

ColumnKernel column_kernel(const traces::Layer& layer, int bits) {
    const int quads = 8 / bits;
    const int words = cmix::column(layer, bits) / (4 * quads);
    int per_body = 1;
    for (int n = 2; n * quads <= kFoursPerBody; ++n) {
        if (words % n == 0) per_body = n;
    }
    ColumnKernel kernel;
    kernel.column_words = cmix::column(layer, bits) / 2;
    kernel.offset = bits == 8 ? 0 : 1 << (bits - 1);
    kernel.constant = ((1u << bits) - 1) * 0x00010001u;  // the mask of a pair
    kernel.bodies = words / per_body;
    kernel.body_words = per_body * quads * 2;
    kernel.body_weights = per_body;
    kernel.expand = [](Code& code, generate::At from, Reg sum) {
        const Reg four = code.value();
        code.ldr(four, from);
        return baselines::expand_lanes(code, four, sum);
    };
    kernel.multiply = [bits, per_body](Code& code, const ColumnKernel::Block& block) {
        multiply(code, block, bits, per_body);
    };
    return kernel;
}

class CmixScheduled final : public Kernel {
  public:
    std::string_view name() const override { return "cmix-scheduled"; }

    std::string_view summary() const override {
        return "cmix, generated and scheduled for the core; input channels in fours";
    }

    Layout input_layout() const override { return Layout::Interleaved; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision) const override {
        return baselines::refuses_columns(layer);
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        if (const auto why = refuses(layer.shape, layer.precision)) {
            throw std::runtime_error("layer " + layer.name +
                                     ": cmix-scheduled cannot run it: " + *why);
        }
        PackedLayer packed = cmix_kernel().pack(layer);
        packed.kernel = name();
        packed.source.clear();
        const ColumnKernel kernel =
            column_kernel(layer.shape, cmix::stored_bits(layer.precision.weight_bits));
        packed.scratch_bytes = baselines::column_scratch_bytes(layer.shape, kernel);
        const PackedLayer constants = packed;
        packed.generate = [layer, kernel, constants](Layout output) {
            return baselines::lower_columns(
                layer, constants, kernel, output, generate::Scheduling::List);
        };
        return packed;
    }
};

}  // namespace

const Kernel& cmix_scheduled_kernel() {
    static const CmixScheduled kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
