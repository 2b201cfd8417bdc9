// One kernel on one layer in the simulator: built, run, compared with the reference, timed. What
// trace, bench and deploy share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/network/firmware.h"
#include "sim/image.h"
#include "sim/simulate.h"
#include "traces/record.h"

namespace mixq::tools {

// A folder of our own under the system's place for temporary files, gone with this object.
class TemporaryFolder {
  public:
    TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder();

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

struct KernelRun {
    std::string kernel;
    traces::Layer layer;
    traces::Precision precision;
};

// "slbc-deep conv3x3:32x32@16x16 w4a4"
std::string to_string(const KernelRun& run);

// A network of one layer, built with one kernel.
struct BuiltRun {
    std::string kernel;
    kernels::IntegerNetwork network;
    kernels::Firmware firmware;
    sim::Image image;
    std::vector<std::uint8_t> input;
    std::unique_ptr<TemporaryFolder> folder;
};

// A firmware in the simulator, past its start-up, ready to be called.
class RunningFirmware {
  public:
    // Throws std::runtime_error if the start-up does not end well.
    RunningFirmware(const kernels::Firmware& firmware,
                    const sim::Image& image,
                    const sim::Board& board);

    // What later timed inferences pay for, with cold caches; ideal at first.
    void set_memory(const sim::MemorySettings& settings);

    // One inference; the image is channel-major. Throws std::runtime_error if it does not come back.
    void infer(std::span<const std::uint8_t> image, bool timed);

    // The outputs of the last inference: logits, or bytes widened.
    std::vector<std::int32_t> outputs();

    // Timings of the last timed inference: one per layer, then the whole network.
    std::vector<sim::CallTiming> timings() const;

  private:
    const sim::Symbol& symbol(const char* name) const;

    const kernels::Firmware& firmware_;
    const sim::Image& image_;
    sim::Simulation simulation_;
    std::size_t timed_before_ = 0;
};

// What the reference says the outputs are.
std::vector<std::int32_t> expected_outputs(const kernels::IntegerNetwork& network,
                                           std::span<const std::uint8_t> image);
// Throws OutputDiffers naming the first element that differs.
void expect_equal(const std::vector<std::int32_t>& outputs,
                  const std::vector<std::int32_t>& expected,
                  const std::string& what);

// What memory timed runs find.
struct MemoryUse {
    bool exact =
        false;  // caches, bus and wait states as the board has them at full speed; else it answers at once
    bool constants_in_ram = false;  // weights are in the DTCM, as activations are; else in flash

    std::string text() const;  // for provenance
};

// How a layer is built; see kernels::BuildOptions.
struct LayerBuild {
    kernels::Storage storage = kernels::Storage::Bytes;
    std::optional<std::uint64_t> arena_limit;
    std::optional<std::uint64_t> max_activations;
    std::vector<kernels::Storage> activations;  // of input and output; bytes if empty
    bool other_kernels =
        false;  // strips that the kernel cannot run within the limits, the fastest by schedule that can does
};

// Builds and times runs on one board. Objects that all firmware shares are compiled once. May be
// used from several threads.
class Measurement {
  public:
    // Throws std::invalid_argument for an unknown board.
    Measurement(const std::string& board, std::uint64_t seed, MemoryUse memory = {});

    const sim::Board& board() const { return board_; }

    // Weights and inputs are random, of the seed.
    BuiltRun build(const KernelRun& run) const;
    // Throws kernels::StorageRefused, and std::runtime_error for what a limit does not allow.
    BuiltRun build(const std::string& kernel,
                   const kernels::IntegerLayer& layer,
                   const LayerBuild& how = {}) const;

    // Twice timed; the record is the second's. Throws OutputDiffers if the outputs are not the
    // reference's.
    traces::Record simulate(const BuiltRun& run) const;

    // Builds for QEMU and compares its outputs with the reference. Throws OutputDiffers, or
    // std::runtime_error if QEMU is not installed.
    void check_in_qemu(const KernelRun& run) const;

  private:
    const sim::Board& board_;
    std::uint64_t seed_;
    MemoryUse memory_;
    TemporaryFolder shared_;
};

// A firmware of next to nothing: what lies beside tensors, weights and code is the same in every one.
kernels::Firmware smallest_firmware(const Measurement& measurement);

}  // namespace mixq::tools
