// The arithmetic of a plan on the host, from the packed words: what wraps on the device wraps here.
#include <array>

#include "kernels/packed_gemm/pack.h"
#include "kernels/packed_gemm/routine.h"

namespace mixq::kernels::packed_gemm {

namespace {

struct Image {
    const traces::Layer& shape;
    const std::vector<std::uint8_t>& bytes;

    // The input under a tap of the filter at an output pixel; 0 outside.
    std::uint32_t at(int tap, int y, int x) const {
        if (tap < 0) return 0;
        if (shape.kind == traces::LayerKind::FullyConnected)
            return bytes.at(static_cast<std::size_t>(tap));
        const int kernel = shape.kernel_height * shape.kernel_width;
        const int row = y * shape.stride - shape.padding_y + tap % kernel / shape.kernel_width;
        const int column = x * shape.stride - shape.padding_x + tap % shape.kernel_width;
        if (row < 0 || row >= shape.height || column < 0 || column >= shape.width) return 0;
        return bytes.at(
            static_cast<std::size_t>((tap / kernel * shape.height + row) * shape.width + column));
    }
};

std::uint32_t smlad(std::uint32_t n, std::uint32_t m, std::uint32_t a) {
    const auto half = [](std::uint32_t value, int shift) {
        return static_cast<std::int32_t>(static_cast<std::int16_t>(value >> shift));
    };
    return a + static_cast<std::uint32_t>(half(n, 0) * half(m, 0)) +
           static_cast<std::uint32_t>(half(n, 16) * half(m, 16));
}

std::int32_t sign_extended(std::uint32_t value, int bits) {
    return static_cast<std::int32_t>(value << (32 - bits)) >> (32 - bits);
}

}  // namespace

std::vector<std::int32_t> portable(const Plan& plan,
                                   const PackedLayer& packed,
                                   const std::vector<std::uint8_t>& input) {
    const traces::Layer& shape = plan.shape;
    const std::vector<Taps> taps = taps_of(plan);
    const Image image{shape, input};
    const bool by_positions = plan.product == Product::DualPositions;
    const int pixels = shape.out_height() * shape.out_width();
    std::vector<std::int32_t> sums(static_cast<std::size_t>(shape.out_channels * pixels));
    const auto word_at = [&](int group, int word) {
        std::uint32_t value = 0;
        for (int i = 3; i >= 0; --i)
            value = value << 8 | packed.weights.at(static_cast<std::size_t>(
                                     4 * (group * group_words(plan) + word) + i));
        return value;
    };
    const auto lanes_at = [&](int pair, int pixel) {
        if (pair >= plan.pairs || pixel >= pixels) return 0u;
        const int y = pixel / shape.out_width();
        const int x = pixel % shape.out_width();
        const Taps& tap = taps[static_cast<std::size_t>(pair)];
        return image.at(tap.first, y, x) | image.at(tap.second, y, x) << 16;
    };
    const auto run = [&](int group, int word, int pixel) {
        std::uint32_t total = plan.biased ? word_at(group, word) : 0;
        std::uint32_t start = total;
        std::int32_t low = 0;
        int at = start_words(plan);
        for (int pair = 0; pair < plan.stored_pairs(); ++pair) {
            std::uint32_t lanes = lanes_at(pair, pixel);
            if (by_positions) lanes += lanes_at(pair, pixel + 1) << plan.field_bits;
            std::uint32_t weights = 0;
            if (plan.wide) {
                weights = word_at(group, at + word);
            } else {
                const std::uint32_t bytes = word_at(group, at + word / 2) >> 8 * (word % 2);
                const auto byte = [](std::uint32_t value) {
                    return static_cast<std::uint32_t>(
                               static_cast<std::int32_t>(static_cast<std::int8_t>(value))) &
                           0xffffu;
                };
                weights = byte(bytes) | byte(bytes >> 16) << 16;
            }
            total = smlad(lanes, weights, total);
            at += plan.pair_words();
            const bool ends = (pair + 1) % plan.block_pairs() == 0;
            if (plan.product == Product::Int8 || !ends) continue;
            const std::int32_t field = sign_extended(total, plan.field_bits);
            low += field - static_cast<std::int32_t>(start);
            total -= static_cast<std::uint32_t>(field);
            if (pair + 1 == plan.stored_pairs()) break;
            start = plan.biased ? word_at(group, at + word) : 0;
            total += start;
            at += bias_words(plan);
        }
        const auto put = [&](int channel, int place, std::int32_t value) {
            if (channel < plan.first_channel(group) + plan.channels() && place < pixels)
                sums.at(static_cast<std::size_t>(channel * pixels + place)) = value;
        };
        const int first = plan.first_channel(group);
        const auto whole = static_cast<std::int32_t>(total);
        if (plan.product == Product::Int8) return put(first + word, pixel, whole);
        // A high channel that was packed negated has a negative multiplier.
        const int constants = start_words(plan) + plan.stored_pairs() * plan.pair_words() +
                              (plan.blocks() - 1) * bias_words(plan) + GroupConstants::kChannels;
        const bool negated =
            !by_positions && word_at(group, constants + 2 * (2 * word + 1)) >> 31 != 0;
        const std::int32_t high = (negated ? -1 : 1) * (whole >> plan.field_bits);
        put(by_positions ? first + word : first + 2 * word, pixel, low);
        put(by_positions ? first + word : first + 2 * word + 1,
            by_positions ? pixel + 1 : pixel,
            high);
    };
    const auto run_outer = [&](int group, int word, int pixel) {
        constexpr int kSpacing = kOuterChannels * kOuterBits;
        std::array<std::int32_t, 2 * kOuterChannels> found{};
        int at = start_words(plan);
        for (int block = 0; block < plan.blocks(); ++block) {
            const int starts = block == 0 ? 0 : at - bias_words(plan);
            const std::uint64_t start = word_at(group, starts + 2 * word) |
                                        std::uint64_t{word_at(group, starts + 2 * word + 1)} << 32;
            std::uint64_t total = start;
            for (int k = 0; k < plan.block_pairs(); ++k) {
                const int pair = block * plan.block_pairs() + k;
                const auto lanes = static_cast<std::int32_t>(
                    lanes_at(pair, pixel) + (lanes_at(pair, pixel + 1) << kSpacing));
                const auto weights = static_cast<std::int32_t>(word_at(group, at + word));
                total += static_cast<std::uint64_t>(std::int64_t{lanes} * weights);
                at += plan.pair_words();
            }
            for (std::size_t k = 0; k < found.size(); ++k) {
                const auto field = [&](std::uint64_t value) {
                    return static_cast<std::int32_t>(value >> (kOuterBits * k) & 0xff);
                };
                found[k] += field(total) - field(start);
            }
            at += bias_words(plan);
        }
        for (int k = 0; k < 2 * kOuterChannels; ++k) {
            const int channel = kOuterChannels * word + k % kOuterChannels;
            const int place = pixel + k / kOuterChannels;
            if (channel >= plan.channels() || place >= pixels) continue;
            sums.at(static_cast<std::size_t>((plan.first_channel(group) + channel) * pixels +
                                             place)) = found[static_cast<std::size_t>(k)];
        }
    };
    if (plan.product == Product::Outer) {
        for (int group = 0; group < plan.groups(); ++group) {
            for (int word = 0; word < plan.words; ++word) {
                for (int pixel = 0; pixel < pixels; pixel += 2) run_outer(group, word, pixel);
            }
        }
        return sums;
    }
    for (int group = 0; group < plan.groups(); ++group) {
        for (int word = 0; word < plan.words; ++word) {
            for (int pixel = 0; pixel < pixels; pixel += by_positions ? 2 : 1)
                run(group, word, pixel);
        }
    }
    return sums;
}

}  // namespace mixq::kernels::packed_gemm
