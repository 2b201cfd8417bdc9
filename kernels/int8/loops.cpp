// Multiplies, transforms and outputs of the int8 kernels.
#include "kernels/loops.h"

#include <stdexcept>

#include "kernels/int8/winograd.h"
#include "kernels/kernel_list.h"
#include "kernels/packed_dw/planes.h"

namespace mixq::kernels::int8 {

namespace {

// Cycles of smlad-dw: beside two multiplies for each output and kernel row, what parts four columns of the input, requantisation and
// stores.
constexpr double kStrip = 1.5;
constexpr double kOutput = 1.5;
constexpr double kRow = 6;
constexpr double kChannel = 20;
constexpr double kCopiedWord = 1.5;
// Of winograd: a position's loop and stores, the outputs of a filter of two tiles, the patches of four channels, four rows of a column.
constexpr double kPosition = 8;
constexpr double kTile = 50;
constexpr double kTransform = 100;
constexpr double kBandWord = 5;

void check(const Kernel& kernel, const traces::Layer& layer, traces::Precision precision) {
    if (const auto why = kernel.refuses(layer, precision))
        throw std::runtime_error(std::string(kernel.name()) + ": " + *why);
}

}  // namespace

std::vector<WorkTerm> depthwise_loops(const traces::Layer& layer, traces::Precision precision) {
    check(smlad_dw_kernel(), layer, precision);
    const double channels = layer.out_channels;
    const double strips = (layer.width + 3) / 4;
    double inside = 0;
    for (int row = 0; row < layer.out_height() * 3; ++row) {
        const int at = row / 3 * layer.stride - layer.padding_y + row % 3;
        inside += at >= 0 && at < layer.height ? 1 : 0;
    }
    return {
        {"multiplies", 2 * channels * inside * layer.out_width()},
        {"strips", kStrip * channels * inside * strips},
        {"outputs", kOutput * static_cast<double>(layer.output_elements())},
        {"rows", kRow * channels * layer.out_height()},
        {"channels", kChannel * channels},
        {"copied words", kCopiedWord * packed_dw::Planes::scratch_bytes(layer) / 4.0 * channels}};
}

std::vector<WorkTerm> winograd_loops(const traces::Layer& layer, traces::Precision precision) {
    check(winograd_kernel(), layer, precision);
    const WinogradPlan plan = winograd_shape(layer);
    const double bands = (layer.out_height() + 1) / 2;
    const double pairs = bands * plan.pairs;
    const double groups = (layer.out_channels + kWinogradFilters - 1) / kWinogradFilters;
    return {{"multiplies", pairs * 16 * plan.words() * 2 * layer.out_channels},
            {"positions", kPosition * pairs * groups * 16 * plan.chunks},
            {"tiles", kTile * pairs * layer.out_channels},
            {"transforms", kTransform * pairs * plan.quads},
            {"band words", kBandWord * bands * layer.width * plan.quads}};
}

}  // namespace mixq::kernels::int8
