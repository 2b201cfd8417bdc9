// Frame, registers and control flow of translated blocks. eax, ecx and edx are scratch; rdi points at the guest's state.
#include "sim/translate/emitter.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "sim/isa/instruction.h"

namespace mixq::sim {

namespace {

using namespace Xbyak::util;

// The System V ABI lets a function keep the first five as they like and wants the others back.
constexpr std::array kHostRegisters = {Xbyak::Operand::RSI,
                                       Xbyak::Operand::R8,
                                       Xbyak::Operand::R9,
                                       Xbyak::Operand::R10,
                                       Xbyak::Operand::R11,
                                       Xbyak::Operand::RBX,
                                       Xbyak::Operand::R12,
                                       Xbyak::Operand::R13,
                                       Xbyak::Operand::R14,
                                       Xbyak::Operand::R15,
                                       Xbyak::Operand::RBP};
constexpr std::size_t kFirstSaved = 5;
constexpr int kFirstVector = 2;
constexpr int kLastVector = 7;
// From here on a branch is no address but an exception return (Armv7-M ARM B1.5.8).
constexpr std::uint32_t kExceptionReturn = 0xf000'0000;

}  // namespace

Emitter::Emitter(std::uint8_t* memory, std::size_t bytes, SlowAccess slow, void* user)
    : CodeGenerator(bytes, memory), bytes_(bytes), slow_(slow), user_(user) {
    emit_slow_access();
    begin_ = getSize();
}

void Emitter::restart() {
    setSize(begin_);
}

// eax: address; edx: value to store; rcx: slot. Leaves what was loaded in eax, and carry set where the instruction
// has to be left to the emulator. Everything else is as before.
void Emitter::emit_slow_access() {
    slow_entry_ = getCurr();
    const std::array kept = {rsi, rdi, r8, r9, r10, r11};
    push(rbp);
    mov(rbp, rsp);
    for (const auto& reg : kept) push(reg);
    sub(rsp, 32);
    for (int k = kFirstVector; k <= kLastVector; ++k)
        movd(dword[rbp - 56 - 4 * (k - kFirstVector)], Xbyak::Xmm(k));
    and_(rsp, -16);
    mov(rsi, rcx);
    mov(ecx, edx);
    mov(edx, eax);
    mov(rdi, reinterpret_cast<std::size_t>(user_));
    mov(rax, reinterpret_cast<std::size_t>(slow_));
    call(rax);
    for (int k = kFirstVector; k <= kLastVector; ++k)
        movd(Xbyak::Xmm(k), dword[rbp - 56 - 4 * (k - kFirstVector)]);
    for (std::size_t k = 0; k < kept.size(); ++k)
        mov(kept[k], qword[rbp - 8 * static_cast<int>(k + 1)]);
    mov(rsp, rbp);
    pop(rbp);
    bt(rax, 32);
    ret();
}

Xbyak::Address Emitter::in_memory(std::uint8_t reg) {
    return dword[rdi + static_cast<int>(offsetof(GuestState, registers)) + 4 * reg];
}

Xbyak::Address Emitter::flag(std::size_t offset) {
    return byte[rdi + static_cast<int>(offset)];
}

void Emitter::get(const Reg32& to, std::uint8_t reg) {
    if (!held(reg)) {
        mov(to, in_memory(reg));
    } else if (host(reg) != to) {
        mov(to, host(reg));
    }
}

Xbyak::Reg32 Emitter::source(std::uint8_t reg, const Reg32& scratch) {
    if (held(reg)) return host(reg);
    mov(scratch, in_memory(reg));
    return scratch;
}

void Emitter::put(std::uint8_t reg, const Reg32& from) {
    forget_vector(reg);
    if (!held(reg)) {
        mov(in_memory(reg), from);
        return;
    }
    written_ = static_cast<std::uint16_t>(written_ | 1u << reg);
    if (host(reg) != from) mov(host(reg), from);
}

void Emitter::put_constant(std::uint8_t reg, std::uint32_t value) {
    forget_vector(reg);
    if (!held(reg)) {
        mov(in_memory(reg), value);
        return;
    }
    written_ = static_cast<std::uint16_t>(written_ | 1u << reg);
    mov(host(reg), value);
}

void Emitter::add_to(std::uint8_t reg, std::int32_t value) {
    if (value == 0) return;
    forget_vector(reg);
    if (!held(reg)) {
        add(in_memory(reg), static_cast<std::uint32_t>(value));
        return;
    }
    written_ = static_cast<std::uint16_t>(written_ | 1u << reg);
    add(host(reg), static_cast<std::uint32_t>(value));
}

Xbyak::Xmm Emitter::vector(std::uint8_t reg, const Xbyak::Xmm& scratch) {
    if (vector_[reg] >= 0) return Xbyak::Xmm(vector_[reg]);
    if (held(reg)) {
        movd(scratch, host(reg));
    } else {
        movd(scratch, in_memory(reg));
    }
    return scratch;
}

// The result stays where later vector instructions find it.
void Emitter::put_vector(std::uint8_t reg, const Xbyak::Xmm& from) {
    const Reg32 to = held(reg) ? host(reg) : eax;
    movd(to, from);
    put(reg, to);
    const int slot = kFirstVector + next_vector_++ % (kLastVector - kFirstVector + 1);
    for (std::int8_t& known : vector_) {
        if (known == slot) known = -1;
    }
    vector_[reg] = static_cast<std::int8_t>(slot);
    movdqa(Xbyak::Xmm(slot), from);
}

void Emitter::forget_vector(std::uint8_t reg) {
    vector_[reg] = -1;
}

void Emitter::forget_vectors() {
    vector_.fill(-1);
}

void Emitter::allocate(std::span<const EmittedOp> ops) {
    std::array<int, 15> uses{};
    for (const EmittedOp& emitted : ops) {
        for (std::size_t reg = 0; reg < uses.size(); ++reg)
            uses[reg] += (emitted.reads >> reg & 1) + (emitted.writes >> reg & 1);
    }
    std::array<std::uint8_t, 15> order;
    for (std::uint8_t reg = 0; reg < order.size(); ++reg) order[reg] = reg;
    std::stable_sort(order.begin(), order.end(), [&](std::uint8_t a, std::uint8_t b) {
        return uses[a] > uses[b];
    });
    host_.fill(-1);
    saved_.clear();
    for (std::size_t k = 0; k < kHostRegisters.size() && uses[order[k]] > 1; ++k) {
        host_[order[k]] = static_cast<std::int8_t>(kHostRegisters[k]);
        if (k >= kFirstSaved) saved_.push_back(kHostRegisters[k]);
    }
}

void Emitter::prologue(std::span<const EmittedOp> ops) {
    for (const int reg : saved_) push(Xbyak::Reg64(reg));
    // Only what is read before it is written.
    std::uint16_t needed = 0;
    std::uint16_t written = 0;
    for (const EmittedOp& emitted : ops) {
        const bool always = emitted.op.condition == ThumbOp::kAlways;
        const auto reads =
            always ? emitted.reads : static_cast<std::uint16_t>(emitted.reads | emitted.writes);
        needed = static_cast<std::uint16_t>(needed | (reads & ~written));
        if (always) written = static_cast<std::uint16_t>(written | emitted.writes);
    }
    for (std::uint8_t reg = 0; reg < 15; ++reg) {
        if (held(reg) && (needed >> reg & 1) != 0) mov(host(reg), in_memory(reg));
    }
    for (const EmittedOp& emitted : ops) {
        if (emitted.access != nullptr && emitted.op.condition != ThumbOp::kAlways)
            mov(dword[rip + &emitted.access->address], kNotAccessed);
    }
}

void Emitter::store_written() {
    for (std::uint8_t reg = 0; reg < 15; ++reg) {
        if ((written_ >> reg & 1) != 0) mov(in_memory(reg), host(reg));
    }
}

void Emitter::epilogue() {
    for (auto reg = saved_.rbegin(); reg != saved_.rend(); ++reg) pop(Xbyak::Reg64(*reg));
    ret();
}

Emitter::Label& Emitter::label() {
    return labels_.emplace_back();
}

// Where to jump if the instruction at an address, and what follows it, is the emulator's.
Emitter::Label& Emitter::bail_out(std::uint32_t address) {
    Label& at = label();
    aside_.push_back([this, &at, address, written = written_] {
        L(at);
        const std::uint16_t all = std::exchange(written_, written);
        store_written();
        written_ = all;
        mov(eax, address | 1);
        epilogue();
    });
    return at;
}

TranslatedCode Emitter::emit(std::span<const EmittedOp> ops, std::uint32_t end) {
    align(16);
    const auto* code = getCurr();
    written_ = 0;
    next_vector_ = 0;
    forget_vectors();
    host_flags_ = HostFlags::Unknown;
    labels_.clear();
    aside_.clear();
    allocate(ops);
    prologue(ops);
    for (const EmittedOp& emitted : ops.first(ops.size() - 1)) instruction(emitted);
    if (is_branch(ops.back().op)) {
        branch(ops.back(), end);
    } else {
        instruction(ops.back());
        leave(end);
    }
    for (const auto& aside : aside_) aside();
    return reinterpret_cast<TranslatedCode>(reinterpret_cast<std::uintptr_t>(code));
}

void Emitter::instruction(const EmittedOp& emitted) {
    const ThumbOp& op = emitted.op;
    if (op.act == Act::Nop || op.act == Act::IfThen) return;
    const bool keeps_flags = op.act == Act::Move && !op.sets_flags && op.amount == 0 &&
                             (op.immediate || op.shift == Shift::Left);
    if (op.condition == ThumbOp::kAlways) {
        if (!keeps_flags) host_flags_ = HostFlags::Unknown;
        execute(emitted);
        return;
    }
    Label& skip = label();
    forget_vectors();
    skip_unless(op.condition, skip);
    const HostFlags before = host_flags_;
    host_flags_ = HostFlags::Unknown;
    execute(emitted);
    L(skip);
    forget_vectors();
    host_flags_ = keeps_flags ? before : HostFlags::Unknown;
}

void Emitter::leave(std::uint32_t address) {
    store_written();
    mov(eax, address);
    epilogue();
}

void Emitter::leave_at_ecx() {
    store_written();
    lea(eax, ptr[rcx - 1]);
    epilogue();
}

// ecx: where a branch goes. Not to Thumb code, or no address at all: the emulator knows what to do.
void Emitter::check_target(Label& bail) {
    test(ecx, 1);
    jz(bail, T_NEAR);
    cmp(ecx, kExceptionReturn);
    jae(bail, T_NEAR);
}

void Emitter::branch(const EmittedOp& emitted, std::uint32_t end) {
    const ThumbOp& op = emitted.op;
    Label& past = label();
    if (op.condition != ThumbOp::kAlways) skip_unless(op.condition, past);
    forget_vectors();
    switch (op.act) {
        case Act::Branch:
            leave(op.imm);
            break;
        case Act::BranchAndLink:
            put_constant(kLr, end | 1);
            leave(op.imm);
            break;
        case Act::BranchExchange:
            exchange(emitted, end);
            break;
        case Act::CompareBranch: {
            const Reg32 tested = source(op.n, eax);
            test(tested, tested);
            if (op.nonzero) {
                jz(past, T_NEAR);
            } else {
                jnz(past, T_NEAR);
            }
            leave(op.imm);
            break;
        }
        case Act::TableBranch:
            table_branch(emitted);
            break;
        default:
            load_several(emitted);
            leave_at_ecx();
            break;
    }
    L(past);
    if (op.condition != ThumbOp::kAlways || op.act == Act::CompareBranch) leave(end);
}

void Emitter::exchange(const EmittedOp& emitted, std::uint32_t end) {
    get(ecx, emitted.op.m);
    check_target(bail_out(emitted.address));
    if (emitted.op.link) put_constant(kLr, end | 1);
    leave_at_ecx();
}

bool is_branch(const ThumbOp& op) {
    switch (op.act) {
        case Act::Branch:
        case Act::BranchAndLink:
        case Act::BranchExchange:
        case Act::CompareBranch:
        case Act::TableBranch:
            return true;
        case Act::LoadMultiple:
            return (op.list & 0x8000) != 0;
        default:
            return false;
    }
}

}  // namespace mixq::sim
