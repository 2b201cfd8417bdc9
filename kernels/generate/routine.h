// A kernel as a structure of straight code and counted loops. Every trip count is a number, so what it executes is known without
// running it: instruction counts are exact, cycles are the sum of what its pieces cost.
//
//   Routine routine("mixq_kernel_conv1");           // r0 input, r1 output, r2 scratch, as kernels/device/layer.h has it
//   Code setup; setup.address(r5, "mixq_weights_conv1");
//   routine.body().straight(setup, {r3});
//   Body& rows = routine.body().loop(16, r7, "rows");
//   rows.straight(code, {r8, r9, r10, r11, r12, lr});
//   const Lowered lowered = lower(routine, Scheduling::List);
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/generate/code.h"
#include "kernels/generate/schedule.h"
#include "traces/counts.h"

namespace mixq::kernels::generate {

// Words of the stack frame lie in a space of their own.
constexpr Space kStackSpace = 1000;

// A word of the routine's stack frame, at an offset from sp.
struct Slot {
    int offset = 0;
};

class Body {
  public:
    // Runs once. `pool`: registers its open values may use. `phase`: addresses modulo 8 of base registers (see Straight);
    // all 0 if empty.
    void straight(const Code& code, std::vector<Reg> pool, std::array<std::uint8_t, 16> phase = {});

    // Runs `count` times, 1 or more; the counter, a register or a word of the stack, counts down. Code that changes the flags
    // may not end its body. A loop of one pass costs nothing.
    Body& loop(int count, Reg counter, const std::string& what);
    Body& loop(int count, Slot counter, std::vector<Reg> pool, const std::string& what);
    // Runs until a pointer that its body moves meets another: `count` times.
    Body& loop_until(int count, Reg pointer, Reg end, const std::string& what);

    struct Part;  // a piece of straight code, or a loop

    const std::vector<std::unique_ptr<Part>>& parts() const { return parts_; }

    Body();
    ~Body();
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;

  private:
    Body& add_loop(int count, const std::string& what);

    std::vector<std::unique_ptr<Part>> parts_;
};

struct Body::Part {
    Straight code;  // where count is 0
    int values = 0;
    int count = 0;
    std::string what;
    Code step;  // counts, and sets the flags
    std::vector<Reg> step_pool;
    std::unique_ptr<Body> body;
};

class Routine {
  public:
    explicit Routine(std::string symbol) : symbol_(std::move(symbol)) {}

    const std::string& symbol() const { return symbol_; }

    Body& body() { return body_; }

    const Body& body() const { return body_; }

    // A word of the stack frame; a multiple of 8 first.
    Slot slot();

    int frame_bytes() const { return frame_bytes_; }

  private:
    std::string symbol_;
    Body body_;
    int frame_bytes_ = 0;
};

struct Lowered {
    std::string symbol;
    std::string assembly;  // a source for the assembler, in a section of its own
    std::uint32_t code_bytes = 0;
    traces::Counts counts;  // of one call, return included: exact
    double cycles = 0;  // of one call from warm predictors, with memory that answers at once: close
};

// What is known of a routine without scheduling anything: fast enough to choose among many.
struct Estimate {
    traces::Counts counts;  // exact, but for the fillers that align loops
    double cycles =
        0;  // what the core's units allow at best (see least_cycles), and the mispredicted end of every loop
    std::uint32_t code_bytes = 0;
};

Estimate estimate(const Routine& routine);

// Schedules every piece. Throws std::logic_error where a pool is too small.
Lowered lower(const Routine& routine, Scheduling how);

}  // namespace mixq::kernels::generate
