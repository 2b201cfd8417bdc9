// Multiplies and outputs of packed-dw, by the field that would be taken.
#include "kernels/loops.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/packed_dw/plan.h"
#include "kernels/packed_dw/planes.h"
#include "kernels/packing/packing.h"
#include "kernels/packing/typical.h"

namespace mixq::kernels::packed_dw {

namespace {

// Cycles: of four outputs 7 and 13 instructions with fields of 8 bits, 28 and 12 with 16 (see routine.cpp).
constexpr double kMultiply = 1.2;
constexpr double kOutput = 1.6;
constexpr double kRow = 12;
constexpr double kChannel = 20;
constexpr double kCopiedWord = 1.5;

double kernel_rows_inside(const traces::Layer& layer) {
    double inside = 0;
    for (int y = 0; y < layer.out_height(); ++y) {
        for (int k = 0; k < layer.kernel_height; ++k) {
            const int row = y * layer.stride - layer.padding_y + k;
            inside += row >= 0 && row < layer.height ? 1 : 0;
        }
    }
    return inside;
}

}  // namespace

std::vector<WorkTerm> loops(const traces::Layer& layer, traces::Precision precision) {
    if (const auto why = refusal(layer, {traces::kMinBits, traces::kMinBits}))
        throw std::runtime_error("packed-dw: " + *why);
    const packing::TypicalWeights& weights = packing::typical_weights(precision.weight_bits);
    const int channels = layer.out_channels;
    const auto top = static_cast<double>((1 << precision.activation_bits) - 1);
    const double most = weights.magnitudes(kTaps, channels) * top;
    const bool bytes = packing::registers_fit({8, 4, 3}, precision) &&
                       most <= static_cast<double>(packing::field_limit(8));
    const bool lanes =
        packing::registers_fit({16, 2, 2}, precision) &&
        std::max(weights.negative(kTaps, channels), weights.positive(kTaps, channels)) * top <=
            INT16_MAX &&
        most <= UINT16_MAX;
    if (!bytes && !lanes) {
        throw std::runtime_error("packed-dw: sums of typical weights of " + to_string(precision) +
                                 " leave a 16-bit lane");
    }
    const double strips = (layer.width + 3) / 4;
    // With stride 2, outputs are centred at columns of one parity.
    const double multiplies = bytes ? 1 : layer.stride == 1 ? 4 : 2;
    const double all_multiplies =
        kMultiply * multiplies * channels * kernel_rows_inside(layer) * strips;
    const double outputs = kOutput * static_cast<double>(layer.output_elements());
    const double rows = kRow * channels * layer.out_height();
    const auto if_bytes = [&](double amount) { return bytes ? amount : 0; };
    const auto if_lanes = [&](double amount) { return bytes ? 0 : amount; };
    return {{"multiplies of 8 bits", if_bytes(all_multiplies)},
            {"multiplies of 16 bits", if_lanes(all_multiplies)},
            {"outputs of 8 bits", if_bytes(outputs)},
            {"outputs of 16 bits", if_lanes(outputs)},
            {"rows of 8 bits", if_bytes(rows)},
            {"rows of 16 bits", if_lanes(rows)},
            {"channels", kChannel * channels},
            {"copied words", kCopiedWord * Planes::scratch_bytes(layer) / 4.0 * channels}};
}

}  // namespace mixq::kernels::packed_dw
