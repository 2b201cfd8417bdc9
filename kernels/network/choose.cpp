// Which kernel runs a layer, where nobody has measured.
#include <stdexcept>

#include "kernels/network/firmware.h"

namespace mixq::kernels {

namespace {

constexpr std::string_view kLowBitKernel = "slbc-deep";
constexpr std::string_view kByteKernel = "simd-int8";
constexpr std::string_view kEveryKernel = "naive";

// Why it cannot run this layer; empty if it can. Packing the actual weights is the last word.
std::string refusal(std::string_view name, const IntegerLayer& layer) {
    const Kernel& kernel = find_kernel(name);
    if (const auto why = kernel.refuses(layer.shape, layer.precision)) return *why;
    try {
        kernel.pack(layer);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return {};
}

}  // namespace

Choice choose_by_order(const IntegerLayer& layer) {
    Choice choice;
    for (const std::string_view name : {kLowBitKernel, kByteKernel, kEveryKernel}) {
        const std::string why = refusal(name, layer);
        if (why.empty()) {
            choice.kernel = name;
            return choice;
        }
        choice.why_not_faster +=
            (choice.why_not_faster.empty() ? "" : "; ") + std::string(name) + ": " + why;
    }
    throw std::runtime_error("layer '" + layer.name + "' (" + to_string(layer.shape) + " " +
                             to_string(layer.precision) +
                             "): no kernel fits: " + choice.why_not_faster);
}

}  // namespace mixq::kernels
