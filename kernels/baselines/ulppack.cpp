// The host side of ulppack.
#include "kernels/baselines/ulppack.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {
namespace ulppack {
namespace {

constexpr int kMostDepth = 16;  // what ulppack.c unrolls
// Instructions of two pixels by two channels: of one word, and of one extraction with its loop. Counted in ulppack.c.
constexpr double kWord = 8;
constexpr double kExtraction = 8;

int ceil_divide(int a, int b) {
    return (a + b - 1) / b;
}

double cost(const Plan& plan) {
    return plan.words * (kWord + kExtraction / plan.depth);
}

}  // namespace

std::optional<Plan> plan(const traces::Layer& layer, traces::Precision precision) {
    const int column = layer.kernel_height * layer.kernel_width * layer.in_channels;
    std::optional<Plan> best;
    for (const int elements : {4, 3, 2}) {
        for (int bits = 1; (elements - 1) * bits < 32; ++bits) {
            const packing::MiddleShape shape{bits, elements};
            const std::int64_t most = packing::middle_depth(shape, precision);
            if (most < 1) continue;
            const int words = ceil_divide(column, elements);
            const int groups =
                ceil_divide(words, static_cast<int>(std::min<std::int64_t>(most, kMostDepth)));
            Plan one{.shape = shape, .depth = ceil_divide(words, groups), .words = 0};
            one.words = one.depth * groups;
            if (!best || cost(one) < cost(*best)) best = one;
            // Two lanes of 16 bits and four of 8 are made by the core's own instructions.
            const bool own = bits * elements == 32;
            if (cost(one) == cost(*best) && own) best = one;
        }
    }
    return best;
}

}  // namespace ulppack

namespace {

class Ulppack final : public Kernel {
  public:
    std::string_view name() const override { return "ulppack"; }

    std::string_view summary() const override {
        return "MLA whose middle coefficient is a dot product, accumulated in the packed word";
    }

    Layout input_layout() const override { return Layout::Interleaved; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        if (layer.kind == traces::LayerKind::Depthwise) {
            return "depthwise layers have one channel per filter, and this kernel packs channels";
        }
        if (!ulppack::plan(layer, precision)) {
            return "the products of two elements overflow half a word at " + to_string(precision);
        }
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override;
};

PackedLayer Ulppack::pack(const IntegerLayer& layer) const {
    if (const auto why = refuses(layer.shape, layer.precision)) {
        throw std::runtime_error("layer " + layer.name + ": ulppack cannot run it: " + *why);
    }
    packing::check_layer(layer);
    const traces::Layer& shape = layer.shape;
    const ulppack::Plan plan = *ulppack::plan(shape, layer.precision);
    const int elements = plan.shape.elements;
    const int bits = plan.shape.bits;
    const int offset = 1 << (layer.precision.weight_bits - 1);
    const int taps = shape.kernel_height * shape.kernel_width;
    const bool one_pixel = shape.out_height() * shape.out_width() == 1;
    const int block = one_pixel ? 4 : 2;  // output channels side by side
    const int blocks = (shape.out_channels + block - 1) / block;
    // Columns made by UXTB16 pair the elements 0 and 2, 1 and 3 of each four.
    const bool lanes = shape.in_channels % 4 == 0 && elements == 2 && bits == 16;

    PackedLayer packed;
    packed.kernel = name();
    packed.source = "baselines/ulppack.c";
    std::vector<std::uint32_t> words(static_cast<std::size_t>(blocks * block * plan.words), 0);
    for (int out = 0; out < shape.out_channels; ++out) {
        for (int k = 0; k < taps * shape.in_channels; ++k) {
            const int tap = k / shape.in_channels;
            const int channel = k % shape.in_channels;
            constexpr int kSwapped[] = {0, 2, 1, 3};
            const int place = lanes ? k / 4 * 4 + kSwapped[k % 4] : k;
            const int weight =
                layer.weights[(static_cast<std::size_t>(out) * shape.in_channels + channel) * taps +
                              tap];
            // In reverse order: element i meets weight n - 1 - i in the middle.
            words[static_cast<std::size_t>(out / block * block * plan.words +
                                           place / elements * block + out % block)] |=
                static_cast<std::uint32_t>(weight + offset)
                << ((elements - 1 - place % elements) * bits);
        }
    }
    for (const std::uint32_t word : words) {
        for (int i = 0; i < 4; ++i)
            packed.weights.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
    }
    packing::set_requantisation(layer, packed);
    packed.defines.emplace_back("MIXQ_ELEMENTS", std::to_string(elements));
    packed.defines.emplace_back("MIXQ_FIELD_BITS", std::to_string(bits));
    packed.defines.emplace_back("MIXQ_DEPTH", std::to_string(plan.depth));
    packed.defines.emplace_back("MIXQ_COLUMN_WORDS", std::to_string(plan.words));
    // The columns, and one as bytes where they are not made of words of input.
    packed.scratch_bytes =
        static_cast<std::uint32_t>(4 * plan.words * (one_pixel ? 1 : 2) + plan.words * elements);
    packed.proof_field_limit = packing::field_limit(plan.shape.middle_bits());
    packed.proof_largest_field = packing::field_limit(layer.precision.activation_bits) *
                                 packing::field_limit(layer.precision.weight_bits) * elements *
                                 plan.depth;
    packed.proof = std::to_string(elements) + " elements, " + std::to_string(bits) +
                   " bits apart, " + std::to_string(plan.depth) +
                   " multiplies deep: the middle reaches " +
                   std::to_string(packed.proof_largest_field) + " of " +
                   std::to_string(packed.proof_field_limit) + ", whatever the weights";
    return packed;
}

}  // namespace

const Kernel& ulppack_kernel() {
    static const Ulppack kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
