// Straight-line code under construction: one method per instruction, in the manual's operand order. Values that need a register for
// a while are asked for with value() and get one when the code is scheduled.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/generate/instruction.h"

namespace mixq::kernels::generate {

// An inline shift of a register operand; none by default. `amount` 1..31.
struct Shift {
    enum Kind : std::uint8_t { Lsl, Lsr, Asr, Ror };

    Kind kind = Lsl;
    int amount = 0;
};

constexpr Shift lsl(int amount) {
    return {Shift::Lsl, amount};
}

constexpr Shift lsr(int amount) {
    return {Shift::Lsr, amount};
}

constexpr Shift asr(int amount) {
    return {Shift::Asr, amount};
}

constexpr Shift ror(int amount) {
    return {Shift::Ror, amount};
}

// What a load or store touches: a base register and -255..4095 bytes. `space` says which memory (see Space).
struct At {
    Reg base;
    int offset = 0;
    Space space = 0;
};

// Whether a number is a modified constant of Thumb-2, free (8 bits, or a replicated byte) or rotated (which takes the early
// shifter): the 12 bits i:imm3:imm8, or -1.
int modified_constant(std::uint32_t value);

// Immediates outside an instruction's range throw std::logic_error: the generator's mistake, never the user's.
class Code {
  public:
    std::vector<Insn> insns;

    // A new value, given its register when it is scheduled, for as long as it is used in this code.
    Reg value() { return Reg{next_value_++}; }

    // Appends; values of the other code are renumbered.
    void append(const Code& other);

    // --- moves and constants
    void mov(Reg d, Reg m);
    void mov(Reg d, std::uint32_t constant);  // one or two instructions
    void mvn(Reg d, Reg m);
    void address(Reg d, const std::string& symbol);  // MOVW, MOVT of a symbol's address

    // --- arithmetic and logic
    void add(Reg d, Reg n, Reg m, Shift shift = {});
    void add(Reg d, Reg n, int constant);  // -4095..4095, or a modified constant
    void sub(Reg d, Reg n, Reg m, Shift shift = {});

    void sub(Reg d, Reg n, int constant) { add(d, n, -constant); }

    void rsb(Reg d, Reg n, Reg m, Shift shift = {});
    void adds(Reg d, Reg n, Reg m, Shift shift = {});  // sets the flags
    void adc(Reg d, Reg n, Reg m, Shift shift = {});
    void subs(Reg d, Reg n, int constant);  // a modified constant; sets the flags
    void cmp(Reg n, Reg m);
    void cmp(Reg n, int constant);
    void and_(Reg d, Reg n, Reg m, Shift shift = {});
    void and_(Reg d, Reg n, std::uint32_t constant);  // a modified constant
    void bic(Reg d, Reg n, Reg m, Shift shift = {});
    void bic(Reg d, Reg n, std::uint32_t constant);
    void orr(Reg d, Reg n, Reg m, Shift shift = {});
    void eor(Reg d, Reg n, Reg m, Shift shift = {});
    void eor(Reg d, Reg n, std::uint32_t constant);
    void shift(Reg d, Reg m, Shift by);  // LSL, LSR, ASR, ROR by a constant

    // --- bit fields, packs, extensions, saturation; `rotate` is 0, 8, 16 or 24
    void ubfx(Reg d, Reg n, int lsb, int width);
    void sbfx(Reg d, Reg n, int lsb, int width);
    void bfi(Reg d, Reg n, int lsb, int width);
    void pkhbt(Reg d, Reg n, Reg m, int left = 0);   // bottom of n, top of m << left
    void pkhtb(Reg d, Reg n, Reg m, int right = 0);  // top of n, bottom of m >> right (arithmetic)
    void uxtb(Reg d, Reg m, int rotate = 0);
    void sxtb(Reg d, Reg m, int rotate = 0);
    void uxth(Reg d, Reg m, int rotate = 0);
    void sxth(Reg d, Reg m, int rotate = 0);
    void uxtb16(Reg d, Reg m, int rotate = 0);
    void sxtb16(Reg d, Reg m, int rotate = 0);
    void uxtab16(Reg d, Reg n, Reg m, int rotate = 0);
    void sxtab16(Reg d, Reg n, Reg m, int rotate = 0);
    void uxtab(Reg d, Reg n, Reg m, int rotate = 0);
    void uxtah(Reg d, Reg n, Reg m, int rotate = 0);
    void sxtah(Reg d, Reg n, Reg m, int rotate = 0);
    void usat(Reg d, int bits, Reg n, Shift shift = {});  // to 0 .. 2^bits - 1; LSL or ASR
    void ssat(Reg d, int bits, Reg n, Shift shift = {});
    void usat16(Reg d, int bits, Reg n);
    void rev(Reg d, Reg m);
    void rev16(Reg d, Reg m);
    // Parallel additions and subtractions; all but the halving and saturating ones set GE.
    void sadd16(Reg d, Reg n, Reg m);
    void ssub16(Reg d, Reg n, Reg m);
    void uadd16(Reg d, Reg n, Reg m);
    void usub16(Reg d, Reg n, Reg m);
    void uadd8(Reg d, Reg n, Reg m);
    void usub8(Reg d, Reg n, Reg m);
    void uqsub8(Reg d, Reg n, Reg m);
    void uqadd8(Reg d, Reg n, Reg m);
    void uhadd8(Reg d, Reg n, Reg m);
    void shadd16(Reg d, Reg n, Reg m);
    void qadd16(Reg d, Reg n, Reg m);
    void qsub16(Reg d, Reg n, Reg m);
    void uqsub16(Reg d, Reg n, Reg m);
    void sel(Reg d, Reg n, Reg m);

    // --- multiplies
    void mul(Reg d, Reg n, Reg m);
    void mla(Reg d, Reg n, Reg m, Reg a);
    void mls(Reg d, Reg n, Reg m, Reg a);
    void smulbb(Reg d, Reg n, Reg m);
    void smlabb(Reg d, Reg n, Reg m, Reg a);
    void smlabt(Reg d, Reg n, Reg m, Reg a);
    void smlatb(Reg d, Reg n, Reg m, Reg a);
    void smlatt(Reg d, Reg n, Reg m, Reg a);
    void smuad(Reg d, Reg n, Reg m);
    void smlad(Reg d, Reg n, Reg m, Reg a);
    void smladx(Reg d, Reg n, Reg m, Reg a);
    void smlsd(Reg d, Reg n, Reg m, Reg a);
    void smlawb(Reg d, Reg n, Reg m, Reg a);  // a + (n * bottom of m >> 16)
    void smlawt(Reg d, Reg n, Reg m, Reg a);
    void smmul(Reg d, Reg n, Reg m);
    void smmla(Reg d, Reg n, Reg m, Reg a);  // a + (n * m >> 32)
    void smull(Reg lo, Reg hi, Reg n, Reg m);
    void umull(Reg lo, Reg hi, Reg n, Reg m);
    void smlal(Reg lo, Reg hi, Reg n, Reg m);
    void umlal(Reg lo, Reg hi, Reg n, Reg m);
    void umaal(Reg lo, Reg hi, Reg n, Reg m);
    void smlald(Reg lo, Reg hi, Reg n, Reg m);

    // --- loads and stores
    void ldr(Reg t, At at);
    void ldrb(Reg t, At at);
    void ldrh(Reg t, At at);
    void ldrsb(Reg t, At at);
    void ldrsh(Reg t, At at);
    void str(Reg t, At at);
    void strb(Reg t, At at);
    void strh(Reg t, At at);
    // From [base + (index << 0..3)].
    void ldr(Reg t, Reg base, Reg index, int shift, Space space);
    void ldrb(Reg t, Reg base, Reg index, int shift, Space space);
    void ldrsb(Reg t, Reg base, Reg index, int shift, Space space);
    void ldrh(Reg t, Reg base, Reg index, int shift, Space space);
    // At the base, which moves on by `step` (-255..255) afterwards.
    void ldr_post(Reg t, Reg base, int step, Space space);
    void ldrb_post(Reg t, Reg base, int step, Space space);
    void ldrsb_post(Reg t, Reg base, int step, Space space);
    void ldrh_post(Reg t, Reg base, int step, Space space);
    void str_post(Reg t, Reg base, int step, Space space);
    void strb_post(Reg t, Reg base, int step, Space space);
    void strh_post(Reg t, Reg base, int step, Space space);
    // Two words at a multiple of 4, -1020..1020. They issue alone.
    void ldrd(Reg t, Reg u, At at);
    void strd(Reg t, Reg u, At at);
    // Fixed registers only, lowest first; the base moves on.
    void ldm(Reg base, const std::vector<Reg>& list, Space space);
    void stm(Reg base, const std::vector<Reg>& list, Space space);

    void nop();

  private:
    // n, t, d and m are the registers at bits 16, 12, 8 and 0.
    Insn& emit(std::uint32_t bits, Reg n, Reg t, Reg d, Reg m);
    void data(std::uint32_t opcode, Reg n, Reg d, Reg m, Shift shift, bool sets_flags = false);
    void immediate(
        std::uint32_t opcode, Reg n, Reg d, std::uint32_t constant, bool sets_flags = false);
    void field(std::uint32_t opcode, Reg n, Reg d, int lsb, int low_five);
    void extend(std::uint32_t opcode, Reg n, Reg d, Reg m, int rotate);
    void transfer(std::uint32_t positive, std::uint32_t negative, Reg t, At at);
    void indexed(std::uint32_t opcode, Reg t, Reg base, Reg index, int shift, Space space);
    void post(std::uint32_t opcode, Reg t, Reg base, int step, Space space);
    void pair(std::uint32_t opcode, Reg t, Reg u, At at);
    void multiple(std::uint32_t opcode, Reg base, const std::vector<Reg>& list, Space space);

    int next_value_ = Reg::kFirstOpen;
};

}  // namespace mixq::kernels::generate
