// Generates element-wise addition: two SMLAxy per element onto the rounding constant, clamped and packed four to a word.
#include <array>

#include "kernels/generate/far.h"
#include "kernels/pooling/pooling.h"

namespace mixq::kernels::pooling {

using namespace generate;

namespace {

// Where output is an input, each word is read before it is written: the result depends on it.
constexpr Space kTensors = 1;
constexpr Space kOutput = 2;
constexpr int kWordsAtOnce = 4;

// r3: multipliers of a (bottom) and b (top); r4: the constant.
Reg four(Code& code, const Addition& addition, int offset) {
    const auto part = [&](Reg base) {
        std::array<Reg, 2> lanes{code.value(), code.value()};
        code.ldr(lanes[1], {base, offset, kTensors});
        code.uxtb16(lanes[0], lanes[1]);
        code.uxtb16(lanes[1], lanes[1], 8);
        return lanes;
    };
    const auto a = part(r0);
    const auto b = part(r1);
    std::array<Reg, 2> bytes{};
    for (std::size_t odd = 0; odd < 2; ++odd) {
        const Reg low = code.value();
        const Reg high = code.value();
        code.smlabb(low, a[odd], r3, r4);
        code.smlabt(low, b[odd], r3, low);
        code.smlatb(high, a[odd], r3, r4);
        code.smlatt(high, b[odd], r3, high);
        if (addition.shift == 16) {
            code.pkhtb(low, high, low, 16);
            code.usat16(low, addition.output_bits, low);
        } else {
            code.usat(low, addition.output_bits, low, asr(addition.shift));
            code.usat(high, addition.output_bits, high, asr(addition.shift));
            code.pkhbt(low, low, high, 16);
        }
        bytes[odd] = low;
    }
    code.orr(bytes[0], bytes[0], bytes[1], lsl(8));
    return bytes[0];
}

}  // namespace

Lowered add_code(const Addition& addition, const std::string& symbol) {
    check(addition);
    Routine routine(symbol);
    Code setup;
    setup.mov(r3,
              static_cast<std::uint32_t>(addition.multiplier_a) |
                  static_cast<std::uint32_t>(addition.multiplier_b) << 16);
    setup.mov(r4, static_cast<std::uint32_t>(addition.bias));
    routine.body().straight(setup, {});
    const std::vector<Reg> pool{r6, r7, r8, r9, r10, r11, r12, lr};
    const auto some = [&](int words) {
        Code code;
        for (int k = 0; k < words; ++k) {
            const Reg result = four(code, addition, 4 * k);
            code.str(result, {r2, 4 * k, kOutput});
        }
        code.add(r0, r0, 4 * words);
        code.add(r1, r1, 4 * words);
        code.add(r2, r2, 4 * words);
        return code;
    };
    const int words = addition.elements / 4;
    if (words >= kWordsAtOnce) {
        routine.body().loop(words / kWordsAtOnce, r5, "words").straight(some(kWordsAtOnce), pool);
    }
    if (words % kWordsAtOnce != 0) routine.body().straight(some(words % kWordsAtOnce), pool);
    Code rest;
    for (int k = 0; k < addition.elements % 4; ++k) {
        const Reg a = rest.value();
        const Reg b = rest.value();
        rest.ldrb(a, {r0, k, kTensors});
        rest.ldrb(b, {r1, k, kTensors});
        rest.smlabb(a, a, r3, r4);
        rest.smlabt(a, b, r3, a);
        rest.usat(a, addition.output_bits, a, asr(addition.shift));
        rest.strb(a, {r2, k, kOutput});
    }
    routine.body().straight(rest, pool);
    return lower(routine, Scheduling::List);
}

}  // namespace mixq::kernels::pooling
