// What must come before what in straight-line code, and by how many cycles: registers, flags and memory.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/generate/schedule.h"

namespace mixq::kernels::generate {

struct Edge {
    int node = 0;
    int distance = 0;  // fewest cycles from issue to issue; 0: they may share one, in this order
};

struct Node {
    std::uint32_t traits = 0;   // sim::Trait
    std::uint32_t denies = 0;   // traits a younger one may not have beside it
    int issue = 1;              // issue cycles
    std::uint32_t address = 0;  // of its access, where its base is known; else of an assumed one
    std::vector<Edge> before;
    std::vector<Edge> after;
    std::vector<std::pair<int, int>> values;  // open values it mentions, from 0, and how often
    double path = 0;  // cycles from its issue to the end along the longest way
};

struct Dependences {
    std::vector<Node> nodes;
    std::vector<int> mentions;  // of each open value
};

Dependences dependences(const Straight& straight);

// A bound no order can beat: issue width, multiplies with stores, the older slot, load ports.
double least_cycles(const Dependences& graph, Ending ending);

// Whether code[from] may be moved so that it stands at `to`. Registers are fixed.
bool may_move(const std::vector<Insn>& code, int from, int to);

// Where each access of the code goes, if every base register begins in its own part of the DTCM with the phase given. Values of
// registers that are loaded or computed otherwise count as aligned to 8.
std::vector<std::uint32_t> assumed_addresses(const Straight& straight,
                                             const std::vector<Insn>& code,
                                             int passes = 1);

}  // namespace mixq::kernels::generate
