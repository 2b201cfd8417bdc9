// The 16-bit encodings: Armv7-M Architecture Reference Manual (DDI 0403E), A5.2 and A7.7.
#include "sim/isa/shapes.h"

namespace mixq::sim::isa {

using enum traces::InstrClass;

// clang-format off
constexpr Form kNarrow[] = {
    // encoding              mnemonic  class   flags                shape            bytes
    {"00000 00000 mmm ddd",  "mov",    Sisd,   kSetsOutside,        kRd_Rm},
    {"00000 iiiii mmm ddd",  "lsl",    Bitop,  kSetsOutside,        kRd_Rm},
    {"00001 iiiii mmm ddd",  "lsr",    Bitop,  kSetsOutside,        kRd_Rm},
    {"00010 iiiii mmm ddd",  "asr",    Bitop,  kSetsOutside,        kRd_Rm},
    {"0001100 mmm nnn ddd",  "add",    Sisd,   kSetsOutside,        kRd_Rn_Rm},
    {"0001101 mmm nnn ddd",  "sub",    Sisd,   kSetsOutside,        kRd_Rn_Rm},
    {"0001110 iii nnn ddd",  "add",    Sisd,   kSetsOutside,        kRd_Rn},
    {"0001111 iii nnn ddd",  "sub",    Sisd,   kSetsOutside,        kRd_Rn},
    {"00100 ddd iiiiiiii",   "mov",    Sisd,   kSetsOutside,        kRd},
    {"00101 nnn iiiiiiii",   "cmp",    Sisd,   kSets,               kRn},
    {"00110 ddd iiiiiiii",   "add",    Sisd,   kSetsOutside,        kRdn},
    {"00111 ddd iiiiiiii",   "sub",    Sisd,   kSetsOutside,        kRdn},
    {"0100000000 mmm ddd",   "and",    Bitop,  kSetsOutside,        kRdn_Rm},
    {"0100000001 mmm ddd",   "eor",    Bitop,  kSetsOutside,        kRdn_Rm},
    {"0100000010 mmm ddd",   "lsl",    Bitop,  kSetsOutside,        kRdn_Rm},
    {"0100000011 mmm ddd",   "lsr",    Bitop,  kSetsOutside,        kRdn_Rm},
    {"0100000100 mmm ddd",   "asr",    Bitop,  kSetsOutside,        kRdn_Rm},
    {"0100000101 mmm ddd",   "adc",    Sisd,   kSetsOutside|kUses,  kRdn_Rm},
    {"0100000110 mmm ddd",   "sbc",    Sisd,   kSetsOutside|kUses,  kRdn_Rm},
    {"0100000111 mmm ddd",   "ror",    Bitop,  kSetsOutside,        kRdn_Rm},
    {"0100001000 mmm nnn",   "tst",    Sisd,   kSets,               kRn_Rm},
    {"0100001001 nnn ddd",   "rsb",    Sisd,   kSetsOutside,        kRd_Rn},
    {"0100001010 mmm nnn",   "cmp",    Sisd,   kSets,               kRn_Rm},
    {"0100001011 mmm nnn",   "cmn",    Sisd,   kSets,               kRn_Rm},
    {"0100001100 mmm ddd",   "orr",    Bitop,  kSetsOutside,        kRdn_Rm},
    {"0100001101 nnn ddd",   "mul",    Sisd,   kSetsOutside,        kMulNarrow},
    {"0100001110 mmm ddd",   "bic",    Bitop,  kSetsOutside,        kRdn_Rm},
    {"0100001111 mmm ddd",   "mvn",    Bitop,  kSetsOutside,        kRd_Rm},
    {"01000100 d mmmm ddd",  "add",    Sisd,   kNoFlags,            kRdn_Rm},
    {"01000101 n mmmm nnn",  "cmp",    Sisd,   kSets,               kRn_Rm},
    {"01000110 d mmmm ddd",  "mov",    Sisd,   kNoFlags,            kRd_Rm},
    {"010001110 mmmm 000",   "bx",     Branch, kNoFlags,            kBranchRegister},
    {"010001111 mmmm 000",   "blx",    Branch, kNoFlags,            kCallRegister},
    {"01001 ttt iiiiiiii",   "ldr",    Load,   kNoFlags,            kLoadLiteral,    4},
    {"0101000 mmm nnn ttt",  "str",    Store,  kNoFlags,            kStoreIndex,     4},
    {"0101001 mmm nnn ttt",  "strh",   Store,  kNoFlags,            kStoreIndex,     2},
    {"0101010 mmm nnn ttt",  "strb",   Store,  kNoFlags,            kStoreIndex,     1},
    {"0101011 mmm nnn ttt",  "ldrsb",  Load,   kNoFlags,            kLoadIndex,      1},
    {"0101100 mmm nnn ttt",  "ldr",    Load,   kNoFlags,            kLoadIndex,      4},
    {"0101101 mmm nnn ttt",  "ldrh",   Load,   kNoFlags,            kLoadIndex,      2},
    {"0101110 mmm nnn ttt",  "ldrb",   Load,   kNoFlags,            kLoadIndex,      1},
    {"0101111 mmm nnn ttt",  "ldrsh",  Load,   kNoFlags,            kLoadIndex,      2},
    {"01100 iiiii nnn ttt",  "str",    Store,  kNoFlags,            kStore,          4},
    {"01101 iiiii nnn ttt",  "ldr",    Load,   kNoFlags,            kLoad,           4},
    {"01110 iiiii nnn ttt",  "strb",   Store,  kNoFlags,            kStore,          1},
    {"01111 iiiii nnn ttt",  "ldrb",   Load,   kNoFlags,            kLoad,           1},
    {"10000 iiiii nnn ttt",  "strh",   Store,  kNoFlags,            kStore,          2},
    {"10001 iiiii nnn ttt",  "ldrh",   Load,   kNoFlags,            kLoad,           2},
    {"10010 ttt iiiiiiii",   "str",    Store,  kNoFlags,            kStoreSp,        4},
    {"10011 ttt iiiiiiii",   "ldr",    Load,   kNoFlags,            kLoadSp,         4},
    {"10100 ddd iiiiiiii",   "adr",    Sisd,   kNoFlags,            kRd},
    {"10101 ddd iiiiiiii",   "add",    Sisd,   kNoFlags,            kRd_Sp},
    {"101100000 iiiiiii",    "add",    Sisd,   kNoFlags,            kSp_Sp},
    {"101100001 iiiiiii",    "sub",    Sisd,   kNoFlags,            kSp_Sp},
    {"101100 i 1 iiiii nnn", "cbz",    Branch, kNoFlags,            kBranchCompare},
    {"101110 i 1 iiiii nnn", "cbnz",   Branch, kNoFlags,            kBranchCompare},
    {"1011001000 mmm ddd",   "sxth",   Bitop,  kNoFlags,            kRd_Rm},
    {"1011001001 mmm ddd",   "sxtb",   Bitop,  kNoFlags,            kRd_Rm},
    {"1011001010 mmm ddd",   "uxth",   Bitop,  kNoFlags,            kRd_Rm},
    {"1011001011 mmm ddd",   "uxtb",   Bitop,  kNoFlags,            kRd_Rm},
    {"1011010 l rrrrrrrr",   "push",   Store,  kNoFlags,            kPush,           4},
    {"10110110011 i ----",   "cps",    Sisd,   kNoFlags,            kNothing},
    {"1011101000 mmm ddd",   "rev",    Bitop,  kNoFlags,            kEarlyRm},
    {"1011101001 mmm ddd",   "rev16",  Bitop,  kNoFlags,            kEarlyRm},
    {"1011101011 mmm ddd",   "revsh",  Bitop,  kNoFlags,            kEarlyRm},
    {"1011110 l rrrrrrrr",   "pop",    Load,   kNoFlags,            kPop,            4},
    {"10111110 iiiiiiii",    "bkpt",   Sisd,   kNoFlags,            kNothing},
    {"10111111 0001 0000",   "yield",  Sisd,   kNoFlags,            kNothing},
    {"10111111 0010 0000",   "wfe",    Sisd,   kNoFlags,            kNothing},
    {"10111111 0011 0000",   "wfi",    Sisd,   kNoFlags,            kNothing},
    {"10111111 0100 0000",   "sev",    Sisd,   kNoFlags,            kNothing},
    {"10111111 ---- 0000",   "nop",    Sisd,   kNoFlags,            kNothing},  // other hints execute as NOP
    {"10111111 iiii iiii",   "it",     Sisd,   kNoFlags,            kNothing},
    {"11000 nnn rrrrrrrr",   "stm",    Store,  kNoFlags,            kListUpdate,     4},
    {"11001 nnn rrrrrrrr",   "ldm",    Load,   kNoFlags,            kNarrowLoadList, 4},
    {"11011110 iiiiiiii",    "udf",    Sisd,   kNoFlags,            kNothing},
    {"11011111 iiiiiiii",    "svc",    Sisd,   kNoFlags,            kNothing},
    {"1101 ---- iiiiiiii",   "b",      Branch, kUses,               kBranchNarrowConditional},
    {"11100 iiiiiiiiiii",    "b",      Branch, kNoFlags,            kBranchNarrow},
};

// clang-format on

std::span<const Form> narrow_forms() {
    return kNarrow;
}

}  // namespace mixq::sim::isa
