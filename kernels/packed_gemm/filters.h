// Filters in the order of their lanes, and which of them share an operand.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/packed_gemm/plan.h"
#include "kernels/packing/packing.h"

namespace mixq::kernels::packed_gemm {

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
inline int low_channel(const Plan& plan, int group, int word) {
    return plan.first_channel(group) + (plan.product == Product::DualChannels ? 2 * word : word);
}

inline int high_channel(const Plan& plan, int group, int word) {
    return low_channel(plan, group, word) + (plan.product == Product::DualChannels ? 1 : 0);
}

// A channel of the group that there is.
inline bool exists(const Plan& plan, int group, int channel) {
    return channel < plan.first_channel(group) + plan.channels();
}

inline std::string filter_text(int channel) {
    return "filter " + std::to_string(channel);
}

}  // namespace mixq::kernels::packed_gemm
