// From straight-line code with open registers to the order and registers in which it runs fastest: a list scheduler that reads the
// core's table (sim/cores) and is judged by the same engine that times programs (sim/pipeline_engine). What it says a block costs
// is what the simulator charges for it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/generate/instruction.h"

namespace mixq::kernels::generate {

enum class Scheduling : std::uint8_t {
    List,       // reordered for the core
    AsWritten,  // registers are given, the order stays: what packing alone brings
};

// How the code is left.
enum class Ending : std::uint8_t {
    Falls,    // into what follows
    Repeats,  // BNE to its own beginning: judged in the steady state
    Returns,  // BNE to somewhere before it
};

struct Straight {
    std::vector<Insn> code;
    std::vector<Reg>
        pool;  // what open values may use; none of them holds anything when the code begins or is read after it
    Ending ending = Ending::Falls;
    // Of r0..sp, the address modulo 8 when the code begins: decides which TCM bank an access goes to.
    std::array<std::uint8_t, 16> phase{};
};

struct Scheduled {
    std::vector<Insn> code;  // no open registers; without the branch
    double cycles = 0;       // of one pass, the branch included: predicted and taken
};

// Deterministic. Remembers what it has scheduled before; may be used from several threads. Throws std::logic_error where the pool
// is too small for the code even in the order written.
Scheduled schedule(const Straight& straight, Scheduling how);

// The cycles of code without open registers.
double cycles_of(const Straight& straight);

}  // namespace mixq::kernels::generate
