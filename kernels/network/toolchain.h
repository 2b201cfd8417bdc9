// The Arm compiler and QEMU as functions: device sources in, objects and an ELF out, and a run of
// it in the independent emulator. No shell in between; programs are found on PATH.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mixq::kernels {

// Where the device sources lie: MIXQ_DEVICE_DIR, else ../share/mixq-sim/kernels beside the program,
// else the source tree this was built from. Throws std::runtime_error if none of them is there.
std::filesystem::path device_directory();

struct Compiler {
    std::filesystem::path path;
    std::string version;  // first line of --version
};

// MIXQ_CC, else arm-none-eabi-gcc on PATH; asked once per process. Throws std::runtime_error that
// says what to install.
const Compiler& find_compiler();

// What every device source is compiled with, as one line for provenance.
std::string compiler_flags();

struct CompileJob {
    std::filesystem::path source;  // .c, .s or .S (preprocessed)
    std::filesystem::path object;
    std::vector<std::pair<std::string, std::string>> defines;
    std::vector<std::filesystem::path>
        include_directories;         // beside device_directory() and its parent
    std::vector<std::string> flags;  // beside compiler_flags(); a later one wins
};

// Compiles all of them, a few at a time. Returns what the compiler said (warnings) per job. Throws
// std::runtime_error with the first error line and the source file; no object is left of that job.
std::vector<std::string> compile(std::span<const CompileJob> jobs, int parallel = 2);

// Links objects with the compiler driver: only these, the linker script and libgcc. Throws
// std::runtime_error with the first error line.
void link(std::span<const std::filesystem::path> objects,
          const std::filesystem::path& linker_script,
          const std::filesystem::path& elf);

// One section of an object or ELF that takes up memory.
struct Section {
    std::string name;
    std::uint32_t address = 0;
    std::uint32_t bytes = 0;
    bool writable = false;
    bool executable = false;
    bool has_content = false;  // false: .bss and the like
};

// In file order. Throws std::runtime_error if the file is not a whole 32-bit little-endian ELF.
std::vector<Section> read_sections(const std::filesystem::path& path);

struct ObjectSize {
    std::uint64_t code = 0;      // executable sections
    std::uint64_t constant = 0;  // read-only data
    std::uint64_t data = 0;      // initialised, writable
    std::uint64_t bss = 0;       // zeroed
};

ObjectSize object_size(const std::filesystem::path& path);

// What a program that ran to its end, or to the timeout, left behind.
struct ProgramRun {
    std::string output;  // stdout
    std::string errors;  // stderr
    int exit_code = 0;   // 128 + signal if a signal ended it
    bool timed_out = false;
};

// Throws std::runtime_error if it cannot be started. Killed after `timeout`.
ProgramRun run_program(const std::filesystem::path& program,
                       const std::vector<std::string>& arguments,
                       std::chrono::milliseconds timeout);

// A program of this name on PATH, or at this path if it has a slash.
std::optional<std::filesystem::path> find_program(std::string_view name);

// Runs an image built for Target::Mps2An500 (kernels/network/firmware.h) in qemu-system-arm: an
// emulator that shares nothing with ours. Nothing if QEMU is not installed.
std::optional<ProgramRun> run_in_qemu(const std::filesystem::path& elf,
                                      std::chrono::milliseconds timeout = std::chrono::milliseconds{
                                          60000});

}  // namespace mixq::kernels
