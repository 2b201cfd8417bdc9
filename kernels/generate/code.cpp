// Encodings of the instructions a generated kernel may use: DDI 0403E, A5.3 and A7.7.
#include "kernels/generate/code.h"

#include <bit>
#include <stdexcept>

namespace mixq::kernels::generate {

namespace {

constexpr Reg kNone{};
constexpr std::uint32_t kSetsFlags = 1u << 20;

void require(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
}

std::uint32_t unsigned_of(int value) {
    return static_cast<std::uint32_t>(value);
}

// imm3:imm2 of a shift amount or bit position.
std::uint32_t split_five(int value) {
    return unsigned_of(value >> 2 & 7) << 12 | unsigned_of(value & 3) << 6;
}

// i:imm3:imm8 of twelve bits.
std::uint32_t split_twelve(std::uint32_t value) {
    return (value >> 11 & 1) << 26 | (value >> 8 & 7) << 12 | (value & 0xff);
}

}  // namespace

int modified_constant(std::uint32_t value) {
    const std::uint32_t low = value & 0xff;
    if (value == low) return static_cast<int>(low);
    if (value == (low | low << 16)) return static_cast<int>(0x100 | low);
    const std::uint32_t second = value >> 8 & 0xff;
    if (value == (second << 8 | second << 24)) return static_cast<int>(0x200 | second);
    if (value == (low | low << 8 | low << 16 | low << 24)) return static_cast<int>(0x300 | low);
    for (int rotation = 8; rotation < 32; ++rotation) {
        const std::uint32_t eight = std::rotl(value, rotation);
        if (eight < 0x100 && (eight & 0x80) != 0)
            return rotation << 7 | static_cast<int>(eight & 0x7f);
    }
    return -1;
}

Insn& Code::emit(std::uint32_t bits, Reg n, Reg t, Reg d, Reg m) {
    Insn insn;
    insn.bits = bits;
    insn.registers = {n, t, d, m};
    insns.push_back(insn);
    return insns.back();
}

void Code::append(const Code& other) {
    const int by = next_value_ - Reg::kFirstOpen;
    for (Insn insn : other.insns) {
        for (Reg& reg : insn.registers) {
            if (reg.open()) reg.id += by;
        }
        insns.push_back(insn);
    }
    next_value_ += other.next_value_ - Reg::kFirstOpen;
}

void Code::data(std::uint32_t opcode, Reg n, Reg d, Reg m, Shift shift, bool sets_flags) {
    require(shift.amount >= 0 && shift.amount <= 31, "a shift of more than 31");
    const std::uint32_t how =
        shift.amount == 0 ? 0 : split_five(shift.amount) | unsigned_of(shift.kind) << 4;
    emit(opcode | how | (sets_flags ? kSetsFlags : 0), n, kNone, d, m);
}

void Code::immediate(std::uint32_t opcode, Reg n, Reg d, std::uint32_t constant, bool sets_flags) {
    const int twelve = modified_constant(constant);
    require(twelve >= 0, "not a modified constant");
    emit(opcode | split_twelve(unsigned_of(twelve)) | (sets_flags ? kSetsFlags : 0),
         n,
         kNone,
         d,
         kNone);
}

void Code::field(std::uint32_t opcode, Reg n, Reg d, int lsb, int low_five) {
    require(lsb >= 0 && lsb <= 31 && low_five >= 0 && low_five <= 31,
            "a bit field outside its word");
    emit(opcode | split_five(lsb) | unsigned_of(low_five), n, kNone, d, kNone);
}

void Code::extend(std::uint32_t opcode, Reg n, Reg d, Reg m, int rotate) {
    require(rotate % 8 == 0 && rotate >= 0 && rotate < 32, "a rotation that is no multiple of 8");
    emit(opcode | unsigned_of(rotate / 8) << 4, n, kNone, d, m);
}

void Code::transfer(std::uint32_t positive, std::uint32_t negative, Reg t, At at) {
    require(at.offset >= -255 && at.offset <= 4095, "an offset outside -255..4095");
    const std::uint32_t bits =
        at.offset >= 0 ? positive | unsigned_of(at.offset) : negative | unsigned_of(-at.offset);
    Insn& insn = emit(bits, at.base, t, kNone, kNone);
    insn.space = at.space;
    insn.offset = at.offset;
}

void Code::indexed(std::uint32_t opcode, Reg t, Reg base, Reg index, int shift, Space space) {
    require(shift >= 0 && shift <= 3, "an index shifted by more than 3");
    Insn& insn = emit(opcode | unsigned_of(shift) << 4, base, t, kNone, index);
    insn.space = space;
    insn.indexed = true;
}

void Code::post(std::uint32_t opcode, Reg t, Reg base, int step, Space space) {
    require(step >= -255 && step <= 255, "a step outside -255..255");
    const std::uint32_t up = step >= 0 ? 1u << 9 : 0;
    Insn& insn = emit(opcode | up | unsigned_of(step >= 0 ? step : -step), base, t, kNone, kNone);
    insn.space = space;
    insn.update = step;
}

void Code::pair(std::uint32_t opcode, Reg t, Reg u, At at) {
    require(at.offset % 4 == 0 && at.offset >= -1020 && at.offset <= 1020,
            "an offset outside -1020..1020");
    const std::uint32_t up = at.offset >= 0 ? 1u << 23 : 0;
    Insn& insn = emit(opcode | up | unsigned_of(at.offset >= 0 ? at.offset : -at.offset) / 4,
                      at.base,
                      t,
                      u,
                      kNone);
    insn.space = at.space;
    insn.offset = at.offset;
}

void Code::multiple(std::uint32_t opcode, Reg base, const std::vector<Reg>& list, Space space) {
    require(list.size() >= 2, "a list of fewer than two registers");
    std::uint32_t bits = 0;
    for (const Reg reg : list) {
        require(!reg.open() && reg.exists(), "a list holds fixed registers");
        bits |= 1u << reg.id;
    }
    Insn& insn = emit(opcode | bits, base, kNone, kNone, kNone);
    insn.space = space;
    insn.update = 4 * std::popcount(bits);
}

void Code::mov(Reg d, Reg m) {
    emit(0xea4f0000, kNone, kNone, d, m);
}

void Code::mov(Reg d, std::uint32_t constant) {
    const int twelve = modified_constant(constant);
    if (twelve >= 0) {
        emit(0xf04f0000 | split_twelve(unsigned_of(twelve)), kNone, kNone, d, kNone);
        return;
    }
    const int inverted = modified_constant(~constant);
    if (inverted >= 0) {
        emit(0xf06f0000 | split_twelve(unsigned_of(inverted)), kNone, kNone, d, kNone);
        return;
    }
    const auto half = [](std::uint32_t value) {
        return (value >> 12 & 0xf) << 16 | split_twelve(value & 0xfff);
    };
    emit(0xf2400000 | half(constant & 0xffff), kNone, kNone, d, kNone);
    if (constant >> 16 != 0) emit(0xf2c00000 | half(constant >> 16), kNone, kNone, d, kNone);
}

void Code::mvn(Reg d, Reg m) {
    emit(0xea6f0000, kNone, kNone, d, m);
}

void Code::address(Reg d, const std::string& symbol) {
    emit(0xf2400000, kNone, kNone, d, kNone).symbol = symbol;
    emit(0xf2c00000, kNone, kNone, d, kNone).symbol = symbol;
}

void Code::add(Reg d, Reg n, int constant) {
    const bool down = constant < 0;
    const std::uint32_t magnitude = unsigned_of(down ? -constant : constant);
    const int twelve = modified_constant(magnitude);
    // The rotated constants take the early shifter, twelve plain bits do not.
    if (magnitude <= 4095) {
        emit((down ? 0xf2a00000 : 0xf2000000) | split_twelve(magnitude), n, kNone, d, kNone);
    } else {
        require(twelve >= 0, "not a modified constant");
        emit((down ? 0xf1a00000 : 0xf1000000) | split_twelve(unsigned_of(twelve)),
             n,
             kNone,
             d,
             kNone);
    }
}

void Code::adds(Reg d, Reg n, Reg m, Shift shift) {
    data(0xeb000000, n, d, m, shift, true);
}

void Code::subs(Reg d, Reg n, int constant) {
    immediate(0xf1a00000, n, d, unsigned_of(constant), true);
}

void Code::cmp(Reg n, Reg m) {
    emit(0xebb00f00, n, kNone, kNone, m);
}

void Code::cmp(Reg n, int constant) {
    immediate(0xf1b00f00, n, kNone, unsigned_of(constant));
}

void Code::sub(Reg d, Reg n, Reg m, Shift shift) {
    data(0xeba00000, n, d, m, shift);
}

void Code::rsb(Reg d, Reg n, Reg m, Shift shift) {
    data(0xebc00000, n, d, m, shift);
}

void Code::adc(Reg d, Reg n, Reg m, Shift shift) {
    data(0xeb400000, n, d, m, shift);
}

void Code::and_(Reg d, Reg n, Reg m, Shift shift) {
    data(0xea000000, n, d, m, shift);
}

void Code::bic(Reg d, Reg n, Reg m, Shift shift) {
    data(0xea200000, n, d, m, shift);
}

void Code::orr(Reg d, Reg n, Reg m, Shift shift) {
    data(0xea400000, n, d, m, shift);
}

void Code::eor(Reg d, Reg n, Reg m, Shift shift) {
    data(0xea800000, n, d, m, shift);
}

void Code::add(Reg d, Reg n, Reg m, Shift shift) {
    data(0xeb000000, n, d, m, shift);
}

void Code::and_(Reg d, Reg n, std::uint32_t constant) {
    immediate(0xf0000000, n, d, constant);
}

void Code::bic(Reg d, Reg n, std::uint32_t constant) {
    immediate(0xf0200000, n, d, constant);
}

void Code::eor(Reg d, Reg n, std::uint32_t constant) {
    immediate(0xf0800000, n, d, constant);
}

void Code::shift(Reg d, Reg m, Shift by) {
    require(by.amount >= 1, "a shift of nothing");
    data(0xea4f0000, kNone, d, m, by);
}

void Code::ubfx(Reg d, Reg n, int lsb, int width) {
    field(0xf3c00000, n, d, lsb, width - 1);
}

void Code::sbfx(Reg d, Reg n, int lsb, int width) {
    field(0xf3400000, n, d, lsb, width - 1);
}

void Code::bfi(Reg d, Reg n, int lsb, int width) {
    field(0xf3600000, n, d, lsb, lsb + width - 1);
}

void Code::pkhbt(Reg d, Reg n, Reg m, int left) {
    emit(0xeac00000 | split_five(left), n, kNone, d, m);
}

void Code::pkhtb(Reg d, Reg n, Reg m, int right) {
    emit(0xeac00020 | split_five(right & 31), n, kNone, d, m);
}

void Code::uxtb(Reg d, Reg m, int rotate) {
    extend(0xfa5ff080, kNone, d, m, rotate);
}

void Code::sxtb(Reg d, Reg m, int rotate) {
    extend(0xfa4ff080, kNone, d, m, rotate);
}

void Code::uxth(Reg d, Reg m, int rotate) {
    extend(0xfa1ff080, kNone, d, m, rotate);
}

void Code::sxth(Reg d, Reg m, int rotate) {
    extend(0xfa0ff080, kNone, d, m, rotate);
}

void Code::uxtb16(Reg d, Reg m, int rotate) {
    extend(0xfa3ff080, kNone, d, m, rotate);
}

void Code::sxtb16(Reg d, Reg m, int rotate) {
    extend(0xfa2ff080, kNone, d, m, rotate);
}

void Code::uxtab16(Reg d, Reg n, Reg m, int rotate) {
    extend(0xfa30f080, n, d, m, rotate);
}

void Code::sxtab16(Reg d, Reg n, Reg m, int rotate) {
    extend(0xfa20f080, n, d, m, rotate);
}

void Code::uxtab(Reg d, Reg n, Reg m, int rotate) {
    extend(0xfa50f080, n, d, m, rotate);
}

void Code::uxtah(Reg d, Reg n, Reg m, int rotate) {
    extend(0xfa10f080, n, d, m, rotate);
}

void Code::sxtah(Reg d, Reg n, Reg m, int rotate) {
    extend(0xfa00f080, n, d, m, rotate);
}

void Code::usat(Reg d, int bits, Reg n, Shift shift) {
    require(shift.kind == Shift::Lsl || shift.kind == Shift::Asr,
            "USAT shifts left, or right arithmetically");
    field(shift.kind == Shift::Asr && shift.amount > 0 ? 0xf3a00000 : 0xf3800000,
          n,
          d,
          shift.amount,
          bits);
}

void Code::ssat(Reg d, int bits, Reg n, Shift shift) {
    require(shift.kind == Shift::Lsl || shift.kind == Shift::Asr,
            "SSAT shifts left, or right arithmetically");
    field(shift.kind == Shift::Asr && shift.amount > 0 ? 0xf3200000 : 0xf3000000,
          n,
          d,
          shift.amount,
          bits - 1);
}

void Code::usat16(Reg d, int bits, Reg n) {
    require(bits >= 0 && bits <= 15, "USAT16 saturates to at most 15 bits");
    emit(0xf3a00000 | unsigned_of(bits), n, kNone, d, kNone);
}

void Code::rev(Reg d, Reg m) {
    emit(0xfa90f080, m, kNone, d, m);
}

void Code::rev16(Reg d, Reg m) {
    emit(0xfa90f090, m, kNone, d, m);
}

void Code::sadd16(Reg d, Reg n, Reg m) {
    emit(0xfa90f000, n, kNone, d, m);
}

void Code::ssub16(Reg d, Reg n, Reg m) {
    emit(0xfad0f000, n, kNone, d, m);
}

void Code::uadd16(Reg d, Reg n, Reg m) {
    emit(0xfa90f040, n, kNone, d, m);
}

void Code::usub16(Reg d, Reg n, Reg m) {
    emit(0xfad0f040, n, kNone, d, m);
}

void Code::uadd8(Reg d, Reg n, Reg m) {
    emit(0xfa80f040, n, kNone, d, m);
}

void Code::usub8(Reg d, Reg n, Reg m) {
    emit(0xfac0f040, n, kNone, d, m);
}

void Code::uqsub8(Reg d, Reg n, Reg m) {
    emit(0xfac0f050, n, kNone, d, m);
}

void Code::uqadd8(Reg d, Reg n, Reg m) {
    emit(0xfa80f050, n, kNone, d, m);
}

void Code::uhadd8(Reg d, Reg n, Reg m) {
    emit(0xfa80f060, n, kNone, d, m);
}

void Code::shadd16(Reg d, Reg n, Reg m) {
    emit(0xfa90f020, n, kNone, d, m);
}

void Code::qadd16(Reg d, Reg n, Reg m) {
    emit(0xfa90f010, n, kNone, d, m);
}

void Code::qsub16(Reg d, Reg n, Reg m) {
    emit(0xfad0f010, n, kNone, d, m);
}

void Code::uqsub16(Reg d, Reg n, Reg m) {
    emit(0xfad0f050, n, kNone, d, m);
}

void Code::sel(Reg d, Reg n, Reg m) {
    emit(0xfaa0f080, n, kNone, d, m);
}

void Code::mul(Reg d, Reg n, Reg m) {
    emit(0xfb00f000, n, kNone, d, m);
}

void Code::smulbb(Reg d, Reg n, Reg m) {
    emit(0xfb10f000, n, kNone, d, m);
}

void Code::smuad(Reg d, Reg n, Reg m) {
    emit(0xfb20f000, n, kNone, d, m);
}

void Code::smmul(Reg d, Reg n, Reg m) {
    emit(0xfb50f000, n, kNone, d, m);
}

void Code::mla(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb000000, n, a, d, m);
}

void Code::mls(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb000010, n, a, d, m);
}

void Code::smlabb(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb100000, n, a, d, m);
}

void Code::smlabt(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb100010, n, a, d, m);
}

void Code::smlatb(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb100020, n, a, d, m);
}

void Code::smlatt(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb100030, n, a, d, m);
}

void Code::smlad(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb200000, n, a, d, m);
}

void Code::smladx(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb200010, n, a, d, m);
}

void Code::smlsd(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb400000, n, a, d, m);
}

void Code::smlawb(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb300000, n, a, d, m);
}

void Code::smlawt(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb300010, n, a, d, m);
}

void Code::smmla(Reg d, Reg n, Reg m, Reg a) {
    emit(0xfb500000, n, a, d, m);
}

void Code::smull(Reg lo, Reg hi, Reg n, Reg m) {
    emit(0xfb800000, n, lo, hi, m);
}

void Code::umull(Reg lo, Reg hi, Reg n, Reg m) {
    emit(0xfba00000, n, lo, hi, m);
}

void Code::smlal(Reg lo, Reg hi, Reg n, Reg m) {
    emit(0xfbc00000, n, lo, hi, m);
}

void Code::umlal(Reg lo, Reg hi, Reg n, Reg m) {
    emit(0xfbe00000, n, lo, hi, m);
}

void Code::umaal(Reg lo, Reg hi, Reg n, Reg m) {
    emit(0xfbe00060, n, lo, hi, m);
}

void Code::smlald(Reg lo, Reg hi, Reg n, Reg m) {
    emit(0xfbc000c0, n, lo, hi, m);
}

void Code::ldr(Reg t, At at) {
    transfer(0xf8d00000, 0xf8500c00, t, at);
}

void Code::ldrb(Reg t, At at) {
    transfer(0xf8900000, 0xf8100c00, t, at);
}

void Code::ldrh(Reg t, At at) {
    transfer(0xf8b00000, 0xf8300c00, t, at);
}

void Code::ldrsb(Reg t, At at) {
    transfer(0xf9900000, 0xf9100c00, t, at);
}

void Code::ldrsh(Reg t, At at) {
    transfer(0xf9b00000, 0xf9300c00, t, at);
}

void Code::str(Reg t, At at) {
    transfer(0xf8c00000, 0xf8400c00, t, at);
}

void Code::strb(Reg t, At at) {
    transfer(0xf8800000, 0xf8000c00, t, at);
}

void Code::strh(Reg t, At at) {
    transfer(0xf8a00000, 0xf8200c00, t, at);
}

void Code::ldr(Reg t, Reg base, Reg index, int shift, Space space) {
    indexed(0xf8500000, t, base, index, shift, space);
}

void Code::ldrb(Reg t, Reg base, Reg index, int shift, Space space) {
    indexed(0xf8100000, t, base, index, shift, space);
}

void Code::ldrsb(Reg t, Reg base, Reg index, int shift, Space space) {
    indexed(0xf9100000, t, base, index, shift, space);
}

void Code::ldrh(Reg t, Reg base, Reg index, int shift, Space space) {
    indexed(0xf8300000, t, base, index, shift, space);
}

void Code::ldr_post(Reg t, Reg base, int step, Space space) {
    post(0xf8500900, t, base, step, space);
}

void Code::ldrb_post(Reg t, Reg base, int step, Space space) {
    post(0xf8100900, t, base, step, space);
}

void Code::ldrsb_post(Reg t, Reg base, int step, Space space) {
    post(0xf9100900, t, base, step, space);
}

void Code::ldrh_post(Reg t, Reg base, int step, Space space) {
    post(0xf8300900, t, base, step, space);
}

void Code::str_post(Reg t, Reg base, int step, Space space) {
    post(0xf8400900, t, base, step, space);
}

void Code::strb_post(Reg t, Reg base, int step, Space space) {
    post(0xf8000900, t, base, step, space);
}

void Code::strh_post(Reg t, Reg base, int step, Space space) {
    post(0xf8200900, t, base, step, space);
}

void Code::ldrd(Reg t, Reg u, At at) {
    pair(0xe9500000, t, u, at);
}

void Code::strd(Reg t, Reg u, At at) {
    pair(0xe9400000, t, u, at);
}

void Code::ldm(Reg base, const std::vector<Reg>& list, Space space) {
    multiple(0xe8b00000, base, list, space);
}

void Code::stm(Reg base, const std::vector<Reg>& list, Space space) {
    multiple(0xe8a00000, base, list, space);
}

void Code::nop() {
    emit(0xf3af8000, kNone, kNone, kNone, kNone);
}

}  // namespace mixq::kernels::generate
