// Which memory `run` simulates: none beyond the core (fast) or the board's, as the program or the user sets it up (exact).
#pragma once

#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "sim/simulate.h"

namespace mixq::tools {

struct MemoryOptions {
    std::optional<std::string> mode;  // "exact" or "fast"
    sim::MemoryOverrides overrides;

    bool overrides_any() const;
};

void add_memory_options(CLI::App& command, MemoryOptions& options);

// What a run pays for memory, and how it came about.
class RunMemory {
  public:
    // `start_up`: code of the program runs that sets caches and flash up; without it they are taken to be all on, as
    // start-up code leaves them. A board whose memories are not described is simulated in fast mode, with a word on
    // stderr, unless exact was asked for. Throws std::invalid_argument for options that do not go together.
    RunMemory(const MemoryOptions& options, const sim::Board& board, bool start_up);

    void apply(sim::Simulation& simulation) const;

    // After the run: "memory exact: I-cache on, D-cache off, 7 wait states (set by the program)".
    std::string text(const sim::Simulation& simulation) const;
    // The value of provenance.memory: "ideal", or the settings in words.
    std::string word(const sim::Simulation& simulation) const;
    // mode, settings, where each came from, and what missed.
    nlohmann::json to_json(const sim::Simulation& simulation) const;

  private:
    MemoryOptions options_;
    const sim::Board& board_;
    bool exact_;
    bool start_up_;
};

}  // namespace mixq::tools
