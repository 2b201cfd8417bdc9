// Where the bits of words go among as few stored words as hold them, so that a rotation and a mask take most of them out again.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace mixq::kernels::storage {

// Bits of a word that lie in one stored word: (stored rotated right) & bits.
struct Piece {
    int word = 0;
    int source = 0;
    int rotate = 0;
    std::uint32_t bits = 0;
};

struct Deposit {
    int sources = 0;            // stored words: all bits of each but the last are used
    std::vector<Piece> pieces;  // in the order of words
};

// `masks`: the bits of every word that are stored. The last stored word is used as far up as a multiple of `granule` bits needs, 8,
// 16 or 32.
Deposit deposit(std::span<const std::uint32_t> masks, int granule = 32);

}  // namespace mixq::kernels::storage
