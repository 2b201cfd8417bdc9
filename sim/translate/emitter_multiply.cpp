// Multiplication and division in host code.
#include <cstddef>

#include "sim/isa/instruction.h"
#include "sim/translate/emitter.h"

namespace mixq::sim {

namespace {

using namespace Xbyak::util;

constexpr std::uint8_t kNone = ThumbOp::kNone;

}  // namespace

// After an addition: Q where it overflowed.
void Emitter::note_overflow() {
    Label& overflowed = label();
    Label& back = label();
    jo(overflowed, T_NEAR);
    L(back);
    aside_.push_back([this, &overflowed, &back] {
        L(overflowed);
        mov(flag(offsetof(GuestState, saturated)), 1);
        jmp(back, T_NEAR);
    });
}

void Emitter::half(const Reg32& to, std::uint8_t reg, bool top) {
    if (!held(reg)) {
        const int at = static_cast<int>(offsetof(GuestState, registers)) + 4 * reg + (top ? 2 : 0);
        movsx(to, word[rdi + at]);
    } else if (top) {
        mov(to, host(reg));
        sar(to, 16);
    } else {
        movsx(to, host(reg).cvt16());
    }
}

void Emitter::multiply(const ThumbOp& op) {
    get(eax, op.n);
    imul(eax, source(op.m, ecx));
    if (op.act == Act::MultiplySubtract) {
        get(ecx, op.a);
        sub(ecx, eax);
        put(op.d, ecx);
        return;
    }
    if (op.a != kNone) add(eax, source(op.a, edx));
    if ((op.flags_live & (kFlagN | kFlagZ)) != 0) {
        test(eax, eax);
        note_result_flags(op);
    }
    put(op.d, eax);
}

void Emitter::multiply_halves(const ThumbOp& op) {
    half(eax, op.n, op.top_n);
    half(ecx, op.m, op.top_m);
    imul(eax, ecx);
    if (op.a != kNone) {
        add(eax, source(op.a, edx));
        note_overflow();
    }
    put(op.d, eax);
}

void Emitter::multiply_wide(const ThumbOp& op) {
    half(ecx, op.m, op.top_m);
    get(eax, op.n);
    movsxd(rax, eax);
    movsxd(rcx, ecx);
    imul(rax, rcx);
    sar(rax, 16);
    if (op.a != kNone) {
        add(eax, source(op.a, edx));
        note_overflow();
    }
    put(op.d, eax);
}

void Emitter::multiply_top(const ThumbOp& op) {
    get(eax, op.n);
    get(ecx, op.m);
    movsxd(rax, eax);
    movsxd(rcx, ecx);
    imul(rax, rcx);
    if (op.a != kNone) {
        get(edx, op.a);
        shl(rdx, 32);
        if (op.subtract) {
            sub(rdx, rax);
            mov(rax, rdx);
        } else {
            add(rax, rdx);
        }
    }
    if (op.round) {
        mov(ecx, 0x8000'0000);
        add(rax, rcx);
    }
    shr(rax, 32);
    put(op.d, eax);
}

// The sum of two products of halves. It overflows only where all four are the most negative; then it reads as the most
// negative number, of which alone one cannot be taken without overflow.
void Emitter::dual_multiply(const ThumbOp& op) {
    if (op.subtract) {
        dual_difference(op);
        return;
    }
    if (op.swap) {
        pshuflw(xmm1, vector(op.m, xmm1), 0xb1);
    }
    const Xbyak::Xmm right = op.swap ? xmm1 : vector(op.m, xmm1);
    const Xbyak::Xmm left = vector(op.n, xmm0);
    if (left != xmm0) movdqa(xmm0, left);
    pmaddwd(xmm0, right);
    movd(eax, xmm0);
    cmp(eax, 1);
    note_overflow();
    if (op.a != kNone) {
        if (held(op.a) && op.a == op.d) {
            add(host(op.a), eax);
            note_overflow();
            put(op.d, host(op.a));
            return;
        }
        add(eax, source(op.a, ecx));
        note_overflow();
    }
    put(op.d, eax);
}

void Emitter::dual_difference(const ThumbOp& op) {
    half(eax, op.n, false);
    half(ecx, op.m, op.swap);
    imul(eax, ecx);
    half(edx, op.n, true);
    half(ecx, op.m, !op.swap);
    imul(edx, ecx);
    sub(eax, edx);
    if (op.a != kNone) {
        add(eax, source(op.a, ecx));
        note_overflow();
    }
    put(op.d, eax);
}

// rax, added to what is there where the instruction accumulates.
void Emitter::put_long(const ThumbOp& op) {
    if (op.accumulate) {
        get(ecx, op.d);
        get(edx, op.a);
        shl(rdx, 32);
        or_(rcx, rdx);
        add(rax, rcx);
    }
    put(op.d, eax);
    shr(rax, 32);
    put(op.a, eax);
}

void Emitter::long_multiply(const ThumbOp& op) {
    get(eax, op.n);
    get(ecx, op.m);
    if (op.is_signed) {
        movsxd(rax, eax);
        movsxd(rcx, ecx);
    }
    imul(rax, rcx);
    put_long(op);
}

void Emitter::long_halves(const ThumbOp& op) {
    const bool dual = op.act == Act::LongDual;
    half(eax, op.n, !dual && op.top_n);
    half(ecx, op.m, dual ? op.swap : op.top_m);
    imul(eax, ecx);
    movsxd(rax, eax);
    if (dual) {
        half(edx, op.n, true);
        half(ecx, op.m, !op.swap);
        imul(edx, ecx);
        movsxd(rdx, edx);
        if (op.subtract) {
            sub(rax, rdx);
        } else {
            add(rax, rdx);
        }
    }
    put_long(op);
}

void Emitter::divide(const EmittedOp& emitted) {
    const ThumbOp& op = emitted.op;
    Label& by_zero = label();
    Label& done = label();
    get(eax, op.n);
    get(ecx, op.m);
    mov(dword[rip + &emitted.division->dividend], eax);
    mov(dword[rip + &emitted.division->divisor], ecx);
    test(ecx, ecx);
    jz(by_zero, T_NEAR);
    if (op.is_signed) {  // in 64 bits, where nothing overflows
        movsxd(rax, eax);
        movsxd(rcx, ecx);
        cqo();
        idiv(rcx);
    } else {
        xor_(edx, edx);
        div(ecx);
    }
    jmp(done, T_NEAR);
    L(by_zero);
    xor_(eax, eax);
    L(done);
    put(op.d, eax);
}

}  // namespace mixq::sim
