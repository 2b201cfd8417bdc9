#include "sim/isa/operands.h"

#include <algorithm>
#include <bit>

namespace mixq::sim::isa {

namespace {

constexpr int kSingles = 32;
constexpr std::uint32_t kThumbPcOffset = 4;  // pc reads as the instruction's address plus 4

std::int32_t sign_extend(std::uint32_t value, int bits) {
    return static_cast<std::int32_t>(value << (32 - bits)) >> (32 - bits);
}

// Fills one instruction; its members are the row, the bits and what is being filled.
class Filler {
  public:
    Filler(const Form& form, std::uint32_t encoding, Instruction& instruction)
        : form_(form), encoding_(encoding), out_(instruction) {}

    bool fill() {
        fill_registers();
        fill_flags();
        fill_memory();
        return fill_detail();
    }

  private:
    std::uint32_t bits(char letter) const { return field(form_, encoding_, letter); }

    Register core(char letter) const {
        switch (letter) {
            case kFixedSp:
                return kSp;
            case kFixedLr:
                return kLr;
            default:
                return static_cast<Register>(bits(letter));
        }
    }

    Register single(char letter) const {
        if (letter == kNextSingle) {
            return single('m') + 1;
        }
        const char fifth_bit = static_cast<char>(letter - 'a' + 'A');
        return static_cast<Register>(kS0 + bits(letter) * 2 + bits(fifth_bit));
    }

    Register first_of_double(char letter) const {
        return static_cast<Register>(kS0 + bits(letter) * 2);
    }

    void read(Register reg, Role role) {
        if (reg != kPc) {
            out_.reads.push_back({reg, role});
        }
    }

    // A write of pc is a branch.
    void write(Register reg) {
        if (reg == kPc) {
            branch_by_write();
        } else if (std::ranges::find(out_.writes, reg) == out_.writes.end()) {
            out_.writes.push_back(reg);
        }
    }

    void branch_by_write() {
        const bool load = form_.access_bytes != 0;
        const bool from_stack = !out_.reads.empty() && out_.reads[0].reg == kSp;
        const bool move_of_lr =
            form_.mnemonic == "mov" && !out_.reads.empty() && out_.reads[0].reg == kLr;
        const bool returns = (load && from_stack) || move_of_lr;
        out_.branch = returns ? BranchKind::Return : BranchKind::Indirect;
    }

    void fill_registers();
    void fill_flags();
    void fill_memory();
    bool fill_detail();
    void fill_shift();
    bool fill_list(Register base, std::uint32_t registers, bool update);
    bool fill_fp_list(bool update);
    void fill_branch();
    void fill_status();
    void direct(BranchKind kind, std::int32_t offset, bool conditional);

    const Form& form_;
    std::uint32_t encoding_;
    Instruction& out_;
};

void Filler::fill_registers() {
    for (const Operand& operand : form_.shape->reads) {
        if (operand.field == 0) {
            break;
        }
        switch (operand.bank) {
            case Bank::Core:
                read(core(operand.field), operand.role);
                break;
            case Bank::Single:
                read(single(operand.field), operand.role);
                break;
            case Bank::Double:
                read(first_of_double(operand.field), operand.role);
                read(first_of_double(operand.field) + 1, operand.role);
                break;
        }
    }
    for (const Result& result : form_.shape->writes) {
        if (result.field == 0) {
            break;
        }
        switch (result.bank) {
            case Bank::Core:
                write(core(result.field));
                break;
            case Bank::Single:
                write(single(result.field));
                break;
            case Bank::Double:
                write(first_of_double(result.field));
                write(first_of_double(result.field) + 1);
                break;
        }
    }
}

void Filler::fill_flags() {
    const FlagUse use = form_.flags;
    out_.reads_flags = use & kUses;
    out_.writes_flags = (use & kSets) || ((use & kSetsByBit) && bits('s')) || (use & kSetsOutside);
}

void Filler::fill_memory() {
    if (form_.access_bytes == 0) {
        return;
    }
    const bool store = form_.instr_class == traces::InstrClass::Store;
    out_.memory = store ? Memory::Store : Memory::Load;
    out_.access_bytes = form_.access_bytes;
    const auto is_data = [](const Operand& operand) { return operand.role == Role::StoreData; };
    const auto is_named = [](const Result& result) { return result.field != 0; };
    const auto count = store ? std::ranges::count_if(form_.shape->reads, is_data)
                             : std::ranges::count_if(form_.shape->writes, is_named);
    out_.access_count = static_cast<std::uint8_t>(std::max<std::ptrdiff_t>(count, 1));
    out_.multiple = out_.access_bytes * out_.access_count > 4;
}

// The early shifter: a register moved by LSL #0 does not use it; RRX takes the carry flag in.
void Filler::fill_shift() {
    constexpr std::uint32_t kRotateRight = 3;
    const std::uint32_t amount = bits('i');
    const std::uint32_t type = bits('y');
    out_.shifted_operand = amount != 0 || type != 0;
    if (!out_.shifted_operand) {
        for (Read& operand : out_.reads) {
            operand.role = Role::Normal;
        }
    } else if (type == kRotateRight && amount == 0) {
        out_.reads_flags = true;
    }
}

bool Filler::fill_list(Register base, std::uint32_t registers, bool update) {
    if (registers == 0 || base == kPc) {
        return false;
    }
    const bool load = form_.instr_class == traces::InstrClass::Load;
    for (Register reg = 0; reg <= kPc; ++reg) {
        if ((registers >> reg & 1) && load) {
            write(reg);
        } else if (registers >> reg & 1) {
            read(reg, Role::StoreData);
        }
    }
    if (load && (registers >> kPc & 1)) {
        out_.branch = BranchKind::Return;
    }
    if (update && !(load && (registers >> base & 1))) {
        out_.base_update.push_back(base);
    }
    out_.access_count = static_cast<std::uint8_t>(std::popcount(registers));
    out_.multiple = out_.access_count > 1;
    return true;
}

bool Filler::fill_fp_list(bool update) {
    const std::uint32_t words = bits('i');
    const bool doubles = form_.access_bytes == 8;
    const std::uint32_t registers =
        doubles ? words / 2 * 2 : words;  // an odd count is FLDMX's, obsolete
    const Register first = doubles ? first_of_double('d') : single('d');
    if (registers == 0 || first - kS0 + registers > kSingles || (update && core('n') == kPc)) {
        return false;
    }
    for (std::uint32_t i = 0; i < registers; ++i) {
        if (form_.instr_class == traces::InstrClass::Load) {
            write(static_cast<Register>(first + i));
        } else {
            read(static_cast<Register>(first + i), Role::StoreData);
        }
    }
    if (update) {
        out_.base_update.push_back(core('n'));
    }
    out_.access_count = static_cast<std::uint8_t>(doubles ? registers / 2 : registers);
    out_.multiple = registers > 1;
    return true;
}

void Filler::direct(BranchKind kind, std::int32_t offset, bool conditional) {
    out_.branch = kind;
    out_.target = out_.address + kThumbPcOffset + static_cast<std::uint32_t>(offset);
    out_.conditional = conditional;
}

// Offsets: DDI 0403E A7.7.12 (B, encodings T1 to T4), A7.7.18 (BL), A7.7.21 (CBZ).
void Filler::fill_branch() {
    const std::uint32_t sign = encoding_ >> 26 & 1;
    const std::uint32_t j1 = encoding_ >> 13 & 1;
    const std::uint32_t j2 = encoding_ >> 11 & 1;
    const std::uint32_t low = encoding_ & 0x7ff;
    switch (form_.shape->detail) {
        case Detail::BranchNarrowConditional:
            direct(BranchKind::Direct, sign_extend(bits('i') << 1, 9), true);
            break;
        case Detail::BranchNarrow:
            direct(BranchKind::Direct, sign_extend(bits('i') << 1, 12), false);
            break;
        case Detail::BranchWideConditional: {
            const std::uint32_t high = encoding_ >> 16 & 0x3f;
            const std::uint32_t offset = sign << 20 | j2 << 19 | j1 << 18 | high << 12 | low << 1;
            direct(BranchKind::Direct, sign_extend(offset, 21), true);
            break;
        }
        case Detail::BranchWide:
        case Detail::BranchCall: {
            const std::uint32_t high = encoding_ >> 16 & 0x3ff;
            const std::uint32_t i1 = (j1 ^ sign) ^ 1;
            const std::uint32_t i2 = (j2 ^ sign) ^ 1;
            const std::uint32_t offset = sign << 24 | i1 << 23 | i2 << 22 | high << 12 | low << 1;
            const bool call = form_.shape->detail == Detail::BranchCall;
            direct(call ? BranchKind::Call : BranchKind::Direct, sign_extend(offset, 25), false);
            break;
        }
        case Detail::BranchCompare:
            direct(BranchKind::Direct, static_cast<std::int32_t>(bits('i') << 1), true);
            break;
        case Detail::BranchRegister:
            out_.branch = core('m') == kLr ? BranchKind::Return : BranchKind::Indirect;
            break;
        case Detail::CallRegister:
            out_.branch = BranchKind::Call;
            break;
        default:
            out_.branch = BranchKind::Indirect;
            break;
    }
}

// Special registers, DDI 0403E B5.1.1: 0 to 3 hold APSR; 8 is the main stack pointer, which is sp here (no
// program uses the process stack pointer).
void Filler::fill_status() {
    constexpr std::uint32_t kMainStackPointer = 8;
    const std::uint32_t special = bits('i');
    const bool holds_flags = special < 4;
    if (form_.shape->detail == Detail::ReadStatus) {
        out_.reads_flags = holds_flags;
        if (special == kMainStackPointer) {
            read(kSp, Role::Normal);
        }
    } else {
        out_.writes_flags = holds_flags && bits('j') != 0;
        if (special == kMainStackPointer) {
            write(kSp);
        }
    }
}

bool Filler::fill_detail() {
    constexpr std::uint32_t kFirstRotated = 4;  // of i:imm3; below are the replicated patterns
    switch (form_.shape->detail) {
        case Detail::None:
            return true;
        case Detail::InlineShift:
            fill_shift();
            return true;
        case Detail::ModifiedConstant:
            out_.shifted_constant = bits('c') >> 8 >= kFirstRotated;
            return true;
        case Detail::BaseUpdate:
            if (core('n') == kPc) {
                return false;
            }
            out_.base_update.push_back(core('n'));
            return true;
        case Detail::List:
            return fill_list(core('n'), bits('r'), false);
        case Detail::ListUpdate:
            return fill_list(core(form_.shape->reads[0].field), bits('r'), true);
        case Detail::NarrowLoadList:
            return fill_list(core('n'), bits('r'), true);
        case Detail::PushList:
            return fill_list(kSp, bits('r') | bits('l') << kLr, true);
        case Detail::PopList:
            return fill_list(kSp, bits('r') | bits('l') << kPc, true);
        case Detail::FpList:
            return fill_fp_list(false);
        case Detail::FpListUpdate:
            return fill_fp_list(true);
        case Detail::ReadStatus:
        case Detail::WriteStatus:
            fill_status();
            return true;
        case Detail::FpFlags:
            // Rt = 15 names the flags.
            out_.writes_flags = core('t') == kPc;
            out_.branch = BranchKind::None;
            return true;
        default:
            fill_branch();
            return true;
    }
}

}  // namespace

bool fill_operands(const Form& form, std::uint32_t encoding, Instruction& instruction) {
    instruction.mnemonic = form.mnemonic;
    instruction.instr_class = form.instr_class;
    return Filler(form, encoding, instruction).fill();
}

}  // namespace mixq::sim::isa
