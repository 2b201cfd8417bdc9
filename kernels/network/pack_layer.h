// One layer of a firmware made ready: its kernel, its packing, the rows of its strips, within the RAM there is.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/network/firmware.h"

namespace mixq::kernels {

// Of an element of a layer's input and output, as they lie in RAM.
struct Bits {
    int input = 8;
    int output = 8;

    bool bytes() const { return input == 8 && output == 8; }
};

// `activations`: see BuildOptions.
Bits stored_bits(const IntegerLayer& layer,
                 std::span<const Storage> activations,
                 std::size_t index);

// A layer made ready, in one of the ways it can be run.
struct Ready {
    FirmwareLayer entry;
    double cycles = 0;        // by schedules, of layers in strips; to compare ways with each other
    std::uint64_t arena = 0;  // that the layer takes by itself
};

// All rows that strips of the layer may have; all of the layer at once where its tensors are bytes and there is the RAM. `most`: bytes of RAM for the layer's tensors,
// buffers and scratch. Throws std::runtime_error naming the layer, where no kernel, or not the one that is asked for, can run it.
std::vector<Ready> ready_layer(const IntegerLayer& layer,
                               const BuildOptions& options,
                               std::uint64_t most,
                               Bits bits);

// One way for each layer: the fastest, or without a limit the fastest of those that do not take more than the largest layer has to,
// which pays some cycles for it (10 %).
std::vector<FirmwareLayer> settled(std::vector<std::vector<Ready>> layers, bool limited);

// What a layer takes in the arena. Its scratch: the kernel's, the buffers of strips, expanded weights, each a multiple of 8.
LayerMemory memory_of(const FirmwareLayer& entry);

}  // namespace mixq::kernels
