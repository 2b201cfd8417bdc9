// What firmware is made of on disk: emitted and generated sources, their objects, the ELF.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "kernels/network/firmware.h"

namespace mixq::kernels {

// What layer i writes: the layout its reader's kernel wants. A fully connected layer flattens [channel][row][column], and so does
// whoever reads the output of the last layer.
Layout output_layout(std::span<const FirmwareLayer> layers, std::size_t i);

// Into the folder of the options, which is there; generates the kernels, and says what they execute. `script`: for the linker.
void write_sources(Firmware& firmware,
                   const BuildOptions& options,
                   std::span<const std::uint8_t> input,
                   const std::string& script);

// Compiles and links them; measures what the result takes. Throws std::runtime_error with the compiler's first error.
void build_sources(Firmware& firmware, const BuildOptions& options);

}  // namespace mixq::kernels
