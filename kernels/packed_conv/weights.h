// The constants of rp-conv: packed weights, biases of fields, requantisation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/network/network.h"
#include "kernels/packed_conv/plan.h"
#include "kernels/storage/structure.h"

namespace mixq::kernels::packed_conv {

// All weights that meet in the fields of one group; fewer channels in the last one.
std::span<const std::int8_t> group_weights(const IntegerLayer& layer,
                                           int depth,
                                           int filter,
                                           int group);

// The weight words of one group, before they are cut to 32 bits.
std::vector<std::int64_t> weight_words(const IntegerLayer& layer,
                                       const Plan& plan,
                                       int filter,
                                       int group);

// How sums become bytes: ((multiplier * sum >> 16) + bias) >> shift, clamped. All that is exact in 32 bits is moved into the
// constants.
struct Finish {
    int sum_shift = 0;          // wide sums: left by so much, then SMMLA
    bool long_product = false;  // wide sums: no shift makes the high word of one product enough
    bool halves =
        false;      // constants scaled so that the result is the high half: two are clamped at once
    int shift = 0;  // right, where not halves
    std::vector<std::int32_t> multiplier;
    std::vector<std::int32_t> bias;
};

Finish finish_of(const IntegerLayer& layer, const Plan& plan);

// The blob described above, and 8 zero bytes.
std::vector<std::uint8_t> pack_weights(const IntegerLayer& layer,
                                       const Plan& plan,
                                       const Finish& finish);

// How the words of the blob repeat, filter by filter.
storage::Structure structure_of(const Plan& plan, int weight_bits);

}  // namespace mixq::kernels::packed_conv
