// Routines of generated kernels, lowered once and remembered.
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

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
    struct Known {
        std::optional<Structure> structure;
        std::string why_not;
    };

    static std::mutex mutex;
    static std::map<std::string, Known> all;
    const std::string key =
        std::string(kernel) + " " + to_string(layer) + " " + to_string(precision);
    const auto answer = [](const Known& known) {
        if (!known.why_not.empty()) throw std::runtime_error(known.why_not);
        return known.structure;
    };
    {
        const std::lock_guard lock(mutex);
        if (const auto found = all.find(key); found != all.end()) return answer(found->second);
    }
    Known known;
    try {
        known.structure = lowered(kernel, layer, precision);
    } catch (const std::runtime_error& error) {
        known.why_not = error.what();
    }
    const std::lock_guard lock(mutex);
    return answer(all.emplace(key, std::move(known)).first->second);
}

}  // namespace mixq::kernels
