// Finds what an instruction reads and writes by changing registers and flags one at a time, and compares that
// with what the decoder says.
#pragma once

#include <random>
#include <set>
#include <string>

#include "sim/isa/instruction.h"
#include "tests/sim/isa_machine.h"

namespace mixq::sim::testing {

struct Encoding {
    std::uint32_t bits = 0;
    int size = 0;
    int it_condition = 16;  // below 16: executed in an IT block
};

// What an instruction uses, as the decoder says or as it was seen.
struct Uses {
    std::set<Register> reads;
    std::set<Register> writes;  // with the base update
    bool reads_flags = false;
    bool writes_flags = false;
};

// What the decoder says. In an IT block it also names old destinations, which only pass through: left out here.
Uses declared_uses(const Instruction& instruction, const Instruction& unconditional);

struct Verdict {
    bool executed = false;  // without exception in every state
    std::string wrong;      // seen and not declared; empty: nothing
    std::string not_seen;   // declared and not seen; empty: nothing
};

class Proof {
  public:
    explicit Proof(std::uint32_t seed, OneInstruction::Core core = OneInstruction::Core::CortexM7)
        : machine_(core), random_(seed) {}

    // Tries `states` base states, and more while something declared was not seen.
    Verdict examine(const Encoding& encoding,
                    const Instruction& instruction,
                    const Uses& declared,
                    int states);

  private:
    struct Trial {
        State before;
        Outcome after;
    };

    std::uint32_t make_value(Register reg, int kind);
    std::uint32_t other_value(Register reg, int kind, std::uint32_t value);
    State make_state(int kind);
    Trial run(const State& before);
    void examine_state(int kind);
    void look_for_reads(const Trial& base, int kind);

    OneInstruction machine_;
    std::mt19937 random_;
    // Of the instruction under examination.
    Encoding encoding_;
    Uses declared_;
    bool addresses_ = false;  // registers must hold addresses
    bool targets_ = false;    // of code
    std::uint32_t place_ = 0;
    std::uint32_t exclusive_load_ = 0;  // its LDREX, without which a STREX stores nothing; 0: none
    Uses seen_;
    std::string undeclared_;
    bool executed_ = true;
};

}  // namespace mixq::sim::testing
