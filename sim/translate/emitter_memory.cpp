// Accesses in host code, and which function writes which instruction.
#include <bit>
#include <cstddef>

#include "sim/isa/instruction.h"
#include "sim/translate/emitter.h"

namespace mixq::sim {

namespace {

using namespace Xbyak::util;

constexpr std::uint8_t kNone = ThumbOp::kNone;

// Registers of an access to several words, in the order of their addresses.
std::vector<std::uint8_t> registers(const ThumbOp& op) {
    if (op.act == Act::LoadDual || op.act == Act::StoreDual) return {op.d, op.a};
    std::vector<std::uint8_t> list;
    for (std::uint8_t reg = 0; reg < 16; ++reg) {
        if ((op.list >> reg & 1) != 0) list.push_back(reg);
    }
    return list;
}

}  // namespace

// To eax.
void Emitter::address(const ThumbOp& op) {
    if (op.n == kNone) {
        mov(eax, op.imm);
        return;
    }
    if (op.m == kNone) {
        if (held(op.n) && op.imm != 0) {
            lea(eax, ptr[host(op.n).cvt64() + static_cast<std::int32_t>(op.imm)]);
            return;
        }
        get(eax, op.n);
        if (op.imm != 0) add(eax, op.imm);
        return;
    }
    get(eax, op.n);
    if (held(op.m)) {
        lea(eax, ptr[rax + host(op.m).cvt64() * (1 << op.amount)]);
        return;
    }
    get(ecx, op.m);
    lea(eax, ptr[rax + rcx * (1 << op.amount)]);
}

// Of the address in eax: rdx and rcx, whose sum is where it lies; eax is kept. Comes back here if `slow` finds it.
void Emitter::find_memory(const EmittedOp& emitted, Label& slow) {
    AccessSlot* slot = emitted.slot;
    mov(ecx, eax);
    sub(ecx, dword[rip + &slot->base]);
    cmp(ecx, dword[rip + &slot->limit]);
    jae(slow, T_NEAR);
    mov(rdx, qword[rip + &slot->memory]);
}

void Emitter::load_from(const Reg32& to, std::uint8_t bytes, bool is_signed) {
    if (bytes == 4) {
        mov(to, dword[rdx + rcx]);
    } else if (bytes == 2 && is_signed) {
        movsx(to, word[rdx + rcx]);
    } else if (bytes == 2) {
        movzx(to, word[rdx + rcx]);
    } else if (is_signed) {
        movsx(to, byte[rdx + rcx]);
    } else {
        movzx(to, byte[rdx + rcx]);
    }
}

void Emitter::load_folded(const EmittedOp& emitted) {
    const ThumbOp& op = emitted.op;
    if (op.condition != ThumbOp::kAlways)
        mov(dword[rip + &emitted.access->address], emitted.op.imm);
    put_constant(op.d, emitted.values[0]);
    if (op.act == Act::LoadDual) put_constant(op.a, emitted.values[1]);
}

void Emitter::load(const EmittedOp& emitted) {
    const ThumbOp& op = emitted.op;
    if (emitted.folded) {
        load_folded(emitted);
        return;
    }
    Label& slow = label();
    Label& done = label();
    Label& bail = bail_out(emitted.address);
    const Reg32 to = held(op.d) ? host(op.d) : eax;
    address(op);
    mov(dword[rip + &emitted.access->address], eax);
    find_memory(emitted, slow);
    load_from(to, op.width, op.is_signed);
    L(done);
    put(op.d, to);
    if (op.update != 0) add_to(op.n, op.update);
    aside_.push_back([this, &slow, &done, &bail, to, slot = emitted.slot] {
        L(slow);
        lea(rcx, ptr[rip + slot]);
        call(slow_entry_);
        jc(bail, T_NEAR);
        if (to != eax) mov(to, eax);
        jmp(done, T_NEAR);
    });
}

void Emitter::store(const EmittedOp& emitted) {
    const ThumbOp& op = emitted.op;
    Label& slow = label();
    Label& done = label();
    Label& bail = bail_out(emitted.address);
    address(op);
    mov(dword[rip + &emitted.access->address], eax);
    find_memory(emitted, slow);
    const Reg32 value = source(op.d, eax);
    if (op.width == 4) {
        mov(dword[rdx + rcx], value);
    } else if (op.width == 2) {
        mov(word[rdx + rcx], value.cvt16());
    } else {
        mov(byte[rdx + rcx], value.cvt8());
    }
    L(done);
    if (op.update != 0) add_to(op.n, op.update);
    aside_.push_back([this, &slow, &done, &bail, reg = op.d, slot = emitted.slot] {
        L(slow);
        get(edx, reg);
        lea(rcx, ptr[rip + slot]);
        call(slow_entry_);
        jc(bail, T_NEAR);
        jmp(done, T_NEAR);
    });
}

// rdx: the first of several words, all of them in one piece of memory.
void Emitter::find_several(const EmittedOp& emitted) {
    Label& again = label();
    Label& slow = label();
    Label& bail = bail_out(emitted.address);
    address(emitted.op);
    mov(dword[rip + &emitted.access->address], eax);
    L(again);
    find_memory(emitted, slow);
    add(rdx, rcx);
    aside_.push_back([this, &again, &slow, &bail, slot = emitted.slot] {
        L(slow);
        lea(rcx, ptr[rip + slot]);
        call(slow_entry_);
        jc(bail, T_NEAR);
        jmp(again, T_NEAR);
    });
}

// Where pc is among them, ecx holds it in the end.
void Emitter::load_several(const EmittedOp& emitted) {
    const ThumbOp& op = emitted.op;
    if (emitted.folded) {
        load_folded(emitted);
        return;
    }
    find_several(emitted);
    const std::vector<std::uint8_t> list = registers(op);
    if (list.back() == kPc) {
        mov(ecx, dword[rdx + 4 * static_cast<int>(list.size() - 1)]);
        check_target(bail_out(emitted.address));
    }
    for (std::size_t k = 0; k < list.size(); ++k) {
        const std::uint8_t reg = list[k];
        if (reg == kPc) continue;
        const Reg32 to = held(reg) ? host(reg) : eax;
        mov(to, dword[rdx + 4 * static_cast<int>(k)]);
        put(reg, to);
    }
    if (op.update != 0) add_to(op.n, op.update);
}

void Emitter::store_several(const EmittedOp& emitted) {
    find_several(emitted);
    const std::vector<std::uint8_t> list = registers(emitted.op);
    for (std::size_t k = 0; k < list.size(); ++k)
        mov(dword[rdx + 4 * static_cast<int>(k)], source(list[k], eax));
    if (emitted.op.update != 0) add_to(emitted.op.n, emitted.op.update);
}

void Emitter::table_branch(const EmittedOp& emitted) {
    const ThumbOp& op = emitted.op;
    Label& slow = label();
    Label& done = label();
    Label& bail = bail_out(emitted.address);
    ThumbOp table = op;
    table.imm = 0;
    address(table);
    mov(dword[rip + &emitted.access->address], eax);
    find_memory(emitted, slow);
    load_from(eax, op.width, false);
    L(done);
    lea(ecx, ptr[rax * 2]);
    add(ecx, op.imm | 1);
    leave_at_ecx();
    aside_.push_back([this, &slow, &done, &bail, slot = emitted.slot] {
        L(slow);
        lea(rcx, ptr[rip + slot]);
        call(slow_entry_);
        jc(bail, T_NEAR);
        jmp(done, T_NEAR);
    });
}

void Emitter::execute(const EmittedOp& emitted) {
    const ThumbOp& op = emitted.op;
    switch (op.act) {
        case Act::Move:
        case Act::MoveNot:
            return move(op);
        case Act::Add:
        case Act::AddCarry:
        case Act::Subtract:
        case Act::SubtractCarry:
        case Act::ReverseSubtract:
            return arithmetic(op);
        case Act::And:
        case Act::Or:
        case Act::OrNot:
        case Act::Xor:
        case Act::Clear:
        case Act::Test:
        case Act::TestEqual:
            return logic(op);
        case Act::Compare:
        case Act::CompareNegative:
            return compare(op);
        case Act::ShiftByRegister:
            return shift_by_register(op);
        case Act::MoveTop:
            get(eax, op.d);
            movzx(eax, ax);
            or_(eax, op.imm << 16);
            return put(op.d, eax);
        case Act::Extend:
            return extend(op);
        case Act::BitInsert:
            return bit_insert(op);
        case Act::BitExtract:
            return bit_extract(op);
        case Act::Saturate:
            return saturate(op);
        case Act::PackHalves:
            return pack_halves(op);
        case Act::CountZeros:
            return count_zeros(op);
        case Act::ReverseBytes:
        case Act::ReverseBytesInHalves:
        case Act::ReverseSignedHalf:
            return reverse(op);
        case Act::SaturatingAdd:
            return saturating_add(op);
        case Act::Multiply:
        case Act::MultiplySubtract:
            return multiply(op);
        case Act::MultiplyHalves:
            return multiply_halves(op);
        case Act::MultiplyWide:
            return multiply_wide(op);
        case Act::MultiplyTop:
            return multiply_top(op);
        case Act::DualMultiply:
            return dual_multiply(op);
        case Act::LongMultiply:
            return long_multiply(op);
        case Act::LongHalves:
        case Act::LongDual:
            return long_halves(op);
        case Act::Divide:
            return divide(emitted);
        case Act::Load:
            return load(emitted);
        case Act::Store:
            return store(emitted);
        case Act::LoadMultiple:
        case Act::LoadDual:
            return load_several(emitted);
        case Act::StoreMultiple:
        case Act::StoreDual:
            return store_several(emitted);
        default:
            return;
    }
}

}  // namespace mixq::sim
