// From an integer network to an ELF: choose a kernel per layer, pack, plan memory, emit sources,
// build.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/network/memory_plan.h"
#include "kernels/network/network.h"
#include "kernels/storage/stored.h"
#include "kernels/strips/strips.h"

namespace mixq::kernels {

enum class Target : std::uint8_t {
    Stm32f746,  // the board; semihosting for output
    Mps2An500,  // QEMU's Cortex-M7 machine, the independent referee
};

// How a layer's weights lie in flash, or a tensor of activations in RAM.
enum class Storage : std::uint8_t {
    Bytes,  // as kernels read them: a byte an activation, often several bytes a weight
    Bits,  // in about as many bits as they have. Weights are expanded into RAM when the layer runs; layers that read or write such a
           // tensor run in strips (see kernels/strips)
};

std::string_view name(Storage storage);

// Why a layer's weights cannot be stored in bits, with the sizes.
struct StorageRefused : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Of the target's memory.
std::uint64_t flash_bytes_of(Target target);

struct FirmwareLayer {
    IntegerLayer layer;
    PackedLayer packed;
    std::string why_not_faster;  // why no low-bit kernel was taken; empty if one was
    std::uint32_t code_bytes = 0;
    std::uint32_t weight_bytes = 0;  // in flash
    // Of Storage::Bits; code_bytes are with those of the expansion.
    std::optional<storage::StoredWeights> stored;
    std::optional<generate::Lowered> expansion;  // one call
    // Of a layer that reads or writes a tensor of Storage::Bits, or that takes too much RAM at once; code_bytes are with those of the
    // copies.
    std::optional<strips::Strips> strips;
    std::vector<generate::Lowered> copies;  // mixq_unpack_..., mixq_pack_...

    // What one call of the kernel runs, and how often it is called for all of the layer and all of its weights.
    const IntegerLayer& run() const { return strips ? strips->layer : layer; }

    int runs() const { return strips ? strips->count : 1; }

    // Of a generated kernel: what one call of its routine executes, exactly, and what its schedule says the layer takes (see
    // generate/routine.h).
    std::optional<traces::Counts> counts;
    double scheduled_cycles = 0;
};

struct Firmware {
    std::string network;
    std::vector<FirmwareLayer> layers;
    std::filesystem::path elf;
    std::uint32_t ram_bytes = 0;  // activations, scratch, .data and .bss; without the stack
    std::uint32_t activation_bytes =
        0;  // the two activation buffers (in-place where a layer allows) and scratch
    std::uint32_t flash_bytes = 0;  // code, weights, constants
    std::uint32_t code_bytes = 0;   // of flash_bytes
    MemoryPlan memory;              // offsets in the symbol mixq_arena
    std::string compiler;
    std::string flags;
};

// The kernel for one layer, and why it is not a faster one.
struct Choice {
    std::string kernel;
    std::string why_not_faster;
};

// Of the kernels that are there to be deployed, the one whose best packing of these weights has the cheapest schedule; where none
// fits, the first of slbc-deep, simd-int8 and naive that does. Throws std::runtime_error if none does.
Choice choose_by_schedule(const IntegerLayer& layer,
                          std::uint64_t most_scratch = ~std::uint64_t{0});

// Why a kernel cannot run a layer with these weights; empty if it can.
std::optional<std::string> refusal(const std::string& kernel, const IntegerLayer& layer);

// The packing a kernel prefers, or where that needs more than `most_scratch` bytes of scratch, the cheapest by estimate that does
// not. Throws std::runtime_error where none does, saying how much would do, or where no packing holds the weights.
PackedLayer pack_within(const Kernel& kernel,
                        const IntegerLayer& layer,
                        std::uint64_t most_scratch);

// Symbols of every firmware this project emits:
//   mixq_input            the input tensor, in the first kernel's layout (see arrange_input); later
//                         layers overwrite it: write it before every call of mixq_network_run
//   mixq_output           int32 logits, or the bytes of the last layer, planar (or their bits, see arranged_output)
//   mixq_network_run      void(void): one inference from mixq_input to mixq_output
//   mixq_layer_<name>     one layer with its pooling
struct BuildOptions {
    std::filesystem::path directory;  // sources, objects and the ELF go here; made if missing
    Target target = Target::Stm32f746;
    std::string kernel =
        "best";  // one kernel for all layers, or "best": the fastest that fits each layer
    std::function<Choice(const IntegerLayer&)> choose;  // for "best"; choose_by_schedule if empty
    std::vector<Storage> storage;  // of each layer's weights; all in bytes if empty
    // Of each tensor: the input, then every layer's output; all in bytes if empty. Logits and 8 bits are bytes in any case.
    std::vector<Storage> activations;
    // What activations, scratch and expanded weights may take; as much as the target has if empty. Weights are expanded a part of
    // the output channels after the other where all of them would take more.
    std::optional<std::uint64_t> arena_limit;
    std::vector<std::uint8_t> input;  // built-in input, channel-major; zeros if empty
    int calls = 2;  // main() runs the network this often before it publishes the output and exits
    // Where objects that are the same in every firmware are kept between builds; empty: in
    // `directory`.
    std::filesystem::path shared_objects;
    int parallel = 2;  // layers packed, scheduled and compiled at once
    // What input, output, buffers and scratch of one layer may take, in bytes; none: what the target's RAM leaves beside the stack.
    // Layers in strips then take as little as the largest of them can without costing much (10 %); with a limit, what is fastest.
    std::optional<std::uint64_t> max_activations;
    bool constants_in_ram = false;  // weights, multipliers and biases are copied to RAM at start-up
};

// Throws std::runtime_error: no kernel fits a layer, memory does not fit the board, the compiler is
// missing or fails (with its first error line and the source file).
Firmware build_firmware(const IntegerNetwork& network, const BuildOptions& options);

// Why the weights of a layer made ready by this kernel cannot be stored in bits; empty if they can.
std::optional<std::string> storage_refusal(const PackedLayer& packed);

// A channel-major image as it lies in mixq_input: in the layout the firmware's first kernel reads, perhaps in bits.
std::vector<std::uint8_t> arrange_input(const Firmware& firmware,
                                        std::span<const std::uint8_t> image);

// What mixq_output holds as bytes, or words of logits.
std::vector<std::uint8_t> arranged_output(const Firmware& firmware,
                                          std::span<const std::uint8_t> output);

// The bytes of mixq_output as main() printed them. Throws std::runtime_error if they are not there.
std::vector<std::uint8_t> printed_output(std::string_view console);

// One layer with seeded random weights and constants that spread the outputs over their whole
// range; `weights` chooses their distribution.
enum class WeightKind : std::uint8_t { Uniform, BellShaped, AllMinimum, AllMaximum, Alternating };
IntegerNetwork random_layer(const traces::Layer& layer,
                            traces::Precision precision,
                            WeightKind weights,
                            std::uint64_t seed);
std::vector<std::uint8_t> random_input(const IntegerLayer& layer, std::uint64_t seed);

}  // namespace mixq::kernels
