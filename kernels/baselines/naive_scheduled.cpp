// naive, generated and scheduled: a byte of input and a byte of weight at a time, MLA. Blocked by the structure of scheduled_columns.h,
// columns being bytes as they are; nothing is packed.
#include <stdexcept>

#include "kernels/baselines/scheduled_columns.h"
#include "kernels/kernel_list.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {

namespace {

using baselines::ColumnKernel;
using generate::Code;
using generate::kConstantSpace;
using generate::Reg;

constexpr int kBytes = 4;  // of a word
constexpr int kWordsPerBody = 4;

// Elements of a column, which is whole words: input channels are a multiple of four.
int column_words(const traces::Layer& layer) {
    return layer.kernel_height * layer.kernel_width * layer.in_channels / kBytes;
}

int words_per_body(const traces::Layer& layer) {
    int per_body = 1;
    for (int n = 2; n <= kWordsPerBody; ++n) {
        if (column_words(layer) % n == 0) per_body = n;
    }
    return per_body;
}

void multiply(Code& code, const ColumnKernel::Block& block, int words) {
    for (int k = 0; k < words; ++k) {
        for (int byte = 0; byte < kBytes; ++byte) {
            std::vector<Reg> inputs;
            for (int p = 0; p < block.pixels; ++p) {
                inputs.push_back(code.value());
                code.ldrb(inputs.back(),
                          {block.column,
                           kBytes * (k * block.pixels + p) + byte,
                           baselines::kColumnSpace});
            }
            for (int c = 0; c < block.channels; ++c) {
                const Reg weight = code.value();
                code.ldrsb(
                    weight,
                    {block.weights, kBytes * (k * block.channels + c) + byte, kConstantSpace});
                for (int p = 0; p < block.pixels; ++p) {
                    const Reg sum = block.sums[static_cast<std::size_t>(c * block.pixels + p)];
                    code.mla(sum, weight, inputs[static_cast<std::size_t>(p)], sum);
                }
            }
        }
    }
}

ColumnKernel column_kernel(const traces::Layer& layer) {
    const int per_body = words_per_body(layer);
    ColumnKernel kernel;
    kernel.unit_bytes = kBytes;
    kernel.unit_words = 1;
    kernel.column_words = column_words(layer);
    kernel.bodies = column_words(layer) / per_body;
    kernel.body_words = per_body;
    kernel.body_weights = per_body;
    kernel.expand = [](Code& code, generate::At from, Reg /*sum*/) {
        const Reg four = code.value();
        code.ldr(four, from);
        return std::vector<Reg>{four};
    };
    kernel.multiply = [per_body](Code& code, const ColumnKernel::Block& block) {
        multiply(code, block, per_body);
    };
    return kernel;
}

// Four bytes of a channel, then of the next of its block; those that are not there are zeros.
std::vector<std::uint8_t> pack_weights(const IntegerLayer& layer) {
    const traces::Layer& shape = layer.shape;
    const int block = baselines::channel_block(shape);
    const int words = column_words(shape);
    const int taps = shape.kernel_height * shape.kernel_width;
    const int blocks = (shape.out_channels + block - 1) / block;
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(blocks * block * words * kBytes), 0);
    for (int out = 0; out < shape.out_channels; ++out) {
        for (int k = 0; k < words * kBytes; ++k) {
            const int channel = k % shape.in_channels;
            const int tap = k / shape.in_channels;
            const int word = (out / block * words + k / kBytes) * block + out % block;
            bytes[static_cast<std::size_t>(word * kBytes + k % kBytes)] =
                static_cast<std::uint8_t>(layer.weights[static_cast<std::size_t>(
                    (out * shape.in_channels + channel) * taps + tap)]);
        }
    }
    return bytes;
}

class NaiveScheduled final : public Kernel {
  public:
    std::string_view name() const override { return "naive-scheduled"; }

    std::string_view summary() const override {
        return "one multiply at a time, generated and scheduled for the core; input channels in "
               "fours";
    }

    Layout input_layout() const override { return Layout::Interleaved; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision) const override {
        return baselines::refuses_columns(layer);
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        packing::check_layer(layer);
        if (const auto why = refuses(layer.shape, layer.precision)) {
            throw std::runtime_error("layer " + layer.name +
                                     ": naive-scheduled cannot run it: " + *why);
        }
        PackedLayer packed;
        packed.kernel = name();
        packed.weights = pack_weights(layer);
        packing::set_requantisation(layer, packed);
        packed.proof = "nothing is packed: 32-bit accumulators";
        const ColumnKernel kernel = column_kernel(layer.shape);
        baselines::run_by_columns(layer, kernel, packed);
        return packed;
    }
};

}  // namespace

const Kernel& naive_scheduled_kernel() {
    static const NaiveScheduled kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
