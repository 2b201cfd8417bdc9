// Code that makes words again of the pieces they are stored in: loads, rotations, masks.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "kernels/generate/code.h"
#include "kernels/storage/deposit.h"

namespace mixq::kernels::storage {

// How often constants are needed in registers, each loop counting for so many passes at most: what is innermost matters.
using Uses = std::map<std::uint32_t, double>;

class Gather {
  public:
    // `stored` points at the first of the stored words.
    Gather(generate::Reg stored, generate::Space space) : stored_(stored), space_(space) {}

    // Whether taking a piece needs its mask in a register.
    static bool masked(const Piece& piece);

    // Puts what is used most into these registers; returns those that are left.
    std::vector<generate::Reg> keep(generate::Code& code,
                                    const Uses& uses,
                                    const std::vector<generate::Reg>& registers);

    // Other stored words from here on, in other code: `offset` bytes from the register, `bytes` of them (0: whole words).
    void begin(int offset = 0, int bytes = 0);

    generate::Reg word(generate::Code& code, std::span<const Piece> pieces);
    generate::Reg constant(generate::Code& code, std::uint32_t value) const;

  private:
    generate::Reg source(generate::Code& code, int index);
    // The bits of a piece: at their places, or lower by what the second says.
    std::pair<generate::Reg, int> taken(generate::Code& code, const Piece& piece);

    generate::Reg stored_;
    generate::Space space_;
    int offset_ = 0;
    int bytes_ = 0;
    std::map<std::uint32_t, generate::Reg> constants_;
    std::vector<std::pair<int, generate::Reg>> sources_;  // in registers, latest last
};

}  // namespace mixq::kernels::storage
