// From an integer network to an ELF: choose a kernel per layer, pack, plan memory, emit sources,
// build.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/network/network.h"

namespace mixq::kernels {

enum class Target : std::uint8_t {
    Stm32f746,  // the board; semihosting for output
    Mps2An500,  // QEMU's Cortex-M7 machine, the independent referee
};

struct FirmwareLayer {
    IntegerLayer layer;
    PackedLayer packed;
    std::string why_not_faster;  // why no low-bit kernel was taken; empty if one was
    std::uint32_t code_bytes = 0;
    std::uint32_t weight_bytes = 0;
};

struct Firmware {
    std::string network;
    std::vector<FirmwareLayer> layers;
    std::filesystem::path elf;
    std::uint32_t ram_bytes = 0;  // activations, scratch, .data and .bss; without the stack
    std::uint32_t activation_bytes =
        0;  // the two activation buffers (in-place where a layer allows) and scratch
    std::uint32_t flash_bytes = 0;  // code, weights, constants
    std::string compiler;
    std::string flags;
};

// Symbols of every firmware this project emits:
//   mixq_input            the input tensor, in the first kernel's layout (see input_layout)
//   mixq_output           int32 logits, or the bytes of the last layer, planar
//   mixq_network_run      void(void): one inference from mixq_input to mixq_output
//   mixq_layer_<name>     one layer with its pooling
struct BuildOptions {
    std::filesystem::path directory;  // sources, objects and the ELF go here; made if missing
    Target target = Target::Stm32f746;
    std::string kernel =
        "best";  // one kernel for all layers, or "best": the fastest that fits each layer
    std::vector<std::uint8_t> input;  // built-in input, channel-major; zeros if empty
    int calls = 2;  // main() runs the network this often before it publishes the output and exits
};

// Throws std::runtime_error: no kernel fits a layer, memory does not fit the board, the compiler is
// missing or fails (with its first error line and the source file).
Firmware build_firmware(const IntegerNetwork& network, const BuildOptions& options);

// A channel-major image in the layout the firmware's first kernel reads.
std::vector<std::uint8_t> arrange_input(const Firmware& firmware,
                                        std::span<const std::uint8_t> image);

// One layer with seeded random weights and constants that spread the outputs over their whole
// range; `weights` chooses their distribution.
enum class WeightKind : std::uint8_t { Uniform, BellShaped, AllMinimum, AllMaximum, Alternating };
IntegerNetwork random_layer(const traces::Layer& layer,
                            traces::Precision precision,
                            WeightKind weights,
                            std::uint64_t seed);
std::vector<std::uint8_t> random_input(const IntegerLayer& layer, std::uint64_t seed);

}  // namespace mixq::kernels
