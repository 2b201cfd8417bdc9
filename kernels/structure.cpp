// Routines of generated kernels, lowered once and remembered.
#include <map>
#include <mutex>
#include <string>

#include "kernels/analytic.h"
#include "kernels/kernel.h"
#include "kernels/network/firmware.h"

namespace mixq::kernels {

namespace {

std::optional<Structure> lowered(std::string_view kernel,
                                 const traces::Layer& layer,
                                 traces::Precision precision) {
    const IntegerNetwork network =
        random_layer(layer, precision, WeightKind::BellShaped, kAnalyticSeed);
    const PackedLayer packed = find_kernel(kernel).pack(network.layers.front());
    if (!packed.generate) return std::nullopt;
    // The layout of a network's output, and of a layer that is traced alone.
    const generate::Lowered routine = packed.generate(Layout::Planar);
    return Structure{routine.counts,
                     routine.cycles,
                     packed.scratch_bytes,
                     static_cast<std::uint32_t>(packed.weights.size())};
}

}  // namespace

std::optional<Structure> structure(std::string_view kernel,
                                   const traces::Layer& layer,
                                   traces::Precision precision) {
    static std::mutex mutex;
    static std::map<std::string, std::optional<Structure>> known;
    const std::string key =
        std::string(kernel) + " " + to_string(layer) + " " + to_string(precision);
    {
        const std::lock_guard lock(mutex);
        if (const auto found = known.find(key); found != known.end()) return found->second;
    }
    const std::optional<Structure> made = lowered(kernel, layer, precision);
    const std::lock_guard lock(mutex);
    return known.emplace(key, made).first->second;
}

}  // namespace mixq::kernels
