// What weights of so many bits add up to that are random and bell-shaped, as those of random_layer are: sums of actual weights, without
// drawing any. Searches choose packings by it in microseconds; what is built is packed and proved on the actual weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "traces/precision.h"

namespace mixq::kernels::packing {

class TypicalWeights {
  public:
    explicit TypicalWeights(int weight_bits);

    // The largest, as expected, of `sums` sums of `weights` weights each: of their magnitudes, and of those of one sign.
    double magnitudes(std::int64_t weights, std::int64_t sums) const;
    double negative(std::int64_t weights, std::int64_t sums) const;
    double positive(std::int64_t weights, std::int64_t sums) const;

    // The share of weights that are the least, and of those that are below 0.
    double least_share() const { return least_share_; }

    double negative_share() const { return negative_share_; }

  private:
    struct Moments {
        double mean = 0;
        double deviation = 0;
        double most = 0;
    };

    static double largest(const Moments& of, std::int64_t weights, std::int64_t sums);

    Moments magnitude_;
    Moments negative_;
    Moments positive_;
    double least_share_ = 0;
    double negative_share_ = 0;
};

// The first `count` weights of every layer that random_layer draws with its first seed: what no moments decide is asked of them.
std::span<const std::int8_t> sample_weights(int weight_bits, std::size_t count);

// Made once per number of bits.
const TypicalWeights& typical_weights(int weight_bits);

}  // namespace mixq::kernels::packing
