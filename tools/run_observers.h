// What `run` shows beyond totals: hotspots, annotated disassembly, and traces for viewers.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "sim/simulate.h"

namespace mixq::tools {

struct ObserverOptions {
    bool hotspots = false;
    bool annotate = false;
    std::string annotated;  // function; empty: the most expensive one
    std::string perfetto;   // files; empty: none
    std::string speedscope;
};

void add_observer_options(CLI::App& command, ObserverOptions& options);

// Listens to a simulation's timed runs where an option asks for it; costs nothing otherwise.
class RunObservers {
  public:
    RunObservers(const ObserverOptions& options, const sim::Image& image, const sim::Board& board);
    ~RunObservers();

    void attach(sim::Simulation& simulation);
    // Writes the files, and the tables to `out` (null: none). Throws std::runtime_error for a function that did not run.
    void report(std::FILE* out) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mixq::tools
