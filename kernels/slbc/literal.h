// How the two kernels of the paper, slbc and rp-slbc, pack a row: fields just wide enough for one multiply.
#pragma once

#include <optional>

#include "kernels/kernel.h"
#include "kernels/packing/packing.h"

namespace mixq::kernels::slbc {

struct RowPlan {
    packing::FieldShape shape;
    int strips = 0;  // packed words of one row
};

// Nothing if no shape fits the registers with two activations or more in a word.
std::optional<RowPlan> plan_row(const traces::Layer& layer, traces::Precision precision);

// Why neither kernel can run this shape at this precision.
std::optional<std::string> refuses_row(const traces::Layer& layer, traces::Precision precision);

PackedLayer pack_row(const IntegerLayer& layer, std::string_view kernel, std::string_view source);

}  // namespace mixq::kernels::slbc
