// 32-bit encodings, Armv7-M ARM (DDI 0403E) A5.3.
#include "sim/isa/instruction.h"
#include "sim/translate/thumb_op.h"

namespace mixq::sim {

namespace {

constexpr std::uint8_t kNone = ThumbOp::kNone;

std::uint32_t field(std::uint32_t value, unsigned low, unsigned bits) {
    return value >> low & ((1u << bits) - 1);
}

std::uint8_t nibble(std::uint32_t value, unsigned low) {
    return static_cast<std::uint8_t>(value >> low & 15);
}

// No operand of data processing may be pc here; sp only where it is added to or subtracted from.
bool plain(std::uint8_t reg) {
    return reg == kNone || reg < kPc;
}

bool plain(const ThumbOp& op) {
    return plain(op.d) && plain(op.n) && plain(op.m) && plain(op.a);
}

// The operations that shifted registers and modified constants share.
bool data_processing(ThumbOp& op, std::uint32_t which, bool flags, std::uint8_t n, std::uint8_t d) {
    op.sets_flags = flags;
    op.n = n;
    op.d = d;
    const bool no_result = d == kPc && flags;
    const bool no_operand = n == kPc;
    switch (which) {
        case 0:
            op.act = no_result ? Act::Test : Act::And;
            break;
        case 1:
            op.act = Act::Clear;
            break;
        case 2:
            op.act = no_operand ? Act::Move : Act::Or;
            break;
        case 3:
            op.act = no_operand ? Act::MoveNot : Act::OrNot;
            break;
        case 4:
            op.act = no_result ? Act::TestEqual : Act::Xor;
            break;
        case 8:
            op.act = no_result ? Act::CompareNegative : Act::Add;
            break;
        case 10:
            op.act = Act::AddCarry;
            break;
        case 11:
            op.act = Act::SubtractCarry;
            break;
        case 13:
            op.act = no_result ? Act::Compare : Act::Subtract;
            break;
        case 14:
            op.act = Act::ReverseSubtract;
            break;
        default:
            return false;
    }
    const bool may_lack_result = op.act == Act::Test || op.act == Act::TestEqual ||
                                 op.act == Act::CompareNegative || op.act == Act::Compare;
    if (may_lack_result) op.d = kNone;
    if (op.act == Act::Move || op.act == Act::MoveNot) op.n = kNone;
    return plain(op);
}

bool shifted_register(ThumbOp& op, std::uint32_t first, std::uint32_t second) {
    const std::uint32_t amount = field(second, 12, 3) << 2 | field(second, 6, 2);
    const std::uint32_t type = field(second, 4, 2);
    op.m = nibble(second, 0);
    op.shift = static_cast<Shift>(type);
    op.amount = static_cast<std::uint8_t>(amount);
    if (amount == 0 && (type == 1 || type == 2)) op.amount = 32;
    if (amount == 0 && type == 3) op.shift = Shift::RotateCarry;
    const std::uint32_t which = field(first, 5, 4);
    if (which == 6) {
        if (field(first, 4, 1) != 0 || (type & 1) != 0) return false;
        op.act = Act::PackHalves;
        op.swap = type == 2;  // PKHTB
        op.n = nibble(first, 0);
        op.d = nibble(second, 8);
        return plain(op);
    }
    return data_processing(op, which, field(first, 4, 1) != 0, nibble(first, 0), nibble(second, 8));
}

void expand_constant(ThumbOp& op, std::uint32_t twelve) {
    const std::uint32_t byte = twelve & 0xff;
    op.immediate = true;
    if (twelve >> 10 == 0) {
        constexpr std::uint32_t kPatterns[] = {1, 0x1'0001, 0x100'0100, 0x101'0101};
        op.imm = byte * kPatterns[twelve >> 8];
        return;
    }
    const std::uint32_t value = 0x80 | (twelve & 0x7f);
    const std::uint32_t by = twelve >> 7;
    op.imm = value >> by | value << (32 - by);
    op.constant_carry = (op.imm >> 31) != 0 ? ConstantCarry::Set : ConstantCarry::Clear;
}

bool saturate(ThumbOp& op, std::uint32_t second, bool is_signed, bool right) {
    const std::uint32_t amount = field(second, 12, 3) << 2 | field(second, 6, 2);
    if (right && amount == 0) return false;  // two halves
    op.act = Act::Saturate;
    op.m = op.n;
    op.n = kNone;
    op.is_signed = is_signed;
    op.shift = right ? Shift::RightSigned : Shift::Left;
    op.amount = static_cast<std::uint8_t>(amount);
    op.width = static_cast<std::uint8_t>((second & 31) + (is_signed ? 1 : 0));
    return plain(op);
}

bool bit_field(ThumbOp& op, std::uint32_t second, std::uint32_t which) {
    const std::uint32_t low = field(second, 12, 3) << 2 | field(second, 6, 2);
    const std::uint32_t last = second & 31;
    op.amount = static_cast<std::uint8_t>(low);
    if (which == 22) {
        op.act = Act::BitInsert;
        if (last < low) return false;
        op.width = static_cast<std::uint8_t>(last - low + 1);
        if (op.n == kPc) op.n = kNone;
        return plain(op);
    }
    op.act = Act::BitExtract;
    op.is_signed = which == 20;
    op.width = static_cast<std::uint8_t>(last + 1);
    return low + last < 32 && plain(op);
}

bool plain_constant(ThumbOp& op, std::uint32_t first, std::uint32_t second, std::uint32_t address) {
    const std::uint32_t twelve =
        field(first, 10, 1) << 11 | field(second, 12, 3) << 8 | (second & 0xff);
    const std::uint32_t which = field(first, 4, 5);
    op.n = nibble(first, 0);
    op.d = nibble(second, 8);
    op.immediate = true;
    op.imm = twelve;
    switch (which) {
        case 0:
        case 10:
            op.act = which == 0 ? Act::Add : Act::Subtract;
            if (op.n == kPc) {
                const std::uint32_t pc = (address + 4) & ~3u;
                op.act = Act::Move;
                op.imm = which == 0 ? pc + twelve : pc - twelve;
                op.n = kNone;
            }
            return plain(op);
        case 4:
        case 12:
            op.act = which == 4 ? Act::Move : Act::MoveTop;
            op.imm = std::uint32_t{op.n} << 12 | twelve;
            op.n = kNone;
            return plain(op);
        case 16:
        case 18:
            return saturate(op, second, true, which == 18);
        case 24:
        case 26:
            return saturate(op, second, false, which == 26);
        case 20:
        case 22:
        case 28:
            return bit_field(op, second, which);
        default:
            return false;
    }
}

bool branch(ThumbOp& op, std::uint32_t first, std::uint32_t second, std::uint32_t address) {
    const std::uint32_t s = field(first, 10, 1);
    const std::uint32_t j1 = field(second, 13, 1);
    const std::uint32_t j2 = field(second, 11, 1);
    std::uint32_t offset = (second & 0x7ff) << 1;
    op.act = Act::Branch;
    if ((second & 0xd000) == 0x8000) {
        op.condition = nibble(first, 6);
        offset |= field(first, 0, 6) << 12 | j1 << 18 | j2 << 19 | (s != 0 ? 0xfff0'0000u : 0);
        op.imm = address + 4 + offset;
        return op.condition < ThumbOp::kAlways;
    }
    offset |= field(first, 0, 10) << 12 | (j2 ^ s ^ 1) << 22 | (j1 ^ s ^ 1) << 23 |
              (s != 0 ? 0xff00'0000u : 0);
    op.imm = address + 4 + offset;
    if ((second & 0xd000) == 0xd000) op.act = Act::BranchAndLink;
    return (second & 0x9000) == 0x9000;
}

bool multiple(ThumbOp& op, std::uint32_t first, std::uint32_t second) {
    const bool load = field(first, 4, 1) != 0;
    const bool before = field(first, 7, 2) == 2;
    const bool writes_back = field(first, 5, 1) != 0;
    op.n = nibble(first, 0);
    op.list = static_cast<std::uint16_t>(second);
    const auto bytes = static_cast<std::int32_t>(4 * __builtin_popcount(second));
    op.act = load ? Act::LoadMultiple : Act::StoreMultiple;
    op.imm = before ? static_cast<std::uint32_t>(-bytes) : 0;
    op.update = writes_back ? (before ? -bytes : bytes) : 0;
    const bool known = field(first, 7, 2) == 1 || before;
    const bool own_base = (second >> op.n & 1) != 0 && writes_back;
    return known && op.n != kPc && (second & (second - 1)) != 0 && (second & 0x2000) == 0 &&
           !own_base && (load || (second & 0x8000) == 0);
}

bool dual(ThumbOp& op, std::uint32_t first, std::uint32_t second, std::uint32_t address) {
    const bool before = field(first, 8, 1) != 0;
    const bool up = field(first, 7, 1) != 0;
    const bool writes_back = field(first, 5, 1) != 0;
    op.n = nibble(first, 0);
    if (!before && !writes_back) {
        if ((first & 0xfff0) != 0xe8d0 || (second & 0xffe0) != 0xf000) return false;
        op.act = Act::TableBranch;
        op.m = nibble(second, 0);
        op.width = (second & 0x10) != 0 ? 2 : 1;
        op.amount = op.width - 1;
        op.imm = address + 4;
        return op.m < kPc && op.n < kPc;
    }
    op.act = field(first, 4, 1) != 0 ? Act::LoadDual : Act::StoreDual;
    op.width = 4;
    op.d = nibble(second, 12);
    op.a = nibble(second, 8);
    const std::uint32_t bytes = 4 * (second & 0xff);
    const std::uint32_t offset = up ? bytes : 0u - bytes;
    if (op.n == kPc) {
        op.n = kNone;
        op.imm = ((address + 4) & ~3u) + offset;
        return !writes_back && op.act == Act::LoadDual && plain(op);
    }
    op.imm = before ? offset : 0;
    op.update = writes_back ? static_cast<std::int32_t>(offset) : 0;
    return plain(op) && !(writes_back && (op.n == op.d || op.n == op.a)) && op.d != op.a;
}

bool single(ThumbOp& op, std::uint32_t first, std::uint32_t second, std::uint32_t address) {
    const std::uint32_t size = field(first, 5, 2);
    const bool load = field(first, 4, 1) != 0;
    op.act = load ? Act::Load : Act::Store;
    op.width = static_cast<std::uint8_t>(1u << size);
    op.is_signed = field(first, 8, 1) != 0;
    op.n = nibble(first, 0);
    op.d = nibble(second, 12);
    if (size == 3 || (op.is_signed && (!load || size == 2)) || op.d == kPc) return false;
    if (op.n == kPc) {
        const std::uint32_t pc = (address + 4) & ~3u;
        op.n = kNone;
        op.imm = field(first, 7, 1) != 0 ? pc + (second & 0xfff) : pc - (second & 0xfff);
        return load;
    }
    if (field(first, 7, 1) != 0) {
        op.imm = second & 0xfff;
        return true;
    }
    if ((second & 0x800) != 0) {
        const std::uint32_t mode = field(second, 8, 3);  // before, up, writes back
        const std::uint32_t byte = second & 0xff;
        const std::uint32_t offset = (mode & 2) != 0 ? byte : 0u - byte;
        const bool before = (mode & 4) != 0;
        const bool writes_back = (mode & 1) != 0;
        if ((!before && !writes_back) || mode == 6) return false;  // unprivileged, undefined
        op.imm = before ? offset : 0;
        op.update = writes_back ? static_cast<std::int32_t>(offset) : 0;
        return !(writes_back && op.n == op.d);
    }
    if ((second & 0x7c0) != 0) return false;
    op.m = nibble(second, 0);
    op.amount = static_cast<std::uint8_t>(field(second, 4, 2));
    return op.m != kPc;
}

bool register_operation(ThumbOp& op, std::uint32_t first, std::uint32_t second) {
    if ((second & 0xf000) != 0xf000) return false;
    op.n = nibble(first, 0);
    op.d = nibble(second, 8);
    op.m = nibble(second, 0);
    const std::uint32_t variant = field(second, 4, 2);
    if ((first & 0x80) == 0) {
        if ((second & 0x80) == 0) {
            if ((second & 0x70) != 0) return false;
            op.act = Act::ShiftByRegister;
            op.shift = static_cast<Shift>(field(first, 5, 2));
            op.sets_flags = field(first, 4, 1) != 0;
            return plain(op);
        }
        constexpr std::uint8_t kBytes[] = {2, 3, 1};  // 3: a byte to each half
        const std::uint32_t which = field(first, 4, 3);
        if (which > 5 || (second & 0x40) != 0) return false;
        op.act = Act::Extend;
        op.width = kBytes[which / 2];
        op.is_signed = (which & 1) == 0;
        op.amount = static_cast<std::uint8_t>(8 * variant);
        if (op.n == kPc) op.n = kNone;
        return plain(op);
    }
    if ((second & 0xc0) != 0x80) return false;  // parallel addition: needs GE
    switch (field(first, 4, 3)) {
        case 0:
            op.act = Act::SaturatingAdd;
            op.subtract = variant >= 2;
            op.accumulate = (variant & 1) != 0;  // n is doubled first
            return plain(op);
        case 1:
            op.act = variant == 0   ? Act::ReverseBytes
                     : variant == 1 ? Act::ReverseBytesInHalves
                                    : Act::ReverseSignedHalf;
            op.n = kNone;
            return variant != 2 && plain(op);
        case 3:
            op.act = Act::CountZeros;
            op.n = kNone;
            return variant == 0 && plain(op);
        default:
            return false;
    }
}

bool multiply(ThumbOp& op, std::uint32_t first, std::uint32_t second) {
    if ((second & 0xc0) != 0) return false;
    const std::uint32_t variant = field(second, 4, 2);
    op.n = nibble(first, 0);
    op.m = nibble(second, 0);
    op.d = nibble(second, 8);
    op.a = nibble(second, 12);
    if (op.a == kPc) op.a = kNone;
    switch (field(first, 4, 3)) {
        case 0:
            op.act = variant == 0 ? Act::Multiply : Act::MultiplySubtract;
            return variant < 2 && (variant == 0 || op.a != kNone) && plain(op);
        case 1:
            op.act = Act::MultiplyHalves;
            op.top_n = (variant & 2) != 0;
            op.top_m = (variant & 1) != 0;
            return plain(op);
        case 2:
        case 4:
            op.act = Act::DualMultiply;
            op.subtract = field(first, 4, 3) == 4;
            op.swap = (variant & 1) != 0;
            return variant < 2 && plain(op);
        case 3:
            op.act = Act::MultiplyWide;
            op.top_m = (variant & 1) != 0;
            return variant < 2 && plain(op);
        case 5:
        case 6:
            op.act = Act::MultiplyTop;
            op.subtract = field(first, 4, 3) == 6;
            op.round = (variant & 1) != 0;
            return variant < 2 && plain(op) && !(op.subtract && op.a == kNone);
        default:
            return false;
    }
}

bool long_multiply(ThumbOp& op, std::uint32_t first, std::uint32_t second) {
    const std::uint32_t which = field(first, 4, 3);
    const std::uint32_t variant = field(second, 4, 4);
    op.n = nibble(first, 0);
    op.m = nibble(second, 0);
    op.d = nibble(second, 12);
    op.a = nibble(second, 8);
    if (variant == 15 && (which == 1 || which == 3)) {
        op.act = Act::Divide;
        op.is_signed = which == 1;
        op.d = op.a;
        op.a = kNone;
        return (second & 0xf000) == 0xf000 && plain(op);
    }
    op.is_signed = which == 0 || which == 4;
    op.accumulate = which >= 4;
    if (op.d == op.a) return false;
    if (variant == 0 && (which == 0 || which == 2 || which == 4 || which == 6)) {
        op.act = Act::LongMultiply;
    } else if (which == 4 && (variant & 12) == 8) {
        op.act = Act::LongHalves;
        op.top_n = (variant & 2) != 0;
        op.top_m = (variant & 1) != 0;
    } else if ((which == 4 || which == 5) && (variant & 14) == 12) {
        op.act = Act::LongDual;
        op.subtract = which == 5;
        op.swap = (variant & 1) != 0;
    } else {
        return false;
    }
    return plain(op);
}

}  // namespace

bool wide_op(std::uint32_t first, std::uint32_t second, std::uint32_t address, ThumbOp& op) {
    op = {};
    op.size = 4;
    if ((first & 0xfe40) == 0xe800) return multiple(op, first, second);
    if ((first & 0xfe40) == 0xe840) return dual(op, first, second, address);
    if ((first & 0xfe00) == 0xea00) return shifted_register(op, first, second);
    if ((first & 0xf800) == 0xf000) {
        if ((second & 0x8000) != 0) return branch(op, first, second, address);
        if ((first & 0x200) != 0) return plain_constant(op, first, second, address);
        const std::uint32_t twelve =
            field(first, 10, 1) << 11 | field(second, 12, 3) << 8 | (second & 0xff);
        expand_constant(op, twelve);
        return data_processing(
            op, field(first, 5, 4), field(first, 4, 1) != 0, nibble(first, 0), nibble(second, 8));
    }
    if ((first & 0xfe00) == 0xf800) return single(op, first, second, address);
    if ((first & 0xff00) == 0xfa00) return register_operation(op, first, second);
    if ((first & 0xff80) == 0xfb00) return multiply(op, first, second);
    if ((first & 0xff80) == 0xfb80) return long_multiply(op, first, second);
    return false;
}

std::uint8_t flags_set(const ThumbOp& op) {
    if (!op.sets_flags) return 0;
    switch (op.act) {
        case Act::Add:
        case Act::AddCarry:
        case Act::Subtract:
        case Act::SubtractCarry:
        case Act::ReverseSubtract:
        case Act::Compare:
        case Act::CompareNegative:
            return kFlagN | kFlagZ | kFlagC | kFlagV;
        case Act::Multiply:
            return kFlagN | kFlagZ;
        case Act::ShiftByRegister:
            return kFlagN | kFlagZ | kFlagC;
        default: {
            const bool carry = op.immediate ? op.constant_carry != ConstantCarry::Kept
                                            : op.amount != 0 || op.shift == Shift::RotateCarry;
            return carry ? kFlagN | kFlagZ | kFlagC : kFlagN | kFlagZ;
        }
    }
}

std::uint8_t flags_read(const ThumbOp& op) {
    std::uint8_t read = 0;
    if (op.act == Act::AddCarry || op.act == Act::SubtractCarry) read |= kFlagC;
    if (!op.immediate && op.shift == Shift::RotateCarry) read |= kFlagC;
    // A shift by nothing leaves the carry as it is.
    if (op.act == Act::ShiftByRegister && op.sets_flags) read |= kFlagC;
    if (op.condition == ThumbOp::kAlways) return read;
    constexpr std::uint8_t kRead[] = {
        kFlagZ, kFlagC, kFlagN, kFlagV, kFlagC | kFlagZ, kFlagN | kFlagV, kFlagN | kFlagV | kFlagZ};
    return read | kRead[op.condition >> 1];
}

}  // namespace mixq::sim
