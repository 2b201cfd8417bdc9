// Where the memory instructions of a block go, from the registers at its entry: so that no instruction has to be watched.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "sim/block.h"

namespace mixq::sim {

// How one memory instruction forms its address: base + (index << shift) + offset; then its base moves on.
struct AddressForm {
    static constexpr std::uint8_t kNone = 0xff;
    std::uint8_t base = kNone;  // none: the offset is the address
    std::uint8_t index = kNone;
    std::uint8_t shift = 0;
    std::int32_t offset = 0;
    std::int32_t update = 0;  // added to the base register
};

// False where the encoding is none that this file knows.
bool address_form(const Instruction& instruction,
                  std::span<const std::uint8_t> bytes,
                  AddressForm& form);

class AddressProgram {
  public:
    // The host's memory behind a range of guest memory; null: not plain memory.
    using Host = std::function<const std::uint8_t*(std::uint32_t address, std::uint32_t bytes)>;

    // `bytes` are the block's. `constant(address)`: whether what lies there never changes. With `loads` off no address
    // that comes out of memory is resolved.
    AddressProgram(const Block& block,
                   std::span<const std::uint8_t> bytes,
                   const Host& host,
                   const std::function<bool(std::uint32_t)>& constant,
                   bool loads);

    // One per memory instruction, in order; those of `watched` have to be filled in by somebody else.
    std::vector<Access> accesses;

    struct Watched {
        std::uint16_t access;       // index in `accesses`
        std::uint16_t instruction;  // index in the block
        AddressForm form;
    };

    std::vector<Watched> watched;
    std::vector<std::uint8_t> inputs;  // core registers to read

    // `registers`: the values of `inputs`. False where memory it needs is not plain.
    bool evaluate(const std::uint32_t* registers, const Host& host);

  private:
    enum class Code : std::uint8_t {
        Input,
        Add,
        Sub,
        ShiftLeft,
        ShiftRight,
        ShiftRightSigned,
        And,
        Multiply,
        Zero8,
        Zero16,
        Sign8,
        Sign16,
        Load8,
        Load16,
        Load32
    };

    // t[to] = t[a] op (t[b] + offset); loads read at t[a] + offset. What an operand adds is in the steps before.
    struct Step {
        Code code;
        std::uint16_t a = 0;
        std::uint16_t b = 0;
        std::int32_t offset_a = 0;
        std::int32_t offset_b = 0;
    };

    struct Value {
        bool known = false;
        std::uint16_t step = 0;
        std::int32_t offset = 0;
    };

    struct Place {
        std::uint16_t access;
        std::uint16_t step;
        std::int32_t offset;
    };

    // A load may only be read ahead of a store if they do not overlap.
    struct Guard {
        std::uint16_t load;  // its step
        std::uint16_t store;
        std::int32_t store_offset;
        std::uint8_t load_bytes;
        std::uint8_t store_bytes;
    };

    struct Builder;
    void prune();

    std::vector<Step> steps_;  // step 0 is zero
    std::vector<Place> places_;
    std::vector<Guard> guards_;
    std::vector<std::uint32_t> values_;
};

}  // namespace mixq::sim
