// Packs weights group by group: starts of low fields, words of weights block by block, constants (see routine.h).
#include "kernels/packed_gemm/pack.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/packed_gemm/routine.h"
#include "kernels/packing/packing.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels::packed_gemm {

namespace {

constexpr int kLane = packing::kLaneBits;
constexpr int kMostBlocks = 32;  // beyond, segmentation takes more than the products

// Weights of a filter in the order of the lanes.
class Filters {
  public:
    Filters(const Plan& plan, const IntegerLayer& layer) : layer_(layer), taps_(taps_of(plan)) {
        filter_ = static_cast<int>(layer.weights.size()) / layer.shape.out_channels;
    }

    // One half of a pair; 0 beyond the layer's channels and pairs.
    int at(int channel, int pair, int half) const {
        if (channel >= layer_.shape.out_channels || pair >= static_cast<int>(taps_.size()))
            return 0;
        const Taps& taps = taps_[static_cast<std::size_t>(pair)];
        const int index = half == 0 ? taps.first : taps.second;
        return index < 0 ? 0
                         : layer_.weights[static_cast<std::size_t>(channel) *
                                              static_cast<std::size_t>(filter_) +
                                          static_cast<std::size_t>(index)];
    }

    // The sign with which a high channel's weights go above a low one's so that every lane holds them: the least weight, which
    // borrows beyond the lane above a negative one, fits negated. 0: neither does.
    int sign_above(const Plan& plan, int low, int high) const {
        for (const int sign : {1, -1}) {
            bool fits = true;
            for (int pair = 0; fits && pair < plan.pairs; ++pair) {
                for (const int half : {0, 1})
                    fits = fits &&
                           packing::lane_fits(
                               at(low, pair, half), sign * at(high, pair, half), plan.field_bits);
            }
            if (fits) return sign;
        }
        return 0;
    }

    // What a block of pairs can add up to, at most, either way.
    struct Sides {
        std::int64_t negative = 0;
        std::int64_t positive = 0;
    };

    Sides block(const Plan& plan, int channel, int block) const {
        Sides sides;
        for (int pair = block * plan.block_pairs(); pair < (block + 1) * plan.block_pairs();
             ++pair) {
            for (int half = 0; half < 2; ++half) {
                const int weight = at(channel, pair, half);
                (weight < 0 ? sides.negative : sides.positive) += weight < 0 ? -weight : weight;
            }
        }
        const std::int64_t top = (std::int64_t{1} << plan.precision.activation_bits) - 1;
        return {sides.negative * top, sides.positive * top};
    }

  private:
    const IntegerLayer& layer_;
    std::vector<Taps> taps_;
    int filter_ = 0;
};

// The channel in the low field of a weight operand, and the one in the high field.
int low_channel(const Plan& plan, int group, int word) {
    return plan.first_channel(group) + (plan.product == Product::DualChannels ? 2 * word : word);
}

int high_channel(const Plan& plan, int group, int word) {
    return low_channel(plan, group, word) + (plan.product == Product::DualChannels ? 1 : 0);
}

// A channel of the group that there is.
bool exists(const Plan& plan, int group, int channel) {
    return channel < plan.first_channel(group) + plan.channels();
}

std::string filter_text(int channel) {
    return "filter " + std::to_string(channel);
}

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

// D2: full-range weights borrow, so that only 15 - w bits are left for the low field.
int guaranteed_bits(Product product, traces::Precision precision) {
    return kLane - 1 -
           (product == Product::DualChannels ? precision.weight_bits : precision.activation_bits);
}

Plan dual_plan(Product product, const traces::Layer& shape, traces::Precision precision, int bits) {
    Plan plan;
    plan.product = product;
    plan.shape = shape;
    plan.precision = precision;
    plan.field_bits = bits;
    return plan;
}

Plan outer_plan(const traces::Layer& shape, traces::Precision precision) {
    Plan plan = dual_plan(Product::Outer, shape, precision, kOuterBits);
    plan.biased = true;
    plan.depth = INT32_MAX;
    return plan;
}

// Whatever the weights.
std::optional<Plan> guaranteed_outer_plan(const traces::Layer& shape, traces::Precision precision) {
    Plan plan = outer_plan(shape, precision);
    const std::int64_t taps =
        std::int64_t{shape.filter_channels()} * shape.kernel_height * shape.kernel_width;
    plan.depth = static_cast<int>(
        std::min<std::int64_t>(packing::guaranteed_depth(kOuterBits, precision, 1), taps));
    if (plan.depth < 1 || !packing::outer_fits(kOuterBits, kOuterChannels, precision) ||
        packing::guaranteed_reach(precision, taps) > INT16_MAX) {
        return std::nullopt;
    }
    const auto found = shaped(plan);
    return found && found->blocks() <= kMostBlocks ? found : std::nullopt;
}

// The fewest blocks with which the actual weights fit.
std::optional<Plan> deepest(Plan plan, const IntegerLayer& layer) {
    const int pairs = static_cast<int>(taps_of(plan).size());
    int last = 0;
    for (int blocks = 1; blocks <= kMostBlocks; ++blocks) {
        plan.depth = (pairs + blocks - 1) / blocks;
        if (plan.depth == last) continue;
        last = plan.depth;
        const auto candidate = shaped(plan);
        if (candidate && prove(*candidate, layer).failure.empty()) return candidate;
    }
    return std::nullopt;
}

constexpr Product kDual[] = {Product::DualChannels, Product::DualPositions};

}  // namespace

std::string describe(const Plan& plan) {
    const std::string tile = std::to_string(plan.positions) + " positions x " +
                             std::to_string(plan.room()) + " channels";
    if (plan.product == Product::Int8)
        return "SMLAD, " + tile + (plan.wide ? ", weights in 16 bits" : ", weights in bytes");
    if (plan.product == Product::Outer) {
        return "O6 SMLAL, " + tile +
               ", S=8 T=" + std::to_string(std::min(plan.block_pairs(), plan.pairs));
    }
    return std::string(plan.product == Product::DualChannels ? "D2" : "D2'") + " SMLAD, " + tile +
           ", S=" + std::to_string(plan.field_bits) +
           " T=" + std::to_string(2 * std::min(plan.block_pairs(), plan.pairs)) +
           (plan.biased ? ", starts" : "");
}

namespace {

Proof prove_outer(const Plan& plan, const IntegerLayer& layer) {
    Proof proof;
    proof.limit = packing::field_limit(kOuterBits);
    const Filters filters(plan, layer);
    if (!packing::outer_fits(kOuterBits, kOuterChannels, plan.precision))
        proof.failure = "filter 0 does not fit the registers of an outer product";
    for (int channel = 0; channel < plan.shape.out_channels; ++channel) {
        for (int block = 0; block < plan.blocks(); ++block) {
            const auto sides = filters.block(plan, channel, block);
            const std::int64_t range = sides.negative + sides.positive;
            proof.largest = std::max(proof.largest, range);
            if (range <= proof.limit || !proof.failure.empty()) continue;
            proof.failure = filter_text(channel) + " ranges over " + std::to_string(range) +
                            " in a field of " + std::to_string(kOuterBits) + " bits";
        }
        // Whole sums are lanes.
        if (packing::accumulator_range(layer, channel).magnitude() > INT16_MAX &&
            proof.failure.empty()) {
            proof.failure = filter_text(channel) + " leaves 16 bits";
        }
    }
    return proof;
}

}  // namespace

Proof prove(const Plan& plan, const IntegerLayer& layer) {
    Proof proof;
    const std::int64_t top = (std::int64_t{1} << plan.precision.activation_bits) - 1;
    if (plan.product == Product::Int8) {
        proof.largest = packing::accumulator_range(layer).magnitude();
        proof.limit = INT32_MAX;
        return proof;
    }
    if (plan.product == Product::Outer) return prove_outer(plan, layer);
    proof.limit = packing::field_limit(plan.field_bits);
    const Filters filters(plan, layer);
    const auto fail = [&](int channel, const std::string& why) {
        if (proof.failure.empty()) proof.failure = filter_text(channel) + " " + why;
    };
    if (plan.product == Product::DualPositions && !packing::lane_fits(top, top, plan.field_bits)) {
        fail(0, "has activations that do not fit a lane twice");
    }
    for (int group = 0; group < plan.groups(); ++group) {
        for (int word = 0; word < plan.words; ++word) {
            const int low = low_channel(plan, group, word);
            if (!exists(plan, group, low)) continue;
            for (int block = 0; block < plan.blocks(); ++block) {
                const auto sides = filters.block(plan, low, block);
                proof.largest = std::max(proof.largest, sides.negative + sides.positive);
                const auto start =
                    packing::signed_start(sides.negative, sides.positive, plan.field_bits);
                if (start && (plan.biased || *start == 0)) continue;
                fail(low,
                     "reaches -" + std::to_string(sides.negative) + " .. " +
                         std::to_string(sides.positive) + " in a field of " +
                         std::to_string(plan.field_bits) + " bits");
            }
            const int high = high_channel(plan, group, word);
            if (!exists(plan, group, high)) continue;
            const auto range = packing::accumulator_range(layer, high);
            if (!packing::high_field_fits(range.least, range.greatest, plan.field_bits))
                fail(high, "does not fit above a field of " + std::to_string(plan.field_bits));
            if (plan.product == Product::DualChannels && filters.sign_above(plan, low, high) == 0)
                fail(high, "borrows beyond a lane of 16 bits");
            if (!proof.failure.empty()) return proof;
        }
    }
    return proof;
}

std::vector<Plan> guaranteed_dual_plans(const traces::Layer& shape, traces::Precision precision) {
    std::vector<Plan> plans;
    for (const Product product : kDual) {
        const int bits = guaranteed_bits(product, precision);
        if (bits < 2) continue;
        Plan plan = dual_plan(product, shape, precision, bits);
        plan.biased = true;
        const std::int64_t taps =
            std::int64_t{shape.filter_channels()} * shape.kernel_height * shape.kernel_width;
        const std::int64_t top = (std::int64_t{1} << precision.activation_bits) - 1;
        const std::int64_t reach = packing::guaranteed_reach(precision, taps);
        if (product == Product::DualPositions && !packing::lane_fits(top, top, bits)) continue;
        if (!packing::high_field_fits(-reach, reach, bits)) continue;
        plan.depth = static_cast<int>(
            std::min<std::int64_t>(packing::guaranteed_depth(bits, precision, 2), taps));
        if (plan.depth < 1) continue;
        // A half-range field serves as well where it is wide enough for a whole block.
        if (const auto shape_of = shaped(plan); shape_of && shape_of->blocks() <= kMostBlocks)
            plans.push_back(*shape_of);
    }
    if (const auto outer = guaranteed_outer_plan(shape, precision)) plans.push_back(*outer);
    std::ranges::sort(plans, {}, estimated_cycles);
    return plans;
}

std::vector<Choice> dual_plans(const IntegerLayer& layer) {
    std::vector<Choice> choices;
    for (const Plan& plan : guaranteed_dual_plans(layer.shape, layer.precision))
        choices.push_back({plan, true, 0});
    for (const Product product : kDual) {
        const int guaranteed = guaranteed_bits(product, layer.precision);
        const bool more = product == Product::DualChannels;
        for (int bits = guaranteed + (more ? 1 : 0); bits >= std::max(guaranteed, 2); --bits) {
            for (const bool biased : {false, true}) {
                Plan plan = dual_plan(product, layer.shape, layer.precision, bits);
                plan.biased = biased;
                if (const auto found = deepest(plan, layer)) choices.push_back({*found, false, 0});
            }
        }
    }
    if (const auto found = deepest(outer_plan(layer.shape, layer.precision), layer))
        choices.push_back({*found, false, 0});
    for (Choice& choice : choices) choice.cycles = estimated_cycles(choice.plan);
    std::ranges::stable_sort(choices, {}, &Choice::cycles);
    return choices;
}

std::string why_no_dual_plan(const IntegerLayer& layer) {
    if (layer.shape.kind == traces::LayerKind::Depthwise) return "its layer is depthwise";
    const int bits = std::max(2, guaranteed_bits(Product::DualChannels, layer.precision));
    Plan plan = dual_plan(Product::DualChannels, layer.shape, layer.precision, bits);
    plan.biased = true;
    const int pairs = static_cast<int>(taps_of(plan).size());
    plan.depth = (pairs + kMostBlocks - 1) / kMostBlocks;
    const std::string failure = prove(*shaped(plan), layer).failure;
    return failure.empty() ? "segmentation takes longer than the products" : failure;
}

Plan int8_plan(const traces::Layer& shape, traces::Precision precision, bool wide) {
    Plan plan;
    plan.wide = wide;
    plan.shape = shape;
    plan.precision = precision;
    plan.depth = INT32_MAX;
    return *shaped(plan);
}

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
    packed.scratch_bytes = plan.scratch_bytes();
    packed.proof_largest_field = proof.largest;
    packed.proof_field_limit = proof.limit;
    packed.proof = describe(plan) +
                   (plan.product == Product::Int8 ? ": sums reach " : ": low fields range over ") +
                   std::to_string(proof.largest) + " of " + std::to_string(proof.limit);
    packed.generate = [plan, requantise, name = layer.name, how](Layout output) {
        return lower(*build_routine(name, plan, requantise, output), how);
    };
    return packed;
}

}  // namespace mixq::kernels::packed_gemm
