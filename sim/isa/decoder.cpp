// Decoding: the row of the table that matches says everything but the text, which is Capstone's.
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <stdexcept>

#include <capstone/capstone.h>

#include "sim/isa/form.h"
#include "sim/isa/operands.h"

namespace mixq::sim {

namespace {

constexpr std::uint32_t kFirstWideOpcode =
    0x1d;                                    // bits 15 to 11 of a first halfword, DDI 0403E A5.1
constexpr std::uint16_t kItAlways = 0xbfe8;  // "it al": covers one instruction

std::uint32_t halfword(const std::uint8_t* bytes) {
    return bytes[0] | static_cast<std::uint32_t>(bytes[1]) << 8;
}

std::string encoding_text(std::uint32_t encoding, int size) {
    char text[16];
    if (size == 2) {
        std::snprintf(text, sizeof text, "%04x", encoding);
    } else {
        std::snprintf(text, sizeof text, "%04x %04x", encoding >> 16, encoding & 0xffff);
    }
    return text;
}

[[noreturn]] void fail(std::uint32_t address, const std::string& what) {
    char place[16];
    std::snprintf(place, sizeof place, "0x%08x", address);
    throw std::runtime_error(std::string(place) + ": " + what);
}

// A failed condition leaves the old value in the destination, so that is an operand too.
void make_conditional(const isa::Form& form, Instruction& instruction) {
    instruction.conditional = true;
    instruction.reads_flags = true;
    if (form.flags & isa::kSetsOutside) {
        instruction.writes_flags = false;
    }
    for (Register reg : instruction.writes) {
        const auto same = [reg](const Read& operand) { return operand.reg == reg; };
        if (std::ranges::none_of(instruction.reads, same)) {
            instruction.reads.push_back({reg, reg < kS0 ? Role::Normal : Role::FpOperand});
        }
    }
}

// Capstone marks flag-setting by what precedes, so an instruction of an IT block is shown to it behind an IT.
std::string disassemble(csh handle,
                        const Instruction& instruction,
                        const std::uint8_t* bytes,
                        bool in_it_block) {
    std::uint8_t code[6] = {kItAlways & 0xff, kItAlways >> 8};
    std::copy_n(bytes, instruction.size, code + 2);
    const std::uint8_t* const start = in_it_block ? code : code + 2;
    const std::size_t length =
        static_cast<std::size_t>(std::end(code) - start) - (4 - instruction.size);
    cs_insn* decoded = nullptr;
    const std::size_t count =
        cs_disasm(handle, start, length, instruction.address - (in_it_block ? 2 : 0), 0, &decoded);
    std::string text;
    if (count == (in_it_block ? 2 : 1)) {
        text = decoded[count - 1].mnemonic;
        if (decoded[count - 1].op_str[0] != '\0') {
            text += std::string(" ") + decoded[count - 1].op_str;
        }
    }
    cs_free(decoded, count);
    return text;
}

}  // namespace

Decoder::Decoder() {
    csh handle = 0;
    const cs_mode mode = static_cast<cs_mode>(CS_MODE_THUMB | CS_MODE_MCLASS);
    if (const cs_err error = cs_open(CS_ARCH_ARM, mode, &handle); error != CS_ERR_OK) {
        throw std::runtime_error(std::string("Capstone does not start: ") + cs_strerror(error));
    }
    handle_ = handle;
}

Decoder::~Decoder() {
    csh handle = handle_;
    cs_close(&handle);
}

Instruction Decoder::decode(std::uint32_t address,
                            const std::uint8_t* bytes,
                            std::size_t available,
                            bool in_it_block) const {
    if (available < 2) {
        fail(address, "the code ends within an instruction");
    }
    Instruction instruction;
    instruction.address = address;
    std::uint32_t encoding = halfword(bytes);
    instruction.size = encoding >> 11 >= kFirstWideOpcode ? 4 : 2;
    if (instruction.size == 4) {
        if (available < 4) {
            fail(address, "the code ends within instruction " + encoding_text(encoding, 2));
        }
        encoding = encoding << 16 | halfword(bytes + 2);
    }
    const isa::Form* const form = isa::find_form(encoding, instruction.size * 8);
    if (form == nullptr || !isa::fill_operands(*form, encoding, instruction)) {
        fail(address,
             encoding_text(encoding, instruction.size) +
                 " is not an instruction of Armv7E-M with FPv5 (sim/isa/forms_*.cpp)");
    }
    if (in_it_block) {
        make_conditional(*form, instruction);
    }
    instruction.text = disassemble(handle_, instruction, bytes, in_it_block);
    if (instruction.text.empty()) {
        instruction.text =
            instruction.mnemonic + " <" + encoding_text(encoding, instruction.size) + ">";
    }
    return instruction;
}

int it_block_length(std::uint16_t it_encoding) {
    // The lowest set bit of the mask ends the block.
    const int mask = it_encoding & 0xf;
    return (mask & 1) ? 4 : (mask & 2) ? 3 : (mask & 4) ? 2 : 1;
}

std::vector<std::string_view> known_mnemonics() {
    std::vector<std::string_view> names;
    for (std::span<const isa::Form> table : isa::all_forms()) {
        for (const isa::Form& form : table) {
            names.push_back(form.mnemonic);
        }
    }
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

}  // namespace mixq::sim
