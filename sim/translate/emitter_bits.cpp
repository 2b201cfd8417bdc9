// Fields, extension, saturation and reversal in host code.
#include <cstddef>

#include "sim/isa/instruction.h"
#include "sim/translate/emitter.h"

namespace mixq::sim {

namespace {

using namespace Xbyak::util;

constexpr std::size_t kSaturated = offsetof(GuestState, saturated);
constexpr std::uint32_t kMostPositive = 0x7fff'ffff;

std::uint32_t low_bits(unsigned count) {
    return count >= 32 ? ~0u : (1u << count) - 1;
}

}  // namespace

void Emitter::extend(const ThumbOp& op) {
    if (op.width == 3) {
        extend_halves(op);
        return;
    }
    Reg32 from = source(op.m, eax);
    if (op.amount != 0) {
        if (from != eax) mov(eax, from);
        ror(eax, op.amount);
        from = eax;
    }
    if (op.is_signed && op.width == 1) movsx(eax, from.cvt8());
    if (op.is_signed && op.width == 2) movsx(eax, from.cvt16());
    if (!op.is_signed && op.width == 1) movzx(eax, from.cvt8());
    if (!op.is_signed && op.width == 2) movzx(eax, from.cvt16());
    if (op.n != ThumbOp::kNone) add(eax, source(op.n, ecx));
    put(op.d, eax);
}

// Bytes 0 and 2, after rotation, to the two halves.
void Emitter::extend_halves(const ThumbOp& op) {
    const Xbyak::Xmm from = vector(op.m, xmm0);
    if (op.amount >= 16) {
        pshuflw(xmm0, from, 0xb1);
    } else if (from != xmm0) {
        movdqa(xmm0, from);
    }
    if (op.amount % 16 == 0) psllw(xmm0, 8);
    if (op.is_signed) {
        psraw(xmm0, 8);
    } else {
        psrlw(xmm0, 8);
    }
    if (op.n != ThumbOp::kNone) paddw(xmm0, vector(op.n, xmm1));
    put_vector(op.d, xmm0);
}

void Emitter::bit_insert(const ThumbOp& op) {
    const std::uint32_t field = low_bits(op.width);
    get(eax, op.d);
    and_(eax, ~(field << op.amount));
    if (op.n != ThumbOp::kNone) {
        get(ecx, op.n);
        and_(ecx, field);
        if (op.amount != 0) shl(ecx, op.amount);
        or_(eax, ecx);
    }
    put(op.d, eax);
}

void Emitter::bit_extract(const ThumbOp& op) {
    const int above = 32 - op.amount - op.width;
    get(eax, op.n);
    if (above != 0) shl(eax, above);
    if (op.width != 32) {
        if (op.is_signed) {
            sar(eax, 32 - op.width);
        } else {
            shr(eax, 32 - op.width);
        }
    }
    put(op.d, eax);
}

void Emitter::saturate(const ThumbOp& op) {
    const std::uint32_t most = op.is_signed ? low_bits(op.width - 1u) : low_bits(op.width);
    const std::uint32_t least = op.is_signed ? ~most : 0;
    get(eax, op.m);
    shift_constant(eax, op.shift, op.amount, false);
    mov(edx, eax);
    mov(ecx, most);
    cmp(eax, ecx);
    cmovg(eax, ecx);
    mov(ecx, least);
    cmp(eax, ecx);
    cmovl(eax, ecx);
    cmp(eax, edx);
    setne(dl);
    or_(flag(kSaturated), dl);
    put(op.d, eax);
}

void Emitter::saturating_add(const ThumbOp& op) {
    // What a value saturates to has its sign: the most positive, plus one where it is negative.
    const auto saturate_to = [&](const Reg32& bound, const Reg32& value) {
        mov(bound, value);
        shr(bound, 31);
        add(bound, kMostPositive);
    };
    get(edx, op.n);
    if (op.accumulate) {
        saturate_to(ecx, edx);
        add(edx, edx);
        cmovo(edx, ecx);
        seto(cl);
        or_(flag(kSaturated), cl);
    }
    get(eax, op.m);
    saturate_to(ecx, eax);
    if (op.subtract) {
        sub(eax, edx);
    } else {
        add(eax, edx);
    }
    cmovo(eax, ecx);
    seto(cl);
    or_(flag(kSaturated), cl);
    put(op.d, eax);
}

void Emitter::pack_halves(const ThumbOp& op) {
    get(eax, op.m);
    get(ecx, op.n);
    shift_constant(eax, op.shift, op.amount, false);
    const Reg32& top = op.swap ? ecx : eax;
    const Reg32& bottom = op.swap ? eax : ecx;
    and_(top, 0xffff'0000);
    movzx(bottom, bottom.cvt16());
    or_(eax, ecx);
    put(op.d, eax);
}

void Emitter::reverse(const ThumbOp& op) {
    get(eax, op.m);
    bswap(eax);
    if (op.act == Act::ReverseBytesInHalves) ror(eax, 16);
    if (op.act == Act::ReverseSignedHalf) sar(eax, 16);
    put(op.d, eax);
}

void Emitter::count_zeros(const ThumbOp& op) {
    get(ecx, op.m);
    mov(eax, 63);  // of zero, for which the host finds no bit
    bsr(ecx, ecx);
    cmovnz(eax, ecx);
    xor_(eax, 31);
    put(op.d, eax);
}

}  // namespace mixq::sim
