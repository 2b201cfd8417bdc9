// One simulated run of one kernel on one layer: what the cost model is fitted on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "traces/counts.h"
#include "traces/layer.h"
#include "traces/precision.h"

namespace mixq::traces {

// Where a number comes from. Runs that differ in any of these are different measurements.
struct Provenance {
    std::string tool;      // "mixq-sim 0.1.0"
    std::string compiler;  // first line of arm-none-eabi-gcc --version
    std::string flags;     // its flags for the kernel
    std::string core;      // "cortex_m7"
    std::string board;     // "stm32f746"
    std::uint64_t clock_hz = 0;
    std::string memory;      // what the memory system was taken to be, such as "ideal"
    std::string elf_sha256;  // of the image that ran
    std::uint64_t seed = 0;  // of its weights and inputs
};

struct Record {
    std::string kernel;
    Layer layer;
    Precision precision;
    Counts counts;             // retired instructions by class
    std::uint64_t cycles = 0;  // of the steady call: the second, with a warm branch predictor
    std::uint64_t issue_cycles =
        0;  // in which at least one instruction issued; the rest are stalls
    // Of generated kernels: what the schedule of their routine says; 0 for kernels a compiler translated.
    double scheduled_cycles = 0;
    std::uint64_t code_bytes = 0;
    std::uint64_t weight_bytes = 0;   // packed, as they lie in flash
    std::uint64_t scratch_bytes = 0;  // RAM beside input and output
    Provenance provenance;

    double mac_per_cycle() const {
        return cycles == 0 ? 0.0 : static_cast<double>(layer.macs()) / static_cast<double>(cycles);
    }
};

// Throws std::runtime_error with file and line where a record cannot be read.
std::vector<Record> read_records(const std::filesystem::path& path);
void write_records(const std::filesystem::path& path, const std::vector<Record>& records);

}  // namespace mixq::traces
