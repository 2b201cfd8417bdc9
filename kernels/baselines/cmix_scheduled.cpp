// cmix, wpc-ddd and simd-int8, generated and scheduled: the packing of cmix.cpp, the structure of scheduled_columns.h. SIMD int8 is cmix
// with a byte for every weight; wpc-ddd reads pairs that were unpacked before.
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
constexpr generate::Space kAheadSpace = 4;

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
            const std::vector<Reg> columns = baselines::load_column(code, block, k * pairs + j);
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

// Pairs that were made ahead.
void multiply_pairs(Code& code, const ColumnKernel::Block& block, int pairs) {
    for (int k = 0; k < pairs; ++k) {
        const std::vector<Reg> columns = baselines::load_column(code, block, k);
        for (int c = 0; c < block.channels; ++c) {
            const Reg pair = code.value();
            code.ldr(pair, {block.weights, 4 * (k * block.channels + c), kAheadSpace});
            for (int p = 0; p < block.pixels; ++p) {
                const Reg sum = block.sums[static_cast<std::size_t>(c * block.pixels + p)];
                code.smlad(sum, pair, columns[static_cast<std::size_t>(p)], sum);
            }
        }
    }
}

// A word of each channel of a block to its pairs, those of the channels side by side.
void unpack_ahead(Code& code, Reg from, Reg to, Reg mask, int bits, int channels) {
    for (int c = 0; c < channels; ++c) {
        const Reg word = code.value();
        code.ldr(word, {from, 4 * c, kConstantSpace});
        for (int j = 0; j < 16 / bits; ++j) {
            const Reg pair = code.value();
            unpack(code, pair, word, j, bits, mask);
            code.str(pair, {to, 4 * (j * channels + c), kAheadSpace});
        }
    }
}

ColumnKernel column_kernel(const traces::Layer& layer, int bits, bool ahead) {
    const int quads = 8 / bits;
    const int words = cmix::column(layer, bits) / (4 * quads);
    int per_body = 1;
    for (int n = 2; n * quads <= kFoursPerBody; ++n) {
        if (words % n == 0) per_body = n;
    }
    const int pairs = 2 * quads;
    ColumnKernel kernel;
    kernel.column_words = cmix::column(layer, bits) / 2;
    kernel.offset = bits == 8 ? 0 : 1 << (bits - 1);
    kernel.constant = ((1u << bits) - 1) * 0x00010001u;  // the mask of a pair
    kernel.bodies = words / per_body;
    kernel.body_words = per_body * pairs;
    kernel.body_weights = ahead ? per_body * pairs : per_body;
    kernel.expand = [](Code& code, generate::At from, Reg sum) {
        const Reg four = code.value();
        code.ldr(four, from);
        return baselines::expand_lanes(code, four, sum);
    };
    kernel.multiply = [bits, per_body, pairs, ahead](Code& code, const ColumnKernel::Block& block) {
        if (ahead) {
            multiply_pairs(code, block, per_body * pairs);
        } else {
            multiply(code, block, bits, per_body);
        }
    };
    if (!ahead) return kernel;
    const int channels = baselines::channel_block(layer);
    kernel.ahead.passes = (layer.out_channels + channels - 1) / channels * words;
    kernel.ahead.from_bytes = 4 * channels;
    kernel.ahead.to_bytes = 4 * channels * pairs;
    kernel.ahead.pass = [bits, channels](Code& code, Reg from, Reg to, Reg mask) {
        unpack_ahead(code, from, to, mask, bits, channels);
    };
    return kernel;
}

struct Way {
    std::string_view name;
    std::string_view summary;
    bool bytes;  // for every weight
    bool ahead;
};

constexpr Way kCmix{"cmix-scheduled",
                    "cmix, generated and scheduled for the core; input channels in fours",
                    false,
                    false};
constexpr Way kWpcDdd{"wpc-ddd-scheduled",
                      "wpc-ddd, generated and scheduled for the core; input channels in fours",
                      false,
                      true};
constexpr Way kSimdInt8{"simd-int8-scheduled",
                        "simd-int8, generated and scheduled for the core; input channels in fours",
                        true,
                        false};

class ColumnsScheduled final : public Kernel {
  public:
    explicit ColumnsScheduled(const Way& way) : way_(way) {}

    std::string_view name() const override { return way_.name; }

    std::string_view summary() const override { return way_.summary; }

    Layout input_layout() const override { return Layout::Interleaved; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        if (way_.ahead) {
            if (auto why = wpc_ddd_kernel().refuses(layer, precision)) return why;
        }
        return baselines::refuses_columns(layer);
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        if (const auto why = refuses(layer.shape, layer.precision)) {
            throw std::runtime_error("layer " + layer.name + ": " + std::string(name()) +
                                     " cannot run it: " + *why);
        }
        const int bits = way_.bytes ? 8 : cmix::stored_bits(layer.precision.weight_bits);
        PackedLayer packed = cmix::pack(layer, name(), bits);
        const ColumnKernel kernel = column_kernel(layer.shape, bits, way_.ahead);
        baselines::run_by_columns(layer, kernel, packed);
        return packed;
    }

  private:
    const Way& way_;
};

}  // namespace

const Kernel& cmix_scheduled_kernel() {
    static const ColumnsScheduled kKernel(kCmix);
    return kKernel;
}

const Kernel& wpc_ddd_scheduled_kernel() {
    static const ColumnsScheduled kKernel(kWpcDdd);
    return kKernel;
}

const Kernel& simd_int8_scheduled_kernel() {
    static const ColumnsScheduled kKernel(kSimdInt8);
    return kKernel;
}

}  // namespace mixq::kernels
