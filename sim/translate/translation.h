// What translated code and the machine around it share: the registers, and a block's code with what it notes as it runs.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/block.h"

namespace mixq::sim {

struct GuestState {
    std::array<std::uint32_t, 16> registers{};  // pc's place is not used
    std::uint8_t negative = 0;                  // flags, each 0 or 1
    std::uint8_t zero = 0;
    std::uint8_t carry = 0;
    std::uint8_t overflow = 0;
    std::uint8_t saturated = 0;
};

// Where one memory instruction went the last time: the next access there needs no search.
struct AccessSlot {
    std::uint32_t base = 0;
    std::uint32_t limit = 0;  // offsets from the base below this are good
    std::uint8_t* memory = nullptr;
    std::uint32_t block_address =
        0;                          // of the code it is in, which it may not change while that runs
    std::uint32_t block_bytes = 0;  // 0: that code is in memory that never changes
    std::uint8_t bytes = 0;
    bool write = false;
    bool is_signed = false;
    bool multiple = false;
};

// Returns the address to go on at. Its lowest bit is set where the instruction there has to be left to the emulator,
// before it has done anything.
using TranslatedCode = std::uint32_t (*)(GuestState*);

struct Translation {
    TranslatedCode code = nullptr;  // null: a block that cannot be translated
    std::uint32_t address = 0;
    std::uint32_t size = 0;
    bool may_skip = false;       // some access is conditional
    std::span<Access> accesses;  // written as the block runs
    std::span<Division> divisions;
    const Block* block = nullptr;
    std::uint32_t instructions = 0;
    const std::uint8_t* memory = nullptr;  // where the code lies, if it may change
    std::vector<std::uint8_t> bytes;       // and what it was when it was translated
    std::uint32_t next_address = 1;        // where it went the last times, and what is there
    Translation* next = nullptr;
    std::uint32_t other_address = 1;
    Translation* other = nullptr;
};

// The address that an access notes where its condition failed.
constexpr std::uint32_t kNotAccessed = 0xffff'ffff;

}  // namespace mixq::sim
