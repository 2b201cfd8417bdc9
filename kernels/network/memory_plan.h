// Where the tensors of a chain lie: one arena, filled from both ends.
//
//   tensor 0  |#####                 |     input of layer 0
//   tensor 1  |              ########|     its output, and input of layer 1
//   tensor 2  |######                |     and so on; scratch lies in the gap between
//
// A tensor lives from the layer that writes it to the layer that reads it, so two of them and the
// scratch of that layer are all that is live at once. Pooling happens in place.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mixq::kernels {

struct LayerMemory {
    std::uint32_t input_bytes = 0;   // what it reads: after the pooling of the layer before
    std::uint32_t output_bytes = 0;  // what it writes: before its own pooling
    std::uint32_t scratch_bytes = 0;
};

struct LayerPlace {  // offsets in the arena, multiples of 8
    std::uint32_t input = 0;
    std::uint32_t output = 0;
    std::uint32_t scratch = 0;
};

struct MemoryPlan {
    std::uint32_t arena_bytes = 0;
    std::vector<LayerPlace> layers;
};

MemoryPlan plan_memory(std::span<const LayerMemory> layers);

}  // namespace mixq::kernels
