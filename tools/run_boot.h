// What `run` needs to start real firmware: raw images, USARTs, and memory that the user sets up.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "sim/board.h"
#include "sim/image.h"
#include "sim/machine.h"

namespace mixq::tools {

struct BootOptions {
    std::string base;
    std::vector<std::string> uart;
    std::vector<std::string> copy;
    std::vector<std::string> zero;
    std::string sp;
    std::uint64_t max_cycles = 0;
    bool strict = false;
    bool interrupts = false;

    // Memory is set up by hand instead of by start-up code.
    bool by_hand() const { return !copy.empty() || !zero.empty() || !sp.empty(); }
};

void add_boot_options(CLI::App& command, BootOptions& options);

// An ELF, or a raw image where a base is given. Throws std::runtime_error for what is neither.
sim::Image load_image(const std::string& path, const BootOptions& options);

// Throws std::runtime_error for a raw image whose initial stack pointer is in no memory of the board: it would not start.
void check_vectors(const sim::Image& image, const sim::Board& board, const BootOptions& options);

// Does what the options say to a machine that has not run yet; keeps its USARTs connected.
class Boot {
  public:
    // What nobody connected is printed to `out`, a prefix before each line. Throws std::invalid_argument for a
    // malformed option.
    Boot(const BootOptions& options,
         sim::Machine& machine,
         const sim::Board& board,
         std::FILE* out);
    ~Boot();

    // Writes what went to files.
    void finish();

  private:
    struct Wire;
    void connect(const std::string& option, sim::Machine& machine, std::FILE* out);

    bool rest_connected_ = false;
    std::vector<std::unique_ptr<Wire>> wires_;
};

nlohmann::json unknown_registers(sim::Machine& machine);

}  // namespace mixq::tools
