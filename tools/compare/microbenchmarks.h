// Timing facts a board was measured to have, and the same facts read off our own probes in the
// simulator.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/image.h"
#include "sim/simulate.h"

namespace mixq::tools {

// One row of traces/board/<board>/microbenchmarks.csv.
struct BoardFact {
    std::string id;
    std::string quantity;
    std::string unit;
    double value = 0;
    std::string source;
    std::string probe;  // file under kernels/probes; empty: none
};

// The fact beside what the simulator says.
struct Comparison {
    BoardFact fact;
    std::optional<double> simulated;  // empty: not modelled
    std::string why_not;              // reason, where not modelled

    // (simulated - board) / board. Throws std::logic_error where not modelled.
    double relative_error() const;
    bool exact() const;
};

// A public measurement that is not run here.
struct NotRun {
    std::string_view id;
    std::string_view reason;
};

// Beside kernels/, wherever that is: traces/board/<board>/microbenchmarks.csv. Throws
// std::invalid_argument for a board without measurements, std::runtime_error for a bad file.
std::filesystem::path board_facts_path(std::string_view board);
// Small kernels of ours with the cycles that the rules give them, by hand: nobody measured these.
std::filesystem::path laws_path();
std::vector<BoardFact> read_board_facts(const std::filesystem::path& path);

// Why the simulator of a board has no answer to this fact; empty if it has one.
std::optional<std::string> why_not_modelled(const BoardFact& fact, const sim::Board& board);

// All probes in one ELF in `directory`. Throws std::runtime_error if the compiler is missing or
// fails.
std::filesystem::path build_probes(std::string_view board, const std::filesystem::path& directory);

// Runs the probes of every fact that is modelled. Throws std::runtime_error for a fact without
// probe or a probe that does not return.
std::vector<Comparison> compare_facts(const std::vector<BoardFact>& facts,
                                      const sim::Image& probes,
                                      const sim::Board& board);

// A fact read off the cycles that `loop` gives one iteration of a probe's function. Empty where it gives none, or where the
// fact is about branches.
std::optional<double> value_of_loops(
    const BoardFact& fact,
    const std::function<std::optional<double>(const std::string& function)>& loop);

std::vector<NotRun> cases_not_run();

}  // namespace mixq::tools
