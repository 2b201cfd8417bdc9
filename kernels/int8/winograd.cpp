// Packs 3x3 layers for integer Winograd, and proves that nothing leaves its bits.
#include "kernels/int8/winograd.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/packing/packing.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels::int8 {
namespace {

// A position's unrolled words: 14 instructions each, so 16 are most of a kilobyte of a 4 KB instruction cache.
constexpr int kLargestChunk = 16;
constexpr std::int64_t kScale = 4;  // of the sums: G doubled on both sides

int ceil_divide(int a, int b) {
    return (a + b - 1) / b;
}

// The least left shift of 4 acc, if any, with which one 32 x 32 product requantises: (4 acc << up) * (multiplier << (14 - up)).
int find_up(const IntegerLayer& layer) {
    if (layer.output_bits == 0) return 0;
    const std::int64_t multiplier =
        *std::max_element(layer.multiplier.begin(), layer.multiplier.end());
    const std::int64_t sum = kScale * packing::accumulator_range(layer).magnitude();
    for (int up = 0; up <= 14; ++up) {
        if (multiplier << (14 - up) <= INT32_MAX && sum << up <= INT32_MAX) return up;
    }
    return -1;
}

void append_half(std::vector<std::uint8_t>& bytes, std::int16_t half) {
    bytes.push_back(static_cast<std::uint8_t>(half));
    bytes.push_back(static_cast<std::uint8_t>(half >> 8));
}

// [group][position][word][filter]: a word's lanes are channels 4q and 4q + 2, the next one's 4q + 1 and 4q + 3, as UXTB16 parts them.
std::vector<std::uint8_t> pack_filters(const IntegerLayer& layer, const WinogradPlan& plan) {
    const int in = layer.shape.in_channels;
    const int out = layer.shape.out_channels;
    std::vector<std::array<std::int16_t, 16>> all;
    for (std::size_t i = 0; i < layer.weights.size(); i += 9)
        all.push_back(transformed_filter(std::span(layer.weights).subspan(i, 9)));
    std::vector<std::uint8_t> bytes;
    for (int first = 0; first < out; first += kWinogradFilters) {
        const int last = std::min(out, first + kWinogradFilters);
        for (std::size_t position = 0; position < 16; ++position) {
            for (int word = 0; word < plan.words(); ++word) {
                const int channel = word / 2 * 4 + word % 2;
                for (int filter = first; filter < last; ++filter) {
                    for (const int c : {channel, channel + 2}) {
                        const auto at = static_cast<std::size_t>(filter * in + c);
                        append_half(bytes, c < in ? all[at][position] : std::int16_t{0});
                    }
                }
            }
        }
    }
    return bytes;
}

class Winograd final : public Kernel {
  public:
    Purpose purpose() const override { return Purpose::Deploy; }

    std::string_view name() const override { return "winograd"; }

    std::string_view summary() const override {
        return "integer Winograd F(2x2,3x3), SMLAD on 16-bit lanes; 3x3 stride 1, any bits";
    }

    Layout input_layout() const override { return Layout::Interleaved; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        if (layer.kind != traces::LayerKind::Conv || layer.kernel_height != 3 ||
            layer.kernel_width != 3 || layer.stride != 1)
            return "winograd computes 3x3 convolutions of stride 1";
        const std::int64_t reach =
            kScale * packing::guaranteed_reach(precision, std::int64_t{9} * layer.in_channels);
        if (reach > INT32_MAX) {
            return "four times its sums may reach " + std::to_string(reach) +
                   ", more than 32 bits: winograd takes fewer input channels or bits";
        }
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        packing::check_layer(layer);
        if (const auto why = refuses(layer.shape, layer.precision))
            throw std::runtime_error("layer " + layer.name + ": " + *why);
        const WinogradPlan plan = plan_winograd(layer);
        PackedLayer packed;
        packed.kernel = name();
        packed.weights = pack_filters(layer, plan);
        packing::set_requantisation16(layer, packed);
        if (plan.up >= 0 && layer.output_bits != 0) {
            for (std::int32_t& m : packed.multiplier) m <<= 14 - plan.up;
        }
        packed.scratch_bytes = static_cast<std::uint32_t>(plan.scratch_bytes());
        packed.proof_largest_field = kScale * packing::accumulator_range(layer).magnitude();
        packed.proof_field_limit = INT32_MAX;
        packed.proof = "four times a sum reaches " + std::to_string(packed.proof_largest_field) +
                       " of " + std::to_string(packed.proof_field_limit) +
                       "; transformed lanes fit 16 bits at any weights";
        packed.generate = [plan, name = layer.name](Layout output) {
            return winograd_code(plan, name, output, generate::Scheduling::List);
        };
        return packed;
    }
};

}  // namespace

WinogradPlan plan_winograd(const IntegerLayer& layer) {
    WinogradPlan plan = winograd_shape(layer.shape);
    plan.output_bits = layer.output_bits;
    plan.shift = layer.shift;
    plan.up = find_up(layer);
    return plan;
}

WinogradPlan winograd_shape(const traces::Layer& layer) {
    WinogradPlan plan;
    plan.shape = layer;
    plan.pairs = ceil_divide(layer.out_width(), 4);
    plan.quads = ceil_divide(layer.in_channels, 4);
    plan.chunks = ceil_divide(2 * plan.quads, kLargestChunk);
    plan.chunk = ceil_divide(2 * plan.quads, plan.chunks);
    return plan;
}

std::array<std::int16_t, 16> transformed_filter(std::span<const std::int8_t> taps) {
    const auto doubled = [](int a, int b, int c) {
        return std::array{2 * a, a + b + c, a - b + c, 2 * c};
    };
    std::array<std::array<int, 3>, 4> half{};  // (2G) g
    for (std::size_t x = 0; x < 3; ++x) {
        const auto column = doubled(taps[x], taps[3 + x], taps[6 + x]);
        for (std::size_t i = 0; i < 4; ++i) half[i][x] = column[i];
    }
    std::array<std::int16_t, 16> result{};
    for (std::size_t i = 0; i < 4; ++i) {
        const auto row = doubled(half[i][0], half[i][1], half[i][2]);
        for (std::size_t j = 0; j < 4; ++j)
            result[4 * i + j] = static_cast<std::int16_t>(row[j]);  // within 9 * 128
    }
    return result;
}

}  // namespace mixq::kernels::int8

namespace mixq::kernels {

const Kernel& winograd_kernel() {
    static const int8::Winograd kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
