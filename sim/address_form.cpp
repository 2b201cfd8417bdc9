// Addressing modes from the encodings: DDI 0403E A5.2.4 to A5.3.7 and A7.5.
#include <bit>

#include "sim/address_program.h"

namespace mixq::sim {

namespace {

constexpr std::uint8_t kPcRegister = 15;

std::int32_t words(unsigned count) {
    return static_cast<std::int32_t>(4 * count);
}

// pc reads as the instruction's address plus 4, in a literal load rounded down to a word.
AddressForm based(const Instruction& instruction, unsigned base, std::int32_t offset) {
    AddressForm form;
    if (base == kPcRegister) {
        form.offset = static_cast<std::int32_t>(((instruction.address + 4) & ~3u)) + offset;
    } else {
        form.base = static_cast<std::uint8_t>(base);
        form.offset = offset;
    }
    return form;
}

bool narrow_form(const Instruction& instruction, unsigned code, AddressForm& form) {
    const unsigned base = code >> 3 & 7;
    const unsigned five = code >> 6 & 31;
    const unsigned eight = code & 0xff;
    switch (code >> 12) {
        case 4:
            form = based(instruction, kPcRegister, words(eight));
            return (code >> 11 & 1) != 0;
        case 5:
            form = based(instruction, base, 0);
            form.index = static_cast<std::uint8_t>(code >> 6 & 7);
            return true;
        case 6:
            form = based(instruction, base, words(five));
            return true;
        case 7:
            form = based(instruction, base, static_cast<std::int32_t>(five));
            return true;
        case 8:
            form = based(instruction, base, static_cast<std::int32_t>(2 * five));
            return true;
        case 9:
            form = based(instruction, kSp, words(eight));
            return true;
        case 11: {
            const auto count = static_cast<unsigned>(std::popcount(code & 0x1ff));
            const bool pop = (code >> 11 & 1) != 0;
            form = based(instruction, kSp, pop ? 0 : -words(count));
            form.update = pop ? words(count) : -words(count);
            return (code & 0xf600) == 0xb400;
        }
        case 12: {
            form = based(instruction, code >> 8 & 7, 0);
            const bool updates = !instruction.base_update.empty();
            form.update = updates ? words(static_cast<unsigned>(std::popcount(eight))) : 0;
            return true;
        }
        default:
            return false;
    }
}

// LDM, STM, LDRD, STRD, exclusives and table branches.
bool multiple_form(const Instruction& instruction,
                   unsigned first,
                   unsigned second,
                   AddressForm& form) {
    const unsigned base = first & 15;
    const bool updates = (first >> 5 & 1) != 0;
    if ((first & 0x40) == 0) {
        const std::int32_t bytes = words(static_cast<unsigned>(std::popcount(second)));
        const bool down = (first >> 8 & 1) != 0;
        form = based(instruction, base, down ? -bytes : 0);
        form.update = updates ? (down ? -bytes : bytes) : 0;
        return true;
    }
    const bool before = (first >> 8 & 1) != 0;
    const std::int32_t offset =
        (first >> 7 & 1) != 0 ? words(second & 0xff) : -words(second & 0xff);
    if (before || updates) {
        form = based(instruction, base, before ? offset : 0);
        form.update = updates ? offset : 0;
        return true;
    }
    if ((first & 0xfff0) == 0xe8d0 && (second & 0xffe0) == 0xf000) {
        form = based(instruction, base, 0);
        if (base == kPcRegister) form.offset = static_cast<std::int32_t>(instruction.address + 4);
        form.index = static_cast<std::uint8_t>(second & 15);
        form.shift = static_cast<std::uint8_t>(second >> 4 & 1);
        return true;
    }
    // Exclusives: of a word with an offset, of bytes and half-words without one.
    form = based(instruction, base, (first & 0x80) != 0 ? 0 : words(second & 0xff));
    return true;
}

bool single_form(const Instruction& instruction,
                 unsigned first,
                 unsigned second,
                 AddressForm& form) {
    const unsigned base = first & 15;
    const bool up = (first >> 7 & 1) != 0;
    const auto twelve = static_cast<std::int32_t>(second & 0xfff);
    if (base == kPcRegister || up) {
        form = based(instruction, base, up ? twelve : -twelve);
        return true;
    }
    if ((second & 0x800) != 0) {
        const auto eight = static_cast<std::int32_t>(second & 0xff);
        const std::int32_t offset = (second & 0x200) != 0 ? eight : -eight;
        form = based(instruction, base, (second & 0x400) != 0 ? offset : 0);
        form.update = (second & 0x100) != 0 ? offset : 0;
        return true;
    }
    form = based(instruction, base, 0);
    form.index = static_cast<std::uint8_t>(second & 15);
    form.shift = static_cast<std::uint8_t>(second >> 4 & 3);
    return (second & 0xfc0) == 0;
}

bool fp_form(const Instruction& instruction, unsigned first, unsigned second, AddressForm& form) {
    const std::int32_t bytes = words(second & 0xff);
    const bool before = (first >> 8 & 1) != 0;
    const bool up = (first >> 7 & 1) != 0;
    const bool updates = (first >> 5 & 1) != 0;
    const bool single = before && !updates;
    form = based(instruction, first & 15, single ? (up ? bytes : -bytes) : (up ? 0 : -bytes));
    form.update = updates ? (up ? bytes : -bytes) : 0;
    return true;
}

}  // namespace

bool address_form(const Instruction& instruction,
                  std::span<const std::uint8_t> bytes,
                  AddressForm& form) {
    form = AddressForm{};
    const unsigned first = bytes[0] | bytes[1] << 8;
    if (instruction.size == 2) return narrow_form(instruction, first, form);
    const unsigned second = bytes[2] | bytes[3] << 8;
    if ((first & 0xfe00) == 0xe800) return multiple_form(instruction, first, second, form);
    if ((first & 0xfe00) == 0xf800) return single_form(instruction, first, second, form);
    if ((first & 0xfe00) == 0xec00) return fp_form(instruction, first, second, form);
    return false;
}

}  // namespace mixq::sim
