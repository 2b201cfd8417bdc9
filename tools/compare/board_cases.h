// Programs that somebody measured on a board and published, run from the files a user has of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/board.h"
#include "sim/cores/core.h"
#include "sim/memory_system.h"

namespace mixq::tools {

// One row of traces/board/<board>/mlperf_tiny.csv or assembly.csv.
struct BoardCase {
    std::string id;
    std::string board;  // its folder: the board of the simulator that stands for it
    std::string quantity;
    double cycles = 0;  // measured
    std::string source;
    std::string conditions;
    std::string code;          // where the program is published
    std::uint32_t base = 0;    // of a raw image
    std::string entry;         // address of the measured function, or symbol of an ELF
    bool calibration = false;  // parameters have been fitted to it
    bool no_wait_states = false;
};

// What the simulator is taken to be: a core and a board, either of which may differ from the real ones.
struct Variation {
    std::string name;
    std::function<void(sim::Parameters&)> parameters = nullptr;
    std::function<void(sim::Core&)> core = nullptr;
    std::function<void(sim::Board&, sim::MemorySettings&)> memory = nullptr;
    bool ideal_memory = false;
};

struct CaseResult {
    BoardCase fact;
    std::vector<double> simulated;  // one per variation; empty where it was not run
    std::string why_not;            // then
    std::uint64_t instructions = 0;
    double wall_s = 0;

    double error(std::size_t variation = 0) const {
        return (simulated.at(variation) - fact.cycles) / fact.cycles;
    }
};

// All cases of all boards, in the order of the files' names. Throws std::runtime_error for a bad file.
std::vector<BoardCase> read_board_cases(const std::filesystem::path& boards);

// Runs a case from `images`/<id>.bin or <id>.elf under each variation at once. A file that is not there is a case not
// run; a program that fails throws std::runtime_error.
//
// A raw image is set up as its start-up code would leave memory: its .data copied, its .bss zero, by the addresses that
// the start-up code of ST's libraries keeps behind its reset handler. The function is called twice and the second call
// counts. An ELF has functions run_case and run_empty, without arguments; the case is the difference of their second calls.
CaseResult run_board_case(const BoardCase& fact,
                          const std::filesystem::path& images,
                          const std::vector<Variation>& variations);

}  // namespace mixq::tools
