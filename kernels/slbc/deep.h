// How slbc-deep runs a layer: 3x3 convolutions through packed rows (slbc_deep.c), 1x1 convolutions through paired output
// channels (slbc_pointwise.c).
//
// Depth is guaranteed for the bits wherever a guaranteed depth exists, whatever the weights: the same layer at the same bits
// then costs the same, and traces stay comparable. Only where none exists do the packers take the depth proved on the actual
// weights; so pack() may succeed where refuses() says no.
#pragma once

#include <optional>
#include <string>

#include "kernels/kernel.h"
#include "kernels/packing/packing.h"

namespace mixq::kernels::slbc {

// A 3x3 layer: channels are added up in groups inside the packed accumulator.
struct SpatialPlan {
    packing::FieldShape shape;
    int strips = 0;  // packed words of one row
    int group = 0;   // channels between two segmentations
    int groups = 0;
};

// A 1x1 layer: two output channels share a 16-bit weight lane, two input channels one SMLAD.
struct PointwisePlan {
    int field_bits = 0;  // of the lower output channel's sum
    int depth = 0;       // input channels between two segmentations, even
    int blocks = 0;      // of that depth
};

// The fastest guaranteed plan; nothing if the bits have none.
std::optional<SpatialPlan> plan_spatial(const traces::Layer& layer, traces::Precision precision);
std::optional<PointwisePlan> plan_pointwise(const traces::Layer& layer,
                                            traces::Precision precision);

// Both throw std::runtime_error naming the layer and the filter that does not fit.
PackedLayer pack_spatial(const IntegerLayer& layer);
PackedLayer pack_pointwise(const IntegerLayer& layer);

}  // namespace mixq::kernels::slbc
