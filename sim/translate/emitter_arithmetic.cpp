// Data processing in host code, with the flags that somebody reads.
#include <cstddef>

#include "sim/isa/instruction.h"
#include "sim/translate/emitter.h"

namespace mixq::sim {

namespace {

using namespace Xbyak::util;

constexpr std::size_t kNegative = offsetof(GuestState, negative);
constexpr std::size_t kZero = offsetof(GuestState, zero);
constexpr std::size_t kCarry = offsetof(GuestState, carry);
constexpr std::size_t kOverflow = offsetof(GuestState, overflow);

bool is_shifted(const ThumbOp& op) {
    return op.amount != 0 || op.shift == Shift::RotateCarry;
}

}  // namespace

// The host's carry becomes the guest's, or its opposite.
void Emitter::carry_into_host(bool borrow) {
    cmp(flag(kCarry), 1);
    if (!borrow) cmc();
}

void Emitter::shift_constant(const Reg32& value,
                             Shift shift,
                             std::uint8_t amount,
                             bool note_carry) {
    switch (shift) {
        case Shift::Left:
            if (amount == 0) return;
            shl(value, amount);
            break;
        case Shift::Right:
            if (amount == 32) {
                if (note_carry) {
                    bt(value, 31);
                    setc(flag(kCarry));
                }
                xor_(value, value);
                return;
            }
            shr(value, amount);
            break;
        case Shift::RightSigned:
            if (amount == 32) {
                bt(value, 31);
                if (note_carry) setc(flag(kCarry));
                sar(value, 31);
                return;
            }
            sar(value, amount);
            break;
        case Shift::Rotate:
            ror(value, amount);
            break;
        case Shift::RotateCarry:
            carry_into_host(false);
            rcr(value, 1);
            break;
    }
    if (note_carry) setc(flag(kCarry));
}

// The second operand, where it is a register: where that stands, or shifted in ecx.
Emitter::Reg32 Emitter::operand(const ThumbOp& op, bool note_carry) {
    if (op.immediate) return ecx;
    if (!is_shifted(op)) return source(op.m, ecx);
    get(ecx, op.m);
    shift_constant(ecx, op.shift, op.amount, note_carry);
    return ecx;
}

// Where to compute the result: in its own place, unless that still holds the second operand.
Emitter::Reg32 Emitter::result(const ThumbOp& op, const Reg32& operand) {
    const bool in_place = held(op.d) && (op.immediate || op.d == op.n || operand != host(op.d));
    const Reg32 to = in_place ? host(op.d) : eax;
    get(to, op.n);
    return to;
}

void Emitter::note_all_flags(const ThumbOp& op, bool subtracted) {
    if (op.flags_live & kFlagN) sets(flag(kNegative));
    if (op.flags_live & kFlagZ) setz(flag(kZero));
    if (op.flags_live & kFlagV) seto(flag(kOverflow));
    if (op.flags_live & kFlagC) {
        if (subtracted) {
            setnc(flag(kCarry));
        } else {
            setc(flag(kCarry));
        }
    }
    if (op.sets_flags) host_flags_ = subtracted ? HostFlags::Subtracted : HostFlags::Result;
}

// After an instruction of the host that has set sign and zero.
void Emitter::note_result_flags(const ThumbOp& op) {
    if (op.flags_live & kFlagN) sets(flag(kNegative));
    if (op.flags_live & kFlagZ) setz(flag(kZero));
    if (op.sets_flags) host_flags_ = HostFlags::Result;
}

void Emitter::note_constant_carry(const ThumbOp& op) {
    if ((op.flags_live & kFlagC) != 0 && op.immediate && op.constant_carry != ConstantCarry::Kept)
        mov(flag(kCarry), op.constant_carry == ConstantCarry::Set ? 1 : 0);
}

void Emitter::arithmetic(const ThumbOp& op) {
    const Reg32 right = operand(op, false);
    if (op.act == Act::ReverseSubtract) {
        if (op.immediate) {
            mov(eax, op.imm);
        } else {
            mov(eax, right);
        }
        sub(eax, source(op.n, edx));
        note_all_flags(op, true);
        put(op.d, eax);
        return;
    }
    const Reg32 to = result(op, right);
    const bool subtracts = op.act == Act::Subtract || op.act == Act::SubtractCarry;
    if (op.act == Act::AddCarry || op.act == Act::SubtractCarry) carry_into_host(subtracts);
    if (op.immediate) {
        switch (op.act) {
            case Act::Add:
                add(to, op.imm);
                break;
            case Act::AddCarry:
                adc(to, op.imm);
                break;
            case Act::Subtract:
                sub(to, op.imm);
                break;
            default:
                sbb(to, op.imm);
                break;
        }
    } else {
        switch (op.act) {
            case Act::Add:
                add(to, right);
                break;
            case Act::AddCarry:
                adc(to, right);
                break;
            case Act::Subtract:
                sub(to, right);
                break;
            default:
                sbb(to, right);
                break;
        }
    }
    note_all_flags(op, subtracts);
    put(op.d, to);
}

void Emitter::compare(const ThumbOp& op) {
    const Reg32 right = operand(op, false);
    if (op.act == Act::Compare) {
        const Reg32 left = source(op.n, eax);
        if (op.immediate) {
            cmp(left, op.imm);
        } else {
            cmp(left, right);
        }
        note_all_flags(op, true);
        return;
    }
    get(eax, op.n);
    if (op.immediate) {
        add(eax, op.imm);
    } else {
        add(eax, right);
    }
    note_all_flags(op, false);
}

void Emitter::logic(const ThumbOp& op) {
    Reg32 right = operand(op, (op.flags_live & kFlagC) != 0);
    const bool inverts = op.act == Act::Clear || op.act == Act::OrNot;
    const std::uint32_t imm = inverts ? ~op.imm : op.imm;
    if (inverts && !op.immediate) {
        if (right != ecx) mov(ecx, right);
        not_(ecx);
        right = ecx;
    }
    note_constant_carry(op);
    const bool tests = op.act == Act::Test || op.act == Act::TestEqual;
    Reg32 to = eax;
    if (tests) {
        get(eax, op.n);
    } else {
        to = result(op, right);
    }
    const auto both = [&](auto with_constant, auto with_register) {
        if (op.immediate) {
            with_constant();
        } else {
            with_register();
        }
    };
    switch (op.act) {
        case Act::And:
        case Act::Clear:
        case Act::Test:
            both([&] { and_(to, imm); }, [&] { and_(to, right); });
            break;
        case Act::Or:
        case Act::OrNot:
            both([&] { or_(to, imm); }, [&] { or_(to, right); });
            break;
        default:
            both([&] { xor_(to, imm); }, [&] { xor_(to, right); });
            break;
    }
    note_result_flags(op);
    if (!tests) put(op.d, to);
}

void Emitter::move(const ThumbOp& op) {
    const bool inverts = op.act == Act::MoveNot;
    if (op.immediate) {
        const std::uint32_t value = inverts ? ~op.imm : op.imm;
        put_constant(op.d, value);
        if (op.flags_live & kFlagN) mov(flag(kNegative), value >> 31);
        if (op.flags_live & kFlagZ) mov(flag(kZero), value == 0 ? 1 : 0);
        note_constant_carry(op);
        return;
    }
    if (!is_shifted(op) && !inverts && !op.sets_flags) {
        put(op.d, source(op.m, eax));
        return;
    }
    const Reg32 to = held(op.d) ? host(op.d) : eax;
    get(to, op.m);
    shift_constant(to, op.shift, op.amount, (op.flags_live & kFlagC) != 0);
    if (inverts) not_(to);
    if (op.sets_flags) {
        if ((op.flags_live & (kFlagN | kFlagZ)) != 0) {
            test(to, to);
            note_result_flags(op);
        }
    }
    put(op.d, to);
}

void Emitter::shift_by_register(const ThumbOp& op) {
    const bool carry = (op.flags_live & kFlagC) != 0;
    Label& unmoved = label();
    // rax holds the operand with room on the side to which it moves; amounts above 63 are as good as 63.
    get(ecx, op.m);
    get(eax, op.n);
    movzx(ecx, cl);
    if (op.shift != Shift::Rotate) {
        mov(edx, 63);
        cmp(ecx, edx);
        cmova(ecx, edx);
    }
    switch (op.shift) {
        case Shift::Left:
            shl(rax, cl);
            break;
        case Shift::Right:
            shl(rax, 32);
            shr(rax, cl);
            break;
        case Shift::RightSigned:
            shl(rax, 32);
            sar(rax, cl);
            break;
        default:
            ror(eax, cl);
            break;
    }
    if (carry) {
        test(ecx, ecx);
        jz(unmoved, T_NEAR);
        bt(rax, op.shift == Shift::Left ? 32 : 31);
        setc(flag(kCarry));
        L(unmoved);
    }
    if (op.shift == Shift::Right || op.shift == Shift::RightSigned) shr(rax, 32);
    if ((op.flags_live & (kFlagN | kFlagZ)) != 0) {
        test(eax, eax);
        note_result_flags(op);
    }
    put(op.d, eax);
}

// The code behind, up to the label, is for when the condition holds.
void Emitter::skip_unless(std::uint8_t condition, Label& skip) {
    if (skip_by_host_flags(condition, skip)) return;
    host_flags_ = HostFlags::Unknown;
    const bool negated = (condition & 1) != 0;
    constexpr std::size_t kFlags[] = {kZero, kCarry, kNegative, kOverflow};
    if (condition < 8) {
        cmp(flag(kFlags[condition >> 1]), 0);
        if (negated) {
            jne(skip, T_NEAR);
        } else {
            je(skip, T_NEAR);
        }
        return;
    }
    if (condition < 10) {  // unsigned above: carry and not zero
        mov(al, flag(kCarry));
        cmp(al, flag(kZero));
        if (negated) {
            ja(skip, T_NEAR);
        } else {
            jbe(skip, T_NEAR);
        }
        return;
    }
    mov(al, flag(kNegative));
    xor_(al, flag(kOverflow));
    if (condition >= 12) or_(al, flag(kZero));
    test(al, al);
    if (negated) {
        jz(skip, T_NEAR);
    } else {
        jnz(skip, T_NEAR);
    }
}

// Where the host's flags still say it.
bool Emitter::skip_by_host_flags(std::uint8_t condition, Label& skip) {
    if (host_flags_ == HostFlags::Unknown) return false;
    const bool of_result = condition < 2 || condition == 4 || condition == 5;
    if (host_flags_ == HostFlags::Result && !of_result) return false;
    // The opposite of each condition; after a subtraction the guest's carry is the host's, negated.
    switch (condition) {
        case 0:
            jne(skip, T_NEAR);
            break;
        case 1:
            je(skip, T_NEAR);
            break;
        case 2:
            jb(skip, T_NEAR);
            break;
        case 3:
            jae(skip, T_NEAR);
            break;
        case 4:
            jns(skip, T_NEAR);
            break;
        case 5:
            js(skip, T_NEAR);
            break;
        case 6:
            jno(skip, T_NEAR);
            break;
        case 7:
            jo(skip, T_NEAR);
            break;
        case 8:
            jbe(skip, T_NEAR);
            break;
        case 9:
            ja(skip, T_NEAR);
            break;
        case 10:
            jl(skip, T_NEAR);
            break;
        case 11:
            jge(skip, T_NEAR);
            break;
        case 12:
            jle(skip, T_NEAR);
            break;
        default:
            jg(skip, T_NEAR);
            break;
    }
    return true;
}

}  // namespace mixq::sim
