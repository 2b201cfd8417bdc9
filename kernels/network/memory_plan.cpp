// Plans the arena of a chain of layers.
#include "kernels/network/memory_plan.h"

#include <algorithm>

namespace mixq::kernels {

namespace {

std::uint32_t rounded(std::uint32_t bytes) {
    return (bytes + 7) / 8 * 8;
}

// `low_parity`: tensors t with t % 2 == low_parity lie at the low end. A tensor at the high end
// starts where its unpooled form started, so only a low one gives back what its pooling freed.
MemoryPlan plan_with(std::span<const LayerMemory> layers, std::size_t low_parity) {
    MemoryPlan plan;
    const auto is_low = [&](std::size_t tensor) { return tensor % 2 == low_parity; };
    // What tensor t takes from its end of the arena while layer t reads it.
    const auto taken_as_input = [&](std::size_t tensor) {
        const std::uint32_t written =
            tensor == 0 ? layers[0].input_bytes : layers[tensor - 1].output_bytes;
        return rounded(is_low(tensor) ? layers[tensor].input_bytes : written);
    };
    for (std::size_t i = 0; i < layers.size(); ++i) {
        plan.arena_bytes = std::max(
            plan.arena_bytes,
            taken_as_input(i) + rounded(layers[i].output_bytes) + rounded(layers[i].scratch_bytes));
    }
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const std::uint32_t input = taken_as_input(i);
        const std::uint32_t output = rounded(layers[i].output_bytes);
        LayerPlace place;
        place.input = is_low(i) ? 0 : plan.arena_bytes - input;
        place.output = is_low(i + 1) ? 0 : plan.arena_bytes - output;
        place.scratch = is_low(i) ? input : output;
        plan.layers.push_back(place);
    }
    return plan;
}

}  // namespace

MemoryPlan plan_memory(std::span<const LayerMemory> layers) {
    MemoryPlan first = plan_with(layers, 0);
    MemoryPlan second = plan_with(layers, 1);
    return second.arena_bytes < first.arena_bytes ? second : first;
}

}  // namespace mixq::kernels
