// Packs weights group by group: starts of fields, words of weights block by block, constants (see routine.h).
#include "kernels/packed_gemm/pack.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/packed_gemm/filters.h"
#include "kernels/packed_gemm/routine.h"
#include "kernels/packing/packing.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels::packed_gemm {

namespace {

constexpr int kLane = packing::kLaneBits;

Requantise requantise_of(const Plan& plan, const IntegerLayer& layer) {
    Requantise requantise;
    requantise.output_bits = layer.output_bits;
    requantise.shift = layer.shift;
    if (layer.output_bits == 0) return requantise;
    // A sum that fits a byte's range fits 16 bits.
    const std::int64_t sum = packing::accumulator_range(layer).magnitude();
    requantise.narrow = sum <= INT16_MAX;
    if (requantise.narrow) return requantise;
    const std::int64_t multiplier =
        *std::max_element(layer.multiplier.begin(), layer.multiplier.end());
    for (requantise.up = 0; requantise.up <= 16; ++requantise.up) {
        if (multiplier << (16 - requantise.up) <= INT32_MAX && sum << requantise.up <= INT32_MAX)
            return requantise;
    }
    throw std::runtime_error("layer " + layer.name + ": " + describe(plan) +
                             " needs multiplier and accumulator together within 46 bits; " +
                             "use the kernel naive");
}

class Blob {
  public:
    std::vector<std::uint8_t> bytes;

    void word(std::int64_t value) {
        for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }

    void pad_to_words(std::size_t count) { bytes.resize(std::max(bytes.size(), 4 * count), 0); }
};

class Packer {
  public:
    Packer(const Plan& plan, const IntegerLayer& layer, const Requantise& requantise)
        : plan_(plan), layer_(layer), requantise_(requantise), filters_(plan, layer) {}

    std::vector<std::uint8_t> pack() {
        for (int group = 0; group < plan_.groups(); ++group) {
            set_starts(group);
            set_signs(group);
            starts(0);
            if (plan_.blocks() > 1) {
                if (plan_.product == Product::Outer) {
                    minus_outer_starts();
                } else {
                    minus_all_starts();
                }
            }
            for (int block = 0; block < plan_.blocks(); ++block) {
                if (block > 0) starts(block);
                weights(group, block);
            }
            constants(group);
            if (plan_.blocks() == 1) {
                if (plan_.product == Product::Outer) {
                    minus_outer_starts();
                } else {
                    starts(0);
                }
            }
            blob_.pad_to_words(static_cast<std::size_t>(group_words(plan_)) *
                               static_cast<std::size_t>(group + 1));
        }
        return std::move(blob_.bytes);
    }

  private:
    void set_signs(int group) {
        signs_.assign(static_cast<std::size_t>(plan_.words), 1);
        if (plan_.product != Product::DualChannels) return;
        for (int word = 0; word < plan_.words; ++word) {
            const int high = high_channel(plan_, group, word);
            if (exists(plan_, group, high))
                signs_[static_cast<std::size_t>(word)] =
                    filters_.sign_above(plan_, low_channel(plan_, group, word), high);
        }
    }

    // Of every block and operand, so that each low field has room for its own block's sums.
    void set_starts(int group) {
        starts_.assign(static_cast<std::size_t>(plan_.blocks()), {});
        if (!plan_.biased) return;
        if (plan_.product == Product::Outer) return outer_starts(group);
        for (int block = 0; block < plan_.blocks(); ++block) {
            for (int word = 0; word < plan_.words; ++word) {
                const auto sides = filters_.block(plan_, low_channel(plan_, group, word), block);
                starts_[static_cast<std::size_t>(block)].push_back(
                    *packing::signed_start(sides.negative, sides.positive, plan_.field_bits));
            }
        }
    }

    // Both positions of three channels begin with as much as their negative weights can take away.
    void outer_starts(int group) {
        outer_.assign(static_cast<std::size_t>(plan_.room()), 0);
        for (int block = 0; block < plan_.blocks(); ++block) {
            for (int word = 0; word < plan_.words; ++word) {
                std::uint64_t start = 0;
                for (int k = 0; k < kOuterChannels; ++k) {
                    const int slot = kOuterChannels * word + k;
                    const int channel = plan_.first_channel(group) + slot;
                    if (!exists(plan_, group, channel)) continue;
                    const std::int64_t least = filters_.block(plan_, channel, block).negative;
                    outer_[static_cast<std::size_t>(slot)] += least;
                    for (const int position : {0, 1})
                        start |= static_cast<std::uint64_t>(least)
                                 << (kOuterBits * (kOuterChannels * position + k));
                }
                starts_[static_cast<std::size_t>(block)].push_back(
                    static_cast<std::uint32_t>(start));
                starts_[static_cast<std::size_t>(block)].push_back(
                    static_cast<std::uint32_t>(start >> 32));
            }
        }
    }

    // What all starts of a channel together add, as lanes to take it off with UXTAB16.
    void minus_outer_starts() {
        for (std::size_t k = 0; k < outer_.size(); k += kOuterChannels) {
            const auto lanes = [&](std::int64_t low, std::int64_t high) {
                blob_.word((-low & 0xffff) | (-high & 0xffff) << kLane);
            };
            lanes(outer_[k], outer_[k + 2]);
            lanes(outer_[k + 1], outer_[k]);
            lanes(outer_[k + 1], 0);
            lanes(outer_[k + 2], 0);
        }
    }

    void put_starts(std::vector<std::int64_t> values) {
        if (!plan_.biased) return;
        values.resize(static_cast<std::size_t>(bias_words(plan_)), 0);
        for (const std::int64_t value : values) blob_.word(value);
    }

    void starts(int block) { put_starts(starts_[static_cast<std::size_t>(block)]); }

    void minus_all_starts() {
        std::vector<std::int64_t> sums(static_cast<std::size_t>(plan_.words), 0);
        for (const std::vector<std::int64_t>& block : starts_) {
            for (std::size_t k = 0; k < block.size(); ++k) sums[k] -= block[k];
        }
        put_starts(sums);
    }

    void weights(int group, int block) {
        for (int k = 0; k < plan_.block_pairs(); ++k) {
            const int pair = block * plan_.block_pairs() + k;
            for (int word = 0; word < plan_.pair_words(); ++word) {
                if (plan_.product == Product::Outer) {
                    outer_word(group, word, pair);
                } else if (plan_.wide) {
                    lane_word(group, word, pair);
                } else {
                    byte_word(group, word, pair);
                }
            }
        }
    }

    int weight(int group, int channel, int pair, int half) const {
        return exists(plan_, group, channel) ? filters_.at(channel, pair, half) : 0;
    }

    void outer_word(int group, int word, int pair) {
        std::int64_t sum = 0;
        for (int k = kOuterChannels - 1; k >= 0; --k) {
            const int channel = plan_.first_channel(group) + kOuterChannels * word + k;
            sum = sum * (1 << kOuterBits) + weight(group, channel, pair, 0);
        }
        blob_.word(sum);
    }

    void lane_word(int group, int word, int pair) {
        std::int64_t lanes = 0;
        for (int half = 0; half < 2; ++half) {
            const int low = weight(group, low_channel(plan_, group, word), pair, half);
            int lane = low;
            if (plan_.product == Product::DualChannels) {
                const int high = weight(group, high_channel(plan_, group, word), pair, half);
                lane += signs_[static_cast<std::size_t>(word)] * high * (1 << plan_.field_bits);
            }
            lanes |= std::int64_t{static_cast<std::uint16_t>(lane)} << (kLane * half);
        }
        blob_.word(lanes);
    }

    // Two channels of both lanes: SXTB16 takes bytes 0 and 2, or 1 and 3.
    void byte_word(int group, int word, int pair) {
        std::int64_t bytes = 0;
        for (int half = 0; half < 2; ++half) {
            for (int k = 0; k < 2; ++k) {
                const int channel = plan_.first_channel(group) + 2 * word + k;
                const auto byte = static_cast<std::uint8_t>(weight(group, channel, pair, half));
                bytes |= std::int64_t{byte} << (kLane * half + 8 * k);
            }
        }
        blob_.word(bytes);
    }

    void constants(int group) {
        const int first = plan_.first_channel(group);
        const std::int64_t element = layer_.output_bits == 0 ? 4 : 1;
        const std::int64_t pixels =
            std::int64_t{plan_.shape.out_height()} * plan_.shape.out_width();
        blob_.word(first * pixels * element);
        blob_.word(first * element);
        for (int k = 0; k < plan_.room(); ++k) {
            const int channel = first + k;
            if (!exists(plan_, group, channel)) {
                blob_.word(0);
                blob_.word(0);
                continue;
            }
            const auto c = static_cast<std::size_t>(channel);
            const bool high = plan_.product == Product::DualChannels && k % 2 != 0;
            const int sign = high ? signs_[static_cast<std::size_t>(k / 2)] : 1;
            blob_.word(sign * (layer_.output_bits == 0 ? 1 : multiplier(c, high)));
            blob_.word(layer_.bias[c]);
        }
    }

    // High fields are multiplied where they stand.
    std::int64_t multiplier(std::size_t channel, bool high) const {
        const std::int64_t value = layer_.multiplier[channel];
        if (high) {
            const std::int64_t up = value << (16 - plan_.field_bits);
            if (up <= INT32_MAX) return up;
            throw std::runtime_error(
                "layer " + layer_.name + ": " + describe(plan_) + " needs a multiplier below 2^" +
                std::to_string(15 + plan_.field_bits) + " of " +
                filter_text(static_cast<int>(channel)) + "; use the kernel smlad-gemm");
        }
        return requantise_.narrow ? value : value << (16 - requantise_.up);
    }

    const Plan& plan_;
    const IntegerLayer& layer_;
    const Requantise& requantise_;
    Filters filters_;
    Blob blob_;
    std::vector<int> signs_;                         // of the group's high channels
    std::vector<std::int64_t> outer_;                // starts of the group's channels
    std::vector<std::vector<std::int64_t>> starts_;  // of the group's low fields, block by block
};

}  // namespace

PackedLayer pack(const Plan& plan,
                 const IntegerLayer& layer,
                 const std::string& kernel,
                 generate::Scheduling how) {
    packing::check_layer(layer);
    const Proof proof = prove(plan, layer);
    if (!proof.failure.empty()) {
        throw std::runtime_error("layer " + layer.name + ": " + kernel + " (" + describe(plan) +
                                 ") cannot pack: " + proof.failure);
    }
    const Requantise requantise = requantise_of(plan, layer);
    PackedLayer packed;
    packed.kernel = kernel;
    packed.weights = Packer(plan, layer, requantise).pack();
    packed.structure = structure_of(plan);
    packed.scratch_bytes = plan.scratch_bytes();
    packed.proof_largest_field = proof.largest;
    packed.proof_field_limit = proof.limit;
    packed.proof = describe(plan) +
                   (plan.product == Product::Int8 ? ": sums reach " : ": low fields range over ") +
                   std::to_string(proof.largest) + " of " + std::to_string(proof.limit);
    packed.generate_units = [plan, requantise, name = layer.name, how](Layout output, int groups) {
        return lower(*build_routine(name, plan, requantise, output, groups), how);
    };
    packed.generate = [generate = packed.generate_units, groups = plan.groups()](Layout output) {
        return generate(output, groups);
    };
    return packed;
}

}  // namespace mixq::kernels::packed_gemm
