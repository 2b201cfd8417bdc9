// The host side of cmix and wpc-ddd: weights in 2, 4 or 8 bits, in the order their pairs are unpacked.
#include "kernels/baselines/cmix.h"

#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {

namespace cmix {

int stored_bits(int weight_bits) {
    return weight_bits <= 2 ? 2 : weight_bits <= 4 ? 4 : 8;
}

int column(const traces::Layer& layer, int bits) {
    const int elements = layer.kernel_height * layer.kernel_width * layer.in_channels;
    const int fields = 32 / bits;
    return (elements + fields - 1) / fields * fields;
}

}  // namespace cmix

namespace {

using traces::LayerKind;

int round_up(int value, int multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

bool one_pixel(const traces::Layer& shape) {
    return shape.out_height() * shape.out_width() == 1;
}

// Where weight i of the four that share a quad lies in its word: pair 2q holds weights 0 and 2 in its halves, pair 2q + 1 the
// others; columns that are filled in order have 0 and 1 in the first.
int shift_of(int bits, int quad, int i, bool paired) {
    const int pair = paired ? i % 2 : i / 2;
    const int half = paired ? i / 2 : i % 2;
    // Bytes go to their pairs by SXTB16.
    return (2 * quad + pair) * bits + half * 16;
}

struct Words {
    int bits;
    std::vector<std::uint8_t>* bytes;

    // Sets a stored weight; words begin as the offset in every field.
    void put(std::size_t word, int shift, int weight) const {
        const int offset = bits == 8 ? 0 : 1 << (bits - 1);
        const unsigned field = static_cast<unsigned>(weight + offset) & ((1u << bits) - 1);
        const std::size_t byte = word * 4 + static_cast<std::size_t>(shift / 8);
        const unsigned mask = ((1u << bits) - 1) << (shift % 8);
        (*bytes)[byte] = static_cast<std::uint8_t>(((*bytes)[byte] & ~mask) | field << (shift % 8));
    }
};

// What a stored zero is, repeated over a byte.
std::uint8_t zeros(int bits) {
    return bits == 8 ? 0 : bits == 4 ? 0x88 : 0xaa;
}

void pack_columns(const IntegerLayer& layer, int bits, int column, PackedLayer& packed) {
    const traces::Layer& shape = layer.shape;
    const int taps = shape.kernel_height * shape.kernel_width;
    const int block = one_pixel(shape) ? 4 : 2;  // output channels side by side
    const bool paired = shape.in_channels % 4 == 0;
    const int quads = 8 / bits;
    const int channels = round_up(shape.out_channels, block);
    packed.weights.assign(static_cast<std::size_t>(channels * (column * bits / 8)), zeros(bits));
    const Words words{bits, &packed.weights};
    for (int out = 0; out < shape.out_channels; ++out) {
        for (int k = 0; k < taps * shape.in_channels; ++k) {
            const int tap = k / shape.in_channels;
            const int channel = k % shape.in_channels;
            const int word = k / (4 * quads);
            const std::size_t at = static_cast<std::size_t>(
                out / block * block * (column / (4 * quads)) + word * block + out % block);
            words.put(
                at,
                shift_of(bits, k / 4 % quads, k % 4, paired),
                layer.weights[(static_cast<std::size_t>(out) * shape.in_channels + channel) * taps +
                              tap]);
        }
    }
    packed.defines.emplace_back("MIXQ_COLUMN", std::to_string(column));
    packed.defines.emplace_back("MIXQ_PAIRED", paired ? "1" : "0");
}

int depthwise_words(const traces::Layer& shape, int bits) {
    const int taps = shape.kernel_height * shape.kernel_width;
    return round_up(shape.out_channels, 4) / 4 * (round_up(taps * bits, 8) / 8);
}

void pack_depthwise(const IntegerLayer& layer, int bits, PackedLayer& packed) {
    const traces::Layer& shape = layer.shape;
    const int taps = shape.kernel_height * shape.kernel_width;
    const int quads = 8 / bits;
    const int block_words = (taps + quads - 1) / quads;
    packed.weights.assign(static_cast<std::size_t>(depthwise_words(shape, bits) * 4), zeros(bits));
    const Words words{bits, &packed.weights};
    for (int channel = 0; channel < shape.out_channels; ++channel) {
        for (int tap = 0; tap < taps; ++tap) {
            words.put(static_cast<std::size_t>(channel / 4 * block_words + tap / quads),
                      shift_of(bits, tap % quads, channel % 4, true),
                      layer.weights[static_cast<std::size_t>(channel * taps + tap)]);
        }
    }
}

PackedLayer pack_layer(const IntegerLayer& layer, std::string_view kernel, int bits, bool ahead) {
    packing::check_layer(layer);
    const traces::Layer& shape = layer.shape;
    PackedLayer packed;
    packed.kernel = kernel;
    packed.source = "baselines/cmix.c";
    int unpacked_bytes = 0;
    if (shape.kind == LayerKind::Depthwise) {
        pack_depthwise(layer, bits, packed);
        unpacked_bytes = depthwise_words(shape, bits) * (16 / bits) * 4;
    } else {
        const int column = cmix::column(shape, bits);
        pack_columns(layer, bits, column, packed);
        packed.scratch_bytes = static_cast<std::uint32_t>(column * 2 * (one_pixel(shape) ? 1 : 2));
        unpacked_bytes = round_up(shape.out_channels, 2) * column * 2;
    }
    if (ahead) packed.scratch_bytes += static_cast<std::uint32_t>(unpacked_bytes);
    packed.defines.emplace_back("MIXQ_STORED_BITS", std::to_string(bits));
    packed.defines.emplace_back("MIXQ_AHEAD", ahead ? "1" : "0");
    packing::set_requantisation(layer, packed);
    packed.proof = "weights of " + std::to_string(bits) +
                   " bits in storage; 16-bit products in 32-bit accumulators";
    return packed;
}

class Cmix final : public Kernel {
  public:
    std::string_view name() const override { return "cmix"; }

    std::string_view summary() const override {
        return "weights in 2, 4 or 8 bits, unpacked in the inner loop for SMLAD; any layer";
    }

    Layout input_layout() const override { return Layout::Interleaved; }

    std::optional<std::string> refuses(const traces::Layer&, traces::Precision) const override {
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        return cmix::pack(layer, name(), cmix::stored_bits(layer.precision.weight_bits));
    }
};

class WpcDdd final : public Kernel {
  public:
    std::string_view name() const override { return "wpc-ddd"; }

    std::string_view summary() const override {
        return "cmix whose weights are unpacked once into SRAM before the layer runs";
    }

    Layout input_layout() const override { return Layout::Interleaved; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision) const override {
        if (one_pixel(layer)) {
            return "the output is one pixel: each weight is used once, unpacking ahead gains "
                   "nothing; use cmix";
        }
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        if (const auto why = refuses(layer.shape, layer.precision)) {
            throw std::runtime_error("layer " + layer.name + ": wpc-ddd cannot run it: " + *why);
        }
        return pack_layer(layer, name(), cmix::stored_bits(layer.precision.weight_bits), true);
    }
};

}  // namespace

PackedLayer cmix::pack(const IntegerLayer& layer, std::string_view kernel, int bits) {
    return pack_layer(layer, kernel, bits, false);
}

const Kernel& cmix_kernel() {
    static const Cmix kKernel;
    return kKernel;
}

const Kernel& wpc_ddd_kernel() {
    static const WpcDdd kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
