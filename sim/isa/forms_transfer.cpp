// The 32-bit integer loads and stores: Armv7-M Architecture Reference Manual (DDI 0403E), A5.3.5 to A5.3.10.
// A byte or halfword load to pc is a memory hint, which may not fault and writes nothing.
#include "sim/isa/shapes.h"

namespace mixq::sim::isa {

using enum traces::InstrClass;

// clang-format off
constexpr Form kTransfers[] = {
    // encoding                                mnemonic   class  flags     shape            bytes
    // Hints.
    {"11111000-001 1111 1111 iiiiiiiiiiii",    "pld",     Load,  kNoFlags, kNothing},
    {"11111000-011 1111 1111 iiiiiiiiiiii",    "pld",     Load,  kNoFlags, kNothing},
    {"11111001-001 1111 1111 iiiiiiiiiiii",    "pli",     Load,  kNoFlags, kNothing},
    {"11111001-011 1111 1111 iiiiiiiiiiii",    "pld",     Load,  kNoFlags, kNothing},
    {"111110001001 nnnn 1111 iiiiiiiiiiii",    "pld",     Load,  kNoFlags, kPrefetch},
    {"111110000001 nnnn 1111 1100 iiiiiiii",   "pld",     Load,  kNoFlags, kPrefetch},
    {"111110000001 nnnn 1111 000000ii mmmm",   "pld",     Load,  kNoFlags, kPrefetchIndex},
    {"111110001011 nnnn 1111 iiiiiiiiiiii",    "pldw",    Load,  kNoFlags, kPrefetch},
    {"111110000011 nnnn 1111 1100 iiiiiiii",   "pldw",    Load,  kNoFlags, kPrefetch},
    {"111110000011 nnnn 1111 000000ii mmmm",   "pldw",    Load,  kNoFlags, kPrefetchIndex},
    {"111110011001 nnnn 1111 iiiiiiiiiiii",    "pli",     Load,  kNoFlags, kPrefetch},
    {"111110010001 nnnn 1111 1100 iiiiiiii",   "pli",     Load,  kNoFlags, kPrefetch},
    {"111110010001 nnnn 1111 000000ii mmmm",   "pli",     Load,  kNoFlags, kPrefetchIndex},
    {"111110011011 nnnn 1111 iiiiiiiiiiii",    "pld",     Load,  kNoFlags, kPrefetch},
    {"111110010011 nnnn 1111 1100 iiiiiiii",   "pld",     Load,  kNoFlags, kPrefetch},
    {"111110010011 nnnn 1111 000000ii mmmm",   "pld",     Load,  kNoFlags, kPrefetchIndex},
    // Loads.
    {"11111000-001 1111 tttt iiiiiiiiiiii",    "ldrb",    Load,  kNoFlags, kLoadLiteral,    1},
    {"111110001001 nnnn tttt iiiiiiiiiiii",    "ldrb",    Load,  kNoFlags, kLoad,           1},
    {"111110000001 nnnn tttt 000000ii mmmm",   "ldrb",    Load,  kNoFlags, kLoadIndex,      1},
    {"111110000001 nnnn tttt 1100 iiiiiiii",   "ldrb",    Load,  kNoFlags, kLoad,           1},
    {"111110000001 nnnn tttt 1110 iiiiiiii",   "ldrbt",   Load,  kNoFlags, kLoad,           1},
    {"111110000001 nnnn tttt 1--1 iiiiiiii",   "ldrb",    Load,  kNoFlags, kLoadUpdate,     1},
    {"11111001-001 1111 tttt iiiiiiiiiiii",    "ldrsb",   Load,  kNoFlags, kLoadLiteral,    1},
    {"111110011001 nnnn tttt iiiiiiiiiiii",    "ldrsb",   Load,  kNoFlags, kLoad,           1},
    {"111110010001 nnnn tttt 000000ii mmmm",   "ldrsb",   Load,  kNoFlags, kLoadIndex,      1},
    {"111110010001 nnnn tttt 1100 iiiiiiii",   "ldrsb",   Load,  kNoFlags, kLoad,           1},
    {"111110010001 nnnn tttt 1110 iiiiiiii",   "ldrsbt",  Load,  kNoFlags, kLoad,           1},
    {"111110010001 nnnn tttt 1--1 iiiiiiii",   "ldrsb",   Load,  kNoFlags, kLoadUpdate,     1},
    {"11111000-011 1111 tttt iiiiiiiiiiii",    "ldrh",    Load,  kNoFlags, kLoadLiteral,    2},
    {"111110001011 nnnn tttt iiiiiiiiiiii",    "ldrh",    Load,  kNoFlags, kLoad,           2},
    {"111110000011 nnnn tttt 000000ii mmmm",   "ldrh",    Load,  kNoFlags, kLoadIndex,      2},
    {"111110000011 nnnn tttt 1100 iiiiiiii",   "ldrh",    Load,  kNoFlags, kLoad,           2},
    {"111110000011 nnnn tttt 1110 iiiiiiii",   "ldrht",   Load,  kNoFlags, kLoad,           2},
    {"111110000011 nnnn tttt 1--1 iiiiiiii",   "ldrh",    Load,  kNoFlags, kLoadUpdate,     2},
    {"11111001-011 1111 tttt iiiiiiiiiiii",    "ldrsh",   Load,  kNoFlags, kLoadLiteral,    2},
    {"111110011011 nnnn tttt iiiiiiiiiiii",    "ldrsh",   Load,  kNoFlags, kLoad,           2},
    {"111110010011 nnnn tttt 000000ii mmmm",   "ldrsh",   Load,  kNoFlags, kLoadIndex,      2},
    {"111110010011 nnnn tttt 1100 iiiiiiii",   "ldrsh",   Load,  kNoFlags, kLoad,           2},
    {"111110010011 nnnn tttt 1110 iiiiiiii",   "ldrsht",  Load,  kNoFlags, kLoad,           2},
    {"111110010011 nnnn tttt 1--1 iiiiiiii",   "ldrsh",   Load,  kNoFlags, kLoadUpdate,     2},
    {"11111000-101 1111 tttt iiiiiiiiiiii",    "ldr",     Load,  kNoFlags, kLoadLiteral,    4},
    {"111110001101 nnnn tttt iiiiiiiiiiii",    "ldr",     Load,  kNoFlags, kLoad,           4},
    {"111110000101 nnnn tttt 000000ii mmmm",   "ldr",     Load,  kNoFlags, kLoadIndex,      4},
    {"111110000101 nnnn tttt 1100 iiiiiiii",   "ldr",     Load,  kNoFlags, kLoad,           4},
    {"111110000101 nnnn tttt 1110 iiiiiiii",   "ldrt",    Load,  kNoFlags, kLoad,           4},
    {"111110000101 nnnn tttt 1--1 iiiiiiii",   "ldr",     Load,  kNoFlags, kLoadUpdate,     4},
    // Stores.
    {"111110001000 nnnn tttt iiiiiiiiiiii",    "strb",    Store, kNoFlags, kStore,          1},
    {"111110000000 nnnn tttt 000000ii mmmm",   "strb",    Store, kNoFlags, kStoreIndex,     1},
    {"111110000000 nnnn tttt 1100 iiiiiiii",   "strb",    Store, kNoFlags, kStore,          1},
    {"111110000000 nnnn tttt 1110 iiiiiiii",   "strbt",   Store, kNoFlags, kStore,          1},
    {"111110000000 nnnn tttt 1--1 iiiiiiii",   "strb",    Store, kNoFlags, kStoreUpdate,    1},
    {"111110001010 nnnn tttt iiiiiiiiiiii",    "strh",    Store, kNoFlags, kStore,          2},
    {"111110000010 nnnn tttt 000000ii mmmm",   "strh",    Store, kNoFlags, kStoreIndex,     2},
    {"111110000010 nnnn tttt 1100 iiiiiiii",   "strh",    Store, kNoFlags, kStore,          2},
    {"111110000010 nnnn tttt 1110 iiiiiiii",   "strht",   Store, kNoFlags, kStore,          2},
    {"111110000010 nnnn tttt 1--1 iiiiiiii",   "strh",    Store, kNoFlags, kStoreUpdate,    2},
    {"111110001100 nnnn tttt iiiiiiiiiiii",    "str",     Store, kNoFlags, kStore,          4},
    {"111110000100 nnnn tttt 000000ii mmmm",   "str",     Store, kNoFlags, kStoreIndex,     4},
    {"111110000100 nnnn tttt 1100 iiiiiiii",   "str",     Store, kNoFlags, kStore,          4},
    {"111110000100 nnnn tttt 1110 iiiiiiii",   "strt",    Store, kNoFlags, kStore,          4},
    {"111110000100 nnnn tttt 1--1 iiiiiiii",   "str",     Store, kNoFlags, kStoreUpdate,    4},
    // Exclusive.
    {"111010000100 nnnn tttt dddd iiiiiiii",   "strex",   Store, kNoFlags, kStoreExclusive, 4},
    {"111010000101 nnnn tttt 1111 iiiiiiii",   "ldrex",   Load,  kNoFlags, kLoad,           4},
    {"111010001100 nnnn tttt 1111 0100 dddd",  "strexb",  Store, kNoFlags, kStoreExclusive, 1},
    {"111010001100 nnnn tttt 1111 0101 dddd",  "strexh",  Store, kNoFlags, kStoreExclusive, 2},
    {"111010001101 nnnn tttt 1111 0100 1111",  "ldrexb",  Load,  kNoFlags, kLoad,           1},
    {"111010001101 nnnn tttt 1111 0101 1111",  "ldrexh",  Load,  kNoFlags, kLoad,           2},
    // Two words, lists. A transfer that moves the stack pointer is called push or pop.
    {"11101001-100 nnnn tttt uuuu iiiiiiii",   "strd",    Store, kNoFlags, kStoreTwo,       4},
    {"11101001-101 nnnn tttt uuuu iiiiiiii",   "ldrd",    Load,  kNoFlags, kLoadTwo,        4},
    {"1110100--110 nnnn tttt uuuu iiiiiiii",   "strd",    Store, kNoFlags, kStoreTwoUpdate, 4},
    {"1110100--111 nnnn tttt uuuu iiiiiiii",   "ldrd",    Load,  kNoFlags, kLoadTwoUpdate,  4},
    {"111010001000 nnnn rrrrrrrrrrrrrrrr",     "stm",     Store, kNoFlags, kList,           4},
    {"111010001010 nnnn rrrrrrrrrrrrrrrr",     "stm",     Store, kNoFlags, kListUpdate,     4},
    {"111010001001 nnnn rrrrrrrrrrrrrrrr",     "ldm",     Load,  kNoFlags, kList,           4},
    {"111010001011 1101 rrrrrrrrrrrrrrrr",     "pop",     Load,  kNoFlags, kStackListUpdate, 4},
    {"111010001011 nnnn rrrrrrrrrrrrrrrr",     "ldm",     Load,  kNoFlags, kListUpdate,     4},
    {"111010010000 nnnn rrrrrrrrrrrrrrrr",     "stmdb",   Store, kNoFlags, kList,           4},
    {"111010010010 1101 rrrrrrrrrrrrrrrr",     "push",    Store, kNoFlags, kStackListUpdate, 4},
    {"111010010010 nnnn rrrrrrrrrrrrrrrr",     "stmdb",   Store, kNoFlags, kListUpdate,     4},
    {"111010010001 nnnn rrrrrrrrrrrrrrrr",     "ldmdb",   Load,  kNoFlags, kList,           4},
    {"111010010011 nnnn rrrrrrrrrrrrrrrr",     "ldmdb",   Load,  kNoFlags, kListUpdate,     4},
};

// clang-format on

std::span<const Form> wide_transfers() {
    return kTransfers;
}

}  // namespace mixq::sim::isa
