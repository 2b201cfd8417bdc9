// 16-bit encodings, Armv7-M ARM (DDI 0403E) A5.2.
#include "sim/isa/instruction.h"
#include "sim/translate/thumb_op.h"

namespace mixq::sim {

namespace {

std::int32_t signed_bits(std::uint32_t value, unsigned bits) {
    return static_cast<std::int32_t>(value << (32 - bits)) >> (32 - bits);
}

void shifted_move(ThumbOp& op, std::uint32_t code, bool flags) {
    op.act = Act::Move;
    op.d = code & 7;
    op.m = code >> 3 & 7;
    op.shift = static_cast<Shift>(code >> 11);
    op.amount = code >> 6 & 31;
    if (op.amount == 0 && op.shift != Shift::Left) op.amount = 32;
    op.sets_flags = flags;
}

// 0b010000: one register is both operand and result.
void data_processing(ThumbOp& op, std::uint32_t code, bool flags) {
    constexpr Act kActs[] = {Act::And,
                             Act::Xor,
                             Act::ShiftByRegister,
                             Act::ShiftByRegister,
                             Act::ShiftByRegister,
                             Act::AddCarry,
                             Act::SubtractCarry,
                             Act::ShiftByRegister,
                             Act::Test,
                             Act::ReverseSubtract,
                             Act::Compare,
                             Act::CompareNegative,
                             Act::Or,
                             Act::Multiply,
                             Act::Clear,
                             Act::MoveNot};
    const std::uint32_t which = code >> 6 & 15;
    op.act = kActs[which];
    op.d = op.n = code & 7;
    op.m = code >> 3 & 7;
    op.sets_flags = flags;
    switch (which) {
        case 2:
        case 3:
        case 4:
            op.shift = static_cast<Shift>(which - 2);
            break;
        case 7:
            op.shift = Shift::Rotate;
            break;
        case 9:
            op.n = op.m;
            op.m = ThumbOp::kNone;
            op.immediate = true;
            break;
        case 8:
        case 10:
        case 11:
            op.sets_flags = true;
            break;
        default:
            break;
    }
}

bool high_registers(ThumbOp& op, std::uint32_t code) {
    const std::uint8_t low = (code >> 4 & 8) | (code & 7);
    op.m = code >> 3 & 15;
    switch (code >> 8 & 3) {
        case 0:
            op.act = Act::Add;
            op.d = op.n = low;
            break;
        case 1:
            op.act = Act::Compare;
            op.n = low;
            op.sets_flags = true;
            break;
        case 2:
            op.act = Act::Move;
            op.d = low;
            break;
        default:
            op.act = Act::BranchExchange;
            op.link = (code & 0x80) != 0;
            return op.m != kPc;
    }
    return op.m != kPc && low != kPc;
}

void register_access(ThumbOp& op, std::uint32_t code) {
    constexpr std::uint8_t kWidths[] = {4, 2, 1, 1, 4, 2, 1, 2};
    const std::uint32_t which = code >> 9 & 7;
    op.act = which < 3 ? Act::Store : Act::Load;
    op.width = kWidths[which];
    op.is_signed = which == 3 || which == 7;
    op.d = code & 7;
    op.n = code >> 3 & 7;
    op.m = code >> 6 & 7;
}

void immediate_access(ThumbOp& op, std::uint32_t code) {
    op.act = (code & 0x800) != 0 ? Act::Load : Act::Store;
    const std::uint32_t top = code >> 12;
    if (top == 9) {
        op.width = 4;
        op.d = code >> 8 & 7;
        op.n = kSp;
        op.imm = 4 * (code & 0xff);
        return;
    }
    op.width = top == 6 ? 4 : top == 7 ? 1 : 2;
    op.d = code & 7;
    op.n = code >> 3 & 7;
    op.imm = op.width * (code >> 6 & 31);
}

bool multiple(ThumbOp& op, std::uint32_t code) {
    op.n = code >> 8 & 7;
    op.list = code & 0xff;
    op.act = (code & 0x800) != 0 ? Act::LoadMultiple : Act::StoreMultiple;
    const bool writes_back = op.act == Act::StoreMultiple || (op.list >> op.n & 1) == 0;
    const auto bytes = static_cast<std::int32_t>(4 * __builtin_popcount(op.list));
    op.update = writes_back ? bytes : 0;
    // A store of its own base, unless that is the lowest register, stores what nobody knows.
    const bool stores_base = op.act == Act::StoreMultiple && (op.list >> op.n & 1) != 0;
    return op.list != 0 && !stores_base;
}

bool stack(ThumbOp& op, std::uint32_t code) {
    const bool load = (code & 0x800) != 0;
    op.d = op.m = ThumbOp::kNone;
    op.n = kSp;
    op.list = static_cast<std::uint16_t>(code & 0xff);
    if ((code & 0x100) != 0)
        op.list = static_cast<std::uint16_t>(op.list | (load ? 0x8000 : 0x4000));
    const auto bytes = static_cast<std::int32_t>(4 * __builtin_popcount(op.list));
    op.act = load ? Act::LoadMultiple : Act::StoreMultiple;
    op.update = load ? bytes : -bytes;
    op.imm = load ? 0 : static_cast<std::uint32_t>(-bytes);
    return op.list != 0;
}

bool miscellaneous(ThumbOp& op, std::uint32_t code, std::uint32_t address) {
    op.d = code & 7;
    op.m = code >> 3 & 7;
    if ((code & 0xff00) == 0xb000) {
        op.act = (code & 0x80) != 0 ? Act::Subtract : Act::Add;
        op.d = op.n = kSp;
        op.m = ThumbOp::kNone;
        op.immediate = true;
        op.imm = 4 * (code & 0x7f);
        return true;
    }
    if ((code & 0xf500) == 0xb100) {
        op.act = Act::CompareBranch;
        op.n = code & 7;
        op.d = op.m = ThumbOp::kNone;
        op.nonzero = (code & 0x800) != 0;
        op.imm = address + 4 + ((code >> 9 & 1) << 6 | (code >> 3 & 31) << 1);
        return true;
    }
    if ((code & 0xff00) == 0xb200) {
        op.act = Act::Extend;
        op.is_signed = (code & 0x80) == 0;
        op.width = (code & 0x40) != 0 ? 1 : 2;
        return true;
    }
    if ((code & 0xf600) == 0xb400) return stack(op, code);
    if ((code & 0xff00) == 0xba00) {
        constexpr Act kReversals[] = {
            Act::ReverseBytes, Act::ReverseBytesInHalves, Act::Nop, Act::ReverseSignedHalf};
        op.act = kReversals[code >> 6 & 3];
        return op.act != Act::Nop;
    }
    if ((code & 0xff00) == 0xbf00) {
        op.d = op.m = ThumbOp::kNone;
        op.act = (code & 15) != 0 ? Act::IfThen : Act::Nop;
        op.imm = code & 0xff;
        return (code & 15) != 0 || code == 0xbf00;
    }
    return false;
}

}  // namespace

bool narrow_op(std::uint32_t code, std::uint32_t address, bool in_it, ThumbOp& op) {
    op = {};
    const bool flags = !in_it;
    const std::uint32_t top = code >> 11;
    switch (top) {
        case 0:
        case 1:
        case 2:
            shifted_move(op, code, flags);
            return true;
        case 3:
            op.act = (code & 0x200) != 0 ? Act::Subtract : Act::Add;
            op.d = code & 7;
            op.n = code >> 3 & 7;
            op.immediate = (code & 0x400) != 0;
            op.imm = code >> 6 & 7;
            if (!op.immediate) op.m = code >> 6 & 7;
            op.sets_flags = flags;
            return true;
        case 4:
        case 5:
        case 6:
        case 7: {
            constexpr Act kActs[] = {Act::Move, Act::Compare, Act::Add, Act::Subtract};
            op.act = kActs[top - 4];
            op.d = op.n = code >> 8 & 7;
            op.immediate = true;
            op.imm = code & 0xff;
            op.sets_flags = flags || op.act == Act::Compare;
            return true;
        }
        case 8:
            if ((code & 0x400) != 0) return high_registers(op, code);
            data_processing(op, code, flags);
            return true;
        case 9:
            op.act = Act::Load;
            op.width = 4;
            op.d = code >> 8 & 7;
            op.imm = ((address + 4) & ~3u) + 4 * (code & 0xff);
            return true;
        case 10:
        case 11:
            register_access(op, code);
            return true;
        case 20:
        case 21:
            op.act = top == 20 ? Act::Move : Act::Add;
            op.d = code >> 8 & 7;
            op.immediate = true;
            op.imm = 4 * (code & 0xff) + (top == 20 ? (address + 4) & ~3u : 0);
            if (top == 21) op.n = kSp;
            return true;
        case 22:
        case 23:
            return miscellaneous(op, code, address);
        case 24:
        case 25:
            return multiple(op, code);
        case 26:
        case 27:
            op.act = Act::Branch;
            op.condition = code >> 8 & 15;
            op.imm = address + 4 + static_cast<std::uint32_t>(2 * signed_bits(code & 0xff, 8));
            return op.condition < ThumbOp::kAlways;
        case 28:
            op.act = Act::Branch;
            op.imm = address + 4 + static_cast<std::uint32_t>(2 * signed_bits(code & 0x7ff, 11));
            return true;
        default:
            if (top < 12 || top > 19) return false;
            immediate_access(op, code);
            return true;
    }
}

}  // namespace mixq::sim
