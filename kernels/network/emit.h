// The sources of one firmware: the chain of calls, the constants, and the macros its kernels are
// compiled with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/network/memory_plan.h"
#include "kernels/network/network.h"
#include "kernels/storage/stored.h"
#include "kernels/strips/strips.h"

namespace mixq::kernels {

using Defines = std::vector<std::pair<std::string, std::string>>;

// The macros of kernels/device/layer.h for one layer.
Defines kernel_defines(const IntegerLayer& layer, const PackedLayer& packed, Layout output_layout);

// One layer as the emitter sees it.
struct EmittedLayer {
    const IntegerLayer* layer = nullptr;
    const PackedLayer* packed = nullptr;
    const storage::StoredWeights* stored = nullptr;  // none: the packed weights are in flash
    const strips::Strips* strips = nullptr;          // none: the kernel runs all of the layer
    Layout output_layout = Layout::Planar;
};

// Where a layer's buffers and expanded weights lie in the arena: behind the kernel's scratch, one after the other.
struct ScratchPlaces {
    std::uint32_t input_buffer = 0;
    std::uint32_t output_buffer = 0;
    std::uint32_t expanded = 0;
};

ScratchPlaces scratch_places(const EmittedLayer& entry, const LayerPlace& place);

// Of the routine that unpacks such a window of the layer's input.
std::string unpack_symbol(const std::string& layer, const strips::Window& window);

// C source: mixq_layer_<name> for every layer, mixq_network_run, and the sizes main() needs.
std::string network_source(const std::string& network,
                           std::span<const EmittedLayer> layers,
                           const MemoryPlan& memory,
                           int calls);

// Assembly source: weights and input by .incbin, multipliers and biases as words, and the arena.
// The files it includes are <layer>.weights, or <layer>.stored, and input.bin. `in_ram`: the layers' constants are copied to RAM at start-up.
std::string constants_source(const std::string& network,
                             std::span<const EmittedLayer> layers,
                             const MemoryPlan& memory,
                             bool in_ram);

// What stands above the code of a generated kernel.
std::string generated_header(const IntegerLayer& layer, const PackedLayer& packed);

// Bytes of the first tensor, and of the last one.
std::uint32_t input_bytes(const EmittedLayer& first);
std::uint32_t output_bytes(const EmittedLayer& last);

}  // namespace mixq::kernels
