// Registers of generated instructions, by the letters of the instruction table.
#include "kernels/generate/instruction.h"

#include <cstdio>
#include <stdexcept>

#include "sim/isa/operands.h"

namespace mixq::kernels::generate {

namespace {

using sim::isa::Form;

std::string hexadecimal(std::uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", value);
    return text;
}

std::uint32_t known_bits(const Insn& insn) {
    std::uint32_t bits = insn.bits;
    for (std::size_t i = 0; i < kRegisterBits.size(); ++i) {
        const Reg reg = insn.registers[i];
        if (reg.exists() && !reg.open())
            bits |= static_cast<std::uint32_t>(reg.id) << kRegisterBits[i];
    }
    return bits;
}

// The least significant bit of a letter's field, read from the pattern.
int lowest_bit(const Form& form, char letter) {
    int bit = form.width;
    int lowest = -1;
    for (const char c : form.pattern) {
        if (c == ' ') continue;
        --bit;
        if (c == letter) lowest = bit;
    }
    return lowest;
}

Reg register_of(const Insn& insn, const Form& form, char letter) {
    if (letter == sim::isa::kFixedSp) return sp;
    if (letter == sim::isa::kFixedLr) return lr;
    const int bit = lowest_bit(form, letter);
    for (std::size_t i = 0; i < kRegisterBits.size(); ++i) {
        if (kRegisterBits[i] == bit && insn.registers[i].exists()) return insn.registers[i];
    }
    return Reg{static_cast<int>(sim::isa::field(form, insn.bits, letter))};
}

// Registers of lists are never open: the decoder knows them.
void add_list(const Insn& insn, Operands& operands) {
    const sim::Instruction instruction = decoded(insn, 0);
    for (std::size_t i = 1; i < instruction.reads.size(); ++i) {
        operands.reads.push_back({Reg{instruction.reads[i].reg}, instruction.reads[i].role});
    }
    for (const sim::Register reg : instruction.writes) operands.writes.push_back(Reg{reg});
}

}  // namespace

const Form& form_of(const Insn& insn) {
    const Form* form = sim::isa::find_form(known_bits(insn), 32);
    if (form == nullptr)
        throw std::logic_error("no instruction has the encoding " + hexadecimal(known_bits(insn)));
    return *form;
}

Operands operands_of(const Insn& insn) {
    const Form& form = form_of(insn);
    Operands operands;
    const sim::isa::Detail detail = form.shape->detail;
    for (const sim::isa::Operand& read : form.shape->reads) {
        if (read.field != 0)
            operands.reads.push_back({register_of(insn, form, read.field), read.role});
    }
    for (const sim::isa::Result& write : form.shape->writes) {
        if (write.field != 0) operands.writes.push_back(register_of(insn, form, write.field));
    }
    if (detail == sim::isa::Detail::List || detail == sim::isa::Detail::ListUpdate)
        add_list(insn, operands);
    if (detail == sim::isa::Detail::BaseUpdate || detail == sim::isa::Detail::ListUpdate) {
        operands.base_update = operands.reads.front().reg;
    }
    // An operand is Shifted only where a shift is; without one the instruction is an ordinary one.
    if (detail == sim::isa::Detail::InlineShift && !decoded(insn, 0).shifted_operand) {
        for (Operands::Read& read : operands.reads) read.role = sim::Role::Normal;
    }
    return operands;
}

std::uint32_t encoding(const Insn& insn) {
    for (const Reg reg : insn.registers) {
        if (reg.open()) throw std::logic_error("an instruction still has an open register");
    }
    return known_bits(insn);
}

sim::Instruction decoded(const Insn& insn, std::uint32_t address) {
    const Form& form = form_of(insn);
    sim::Instruction instruction;
    instruction.address = address;
    instruction.size = 4;
    if (!sim::isa::fill_operands(form, known_bits(insn), instruction)) {
        throw std::logic_error("registers that make no instruction: " +
                               hexadecimal(known_bits(insn)));
    }
    return instruction;
}

std::string assembly(const Insn& insn) {
    if (!insn.symbol.empty()) {
        const sim::Instruction instruction = decoded(insn, 0);
        const bool low = instruction.mnemonic == "movw";
        return instruction.mnemonic + " r" + std::to_string(insn.registers[2].id) +
               (low ? ", #:lower16:" : ", #:upper16:") + insn.symbol;
    }
    const std::uint32_t code = encoding(insn);
    const std::uint8_t bytes[4] = {static_cast<std::uint8_t>(code >> 16),
                                   static_cast<std::uint8_t>(code >> 24),
                                   static_cast<std::uint8_t>(code),
                                   static_cast<std::uint8_t>(code >> 8)};
    static const sim::Decoder decoder;
    return ".inst.w " + hexadecimal(code) + " @ " +
           decoder.decode(0, bytes, sizeof bytes, false).text;
}

}  // namespace mixq::kernels::generate
