// Pieces of rp-conv's code that know how fields lie in the packed accumulator: emptying it, and reading the sums.
#pragma once

#include <span>
#include <vector>

#include "kernels/generate/code.h"
#include "kernels/packed_conv/plan.h"

namespace mixq::kernels::packed_conv {

constexpr generate::Space kSumSpace = 1;

// A packed accumulator: the word its carry comes from, and the one it goes to. Of whole words (8-bit fields) the carry is the
// exchange of the two.
struct Accumulator {
    generate::Reg lo;
    generate::Reg hi;
};

// A 32-bit value, or a signed half of one.
struct Sum {
    generate::Reg reg;

    enum : std::uint8_t { Whole, Bottom, Top } part = Whole;
};

// Adds the complete fields to the sums at `at`.
void empty(generate::Code& code, const Plan& plan, const Accumulator& accumulator, generate::At at);

// Sets accumulators to their biases before a row; `constants` is where a group's constants lie.
void start(generate::Code& code,
           const Plan& plan,
           std::span<const Accumulator> accumulators,
           generate::At constants);

// Takes the upper fields over to the next strip. `exchange`: the two words of an accumulator may exchange their registers.
void carry(generate::Code& code,
           const Plan& plan,
           std::span<Accumulator> accumulators,
           generate::At constants,
           bool exchange);

// The sums of all fields of one strip of one row, as far as they are wanted.
std::vector<Sum> read_sums(generate::Code& code,
                           const Plan& plan,
                           generate::At at,
                           const std::vector<bool>& wanted);

}  // namespace mixq::kernels::packed_conv
