// What every packer does alike: check the layer it is given, bound its accumulators, and store the constants of
// requantisation as kernels/device/layer.h reads them.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"
#include "kernels/network/network.h"

namespace mixq::kernels::packing {

// Throws std::runtime_error naming the layer and what is wrong with it: numbers of weights and constants, weights outside
// their bits, a bias that could leave 32 bits on the device.
void check_layer(const IntegerLayer& layer);

// What an accumulator can be for any input, from the actual weights.
struct Range {
    std::int64_t least = 0;
    std::int64_t greatest = 0;

    std::int64_t magnitude() const { return greatest > -least ? greatest : -least; }
};

Range accumulator_range(const IntegerLayer& layer, int filter);
Range accumulator_range(const IntegerLayer& layer);  // over all filters

// Sets multiplier and bias for 32-bit accumulators, with MIXQ_SCALE_SHIFT where one 32 x 32 product can do it.
void set_requantisation(const IntegerLayer& layer, PackedLayer& packed);

// Sets them as they are, for 16-bit accumulators (SMLAWB, SMLAWT). The caller has shown that they fit.
void set_requantisation16(const IntegerLayer& layer, PackedLayer& packed);

}  // namespace mixq::kernels::packing
