// How the words of a kernel's packed weights repeat, and how few bits of each say what it is: what storing them in w bits a weight
// and making them again on the device both follow. A packed word is a sum of weights, each at a place of its own: adding half of a
// weight's range at every place leaves plain bit fields, without borrows, and nothing in between.
#pragma once

#include <cstdint>
#include <vector>

namespace mixq::kernels::storage {

struct Word {
    // A field: word + offset, by lanes of 8, 16 or 32 bits, has no bits but these. All bits: a word stored as it is. None: a zero.
    std::uint32_t bits = 0xffff'ffff;
    std::uint32_t offset = 0;
    int lane_bits = 32;
    // Copies: the low `bits`, shifted left by each of these (right where negative) and added up. `again`: not stored, the bits are
    // those of the words with copies before it. One of the words that share their bits copies by 0.
    std::vector<int> shifts;
    bool again = false;
};

// Words, then items, `count` times.
struct Item {
    int count = 1;
    std::vector<Word> words;
    std::vector<Item> items;
};

// `units`, one after the other: filters, or groups of them, each of the same words; then a tail.
struct Structure {
    int units = 0;
    int channels = 1;  // output channels of a unit
    Item unit;         // its count is 1
    std::vector<Word> tail;
};

// A word that is the sum of signed weights of `weight_bits`, each shifted left by one of `places`, in lanes of their own.
Word weight_word(const std::vector<int>& places, int weight_bits, int lane_bits);

Word zero_word();

// A word of `field_bits` that is shifted and added up.
Word copied_word(int field_bits, std::vector<int> shifts, bool again);

// All of an item, repetitions included.
std::int64_t words_of(const Item& item);

}  // namespace mixq::kernels::storage
