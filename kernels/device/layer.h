// What every kernel's device source shares: the macros of its layer, checked; requantisation, bit-exact to
// kernels/network/network.h; and where an output element lies.
//
// A source is compiled once per layer. Input, output, scratch and weights are aligned to 8 bytes, input and output do
// not overlap, and every activation is one byte whatever its bits. Macros from the firmware: MIXQ_FUNCTION, MIXQ_WEIGHTS,
// MIXQ_MULTIPLIER, MIXQ_BIAS (names) and the numbers checked below. From the packer, for requantisation:
//   MIXQ_SCALE_SHIFT   if defined: the multipliers are stored times 2^(16 - MIXQ_SCALE_SHIFT), so that the scaled accumulator
//                      is the high word of one 32 x 32 product (SMMLA) after the accumulator moved up by MIXQ_SCALE_SHIFT.
#pragma once

#include <arm_acle.h>
#include <stdint.h>
#include <string.h>

_Static_assert(MIXQ_IN_CHANNELS >= 1 && MIXQ_OUT_CHANNELS >= 1, "channels");
_Static_assert(MIXQ_KERNEL_HEIGHT >= 1 && MIXQ_KERNEL_WIDTH >= 1 && MIXQ_STRIDE >= 1, "kernel");
_Static_assert(MIXQ_PADDING_Y >= 0 && MIXQ_PADDING_X >= 0, "padding");
_Static_assert(MIXQ_OUT_HEIGHT ==
                   (MIXQ_IN_HEIGHT + 2 * MIXQ_PADDING_Y - MIXQ_KERNEL_HEIGHT) / MIXQ_STRIDE + 1,
               "output height");
_Static_assert(MIXQ_OUT_WIDTH ==
                   (MIXQ_IN_WIDTH + 2 * MIXQ_PADDING_X - MIXQ_KERNEL_WIDTH) / MIXQ_STRIDE + 1,
               "output width");
_Static_assert(MIXQ_WEIGHT_BITS >= 2 && MIXQ_WEIGHT_BITS <= 8, "weight bits");
_Static_assert(MIXQ_ACTIVATION_BITS >= 2 && MIXQ_ACTIVATION_BITS <= 8, "activation bits");
_Static_assert(MIXQ_OUTPUT_BITS == 0 || (MIXQ_OUTPUT_BITS >= 2 && MIXQ_OUTPUT_BITS <= 8),
               "output bits: 2..8, or 0 for logits");
_Static_assert(MIXQ_SHIFT >= 0 && MIXQ_SHIFT <= 31, "shift");
_Static_assert(MIXQ_OUTPUT_INTERLEAVED == 0 || MIXQ_OUTPUT_INTERLEAVED == 1, "output layout");
_Static_assert(!MIXQ_DEPTHWISE || MIXQ_IN_CHANNELS == MIXQ_OUT_CHANNELS, "depthwise channels");

extern const uint8_t MIXQ_WEIGHTS[] __attribute__((aligned(8)));
extern const int32_t MIXQ_MULTIPLIER[];
extern const int32_t MIXQ_BIAS[];

#define MIXQ_INLINE static inline __attribute__((always_inline))
#define MIXQ_OUT_PIXELS (MIXQ_OUT_HEIGHT * MIXQ_OUT_WIDTH)

// One word, which GCC must not assume to be of another type than the bytes it was written as.
typedef uint32_t __attribute__((may_alias)) mixq_word;
typedef uint16_t __attribute__((may_alias)) mixq_half;

// Bytes 0 and 2, or 1 and 3, of a word as two 16-bit lanes: zero-extended (UXTB16), sign-extended (SXTB16), or
// zero-extended and added to two lanes (UXTAB16). The rotation is free and GCC 12 has no intrinsic that offers it.
#define MIXQ_LANES(name, instruction)                  \
    MIXQ_INLINE uint32_t name(uint32_t bytes) {        \
        uint32_t lanes;                                \
        __asm(instruction : "=r"(lanes) : "r"(bytes)); \
        return lanes;                                  \
    }
MIXQ_LANES(mixq_even_unsigned, "uxtb16 %0, %1")
MIXQ_LANES(mixq_odd_unsigned, "uxtb16 %0, %1, ror #8")
MIXQ_LANES(mixq_even_signed, "sxtb16 %0, %1")
MIXQ_LANES(mixq_odd_signed, "sxtb16 %0, %1, ror #8")

MIXQ_INLINE uint32_t mixq_add_even(uint32_t lanes, uint32_t bytes) {
    __asm("uxtab16 %0, %0, %1" : "+r"(lanes) : "r"(bytes));
    return lanes;
}

MIXQ_INLINE uint32_t mixq_add_odd(uint32_t lanes, uint32_t bytes) {
    __asm("uxtab16 %0, %0, %1, ror #8" : "+r"(lanes) : "r"(bytes));
    return lanes;
}

// Element index of channel c at pixel p (row * width + column) of the output.
MIXQ_INLINE uint32_t mixq_output_index(uint32_t c, uint32_t p) {
    return MIXQ_OUTPUT_INTERLEAVED ? p * MIXQ_OUT_CHANNELS + c : c * MIXQ_OUT_PIXELS + p;
}

#if MIXQ_OUTPUT_BITS > 0
// clamp(value >> MIXQ_SHIFT, 0, 2^MIXQ_OUTPUT_BITS - 1), one instruction.
MIXQ_INLINE uint32_t mixq_clamp(int32_t value) {
    uint32_t result;
#if MIXQ_SHIFT > 0
    __asm("usat %0, %1, %2, asr %3"
          : "=r"(result)
          : "I"(MIXQ_OUTPUT_BITS), "r"(value), "I"(MIXQ_SHIFT));
#else
    __asm("usat %0, %1, %2" : "=r"(result) : "I"(MIXQ_OUTPUT_BITS), "r"(value));
#endif
    return result;
}

// clamp(floor((multiplier * accumulator + bias * 2^16) / 2^(16 + shift))).
MIXQ_INLINE uint32_t mixq_requantise(int32_t accumulator, int32_t multiplier, int32_t bias) {
#ifdef MIXQ_SCALE_SHIFT
    int32_t value;
    __asm("smmla %0, %1, %2, %3"
          : "=r"(value)
          : "r"(accumulator << MIXQ_SCALE_SHIFT), "r"(multiplier), "r"(bias));
    return mixq_clamp(value);
#else
    return mixq_clamp((int32_t)(((int64_t)multiplier * accumulator) >> 16) + bias);
#endif
}

// The same for a signed 16-bit accumulator in the bottom or top half of a register. `multiplier` is unscaled here:
// packers that use these do not set MIXQ_SCALE_SHIFT.
MIXQ_INLINE uint32_t mixq_requantise_bottom(int32_t lanes, int32_t multiplier, int32_t bias) {
    return mixq_clamp(__smlawb(multiplier, lanes, bias));
}

MIXQ_INLINE uint32_t mixq_requantise_top(int32_t lanes, int32_t multiplier, int32_t bias) {
    return mixq_clamp(__smlawt(multiplier, lanes, bias));
}
#endif

// Finishes one output element: requantised to a byte, or a 32-bit logit.
MIXQ_INLINE void mixq_store(
    void* output, uint32_t index, int32_t accumulator, int32_t multiplier, int32_t bias) {
#if MIXQ_OUTPUT_BITS > 0
    ((uint8_t*)output)[index] = (uint8_t)mixq_requantise(accumulator, multiplier, bias);
#else
    (void)multiplier;
    ((int32_t*)output)[index] = accumulator + bias;
#endif
}
