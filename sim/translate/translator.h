// Translates blocks of Thumb code to the host's, as far as it knows the instructions, and finds them again. Everything
// else is the emulator's: what a block cannot do, it leaves undone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "sim/block.h"
#include "sim/translate/translation.h"

namespace mixq::sim {

// A piece of plain memory.
struct PlainMemory {
    std::uint32_t address = 0;
    std::uint32_t bytes = 0;
    std::uint8_t* memory = nullptr;  // null: there is none
    bool constant = false;           // the program cannot write there
};

class Translator {
  public:
    struct Host {
        // Around an address.
        std::function<PlainMemory(std::uint32_t address)> memory;
        // A block that begins outside any IT block; throws for what is no code.
        std::function<const Block&(std::uint32_t address, std::uint32_t size)> block;
        // Reads or writes a peripheral; false where there is none. Must not throw.
        std::function<bool(std::uint32_t address, unsigned bytes, bool write, std::uint32_t& value)>
            peripheral;
    };

    // Throws std::runtime_error where the host is none that can be translated for.
    explicit Translator(Host host);
    ~Translator();

    static bool available();

    // The block that begins at an address, translated now if it is new; its code is null where it cannot be. Never
    // throws. Valid until the next call.
    Translation& find(std::uint32_t address);

    // The block that comes after another one.
    Translation& next(Translation& from, std::uint32_t address) {
        if (from.next_address == address && from.next->memory == nullptr) return *from.next;
        return find_next(from, address);
    }

    // Forgets everything: constant memory or the blocks have changed.
    void forget();

    GuestState state;

  private:
    Translation& find_next(Translation& from, std::uint32_t address);

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mixq::sim
