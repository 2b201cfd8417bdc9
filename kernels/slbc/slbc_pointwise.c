// Deep SLBC for 1x1 convolutions: a 16-bit weight lane holds the weights of two output channels, so one SMLAD multiplies two
// input channels with two output channels. Four pixels by four output channels at a time; the lower output channel's field is
// emptied every MIXQ_DEPTH input channels, the upper one has room for all. Planar input.
//
// Macros from the packer: MIXQ_FIELD_BITS, MIXQ_DEPTH (even), MIXQ_BLOCKS, so that depth times blocks covers the channels.
// Weights, in words, per four output channels: minus the biases' sum of both words; then per block the bias of both words'
// lower fields and, per two input channels, the two words.
#include "device/layer.h"

#define S MIXQ_FIELD_BITS
#define STEPS (MIXQ_DEPTH / 2)
#define PAIRS (STEPS * MIXQ_BLOCKS)  // of input channels
#define PIXELS 4

_Static_assert(MIXQ_KERNEL_HEIGHT == 1 && MIXQ_KERNEL_WIDTH == 1 && MIXQ_STRIDE == 1,
               "1x1 of stride 1");
_Static_assert(MIXQ_PADDING_Y == 0 && MIXQ_PADDING_X == 0, "padding");
_Static_assert(2 * PAIRS >= MIXQ_IN_CHANNELS, "channels");

// Rows of a plane start anywhere: an unaligned load is fine, a pair of them merged into LDRD is not.
typedef struct __attribute__((packed, may_alias)) {
    uint32_t word;
} unaligned;

MIXQ_INLINE uint32_t load_pixels(const uint8_t* in, uint32_t count) {
    if (count == PIXELS) return ((const unaligned*)in)->word;
    uint32_t word = 0;
    for (uint32_t i = 0; i < count; ++i) word |= (uint32_t)in[i] << (8 * i);
    return word;
}

// Four pixels of all channels: [pair of channels][pixel] words of two 16-bit lanes.
MIXQ_INLINE void fill_tile(uint32_t* restrict tile, const uint8_t* restrict input, uint32_t count) {
    for (uint32_t c = 0; c < 2 * PAIRS; c += 2) {
        const uint32_t a = c < MIXQ_IN_CHANNELS ? load_pixels(input, count) : 0;
        const uint32_t b =
            c + 1 < MIXQ_IN_CHANNELS ? load_pixels(input + MIXQ_OUT_PIXELS, count) : 0;
        const uint32_t a_even = mixq_even_unsigned(a), a_odd = mixq_odd_unsigned(a);
        const uint32_t b_even = mixq_even_unsigned(b), b_odd = mixq_odd_unsigned(b);
        tile[0] = (a_even & 0xffff) | b_even << 16;
        tile[1] = (a_odd & 0xffff) | b_odd << 16;
        tile[2] = a_even >> 16 | (b_even & 0xffff0000);
        tile[3] = a_odd >> 16 | (b_odd & 0xffff0000);
        tile += PIXELS;
        input += 2 * MIXQ_OUT_PIXELS;
    }
}

MIXQ_INLINE void store(
    void* output, uint32_t channel, uint32_t pixel, uint32_t count, const int32_t* sums) {
    if (channel >= MIXQ_OUT_CHANNELS) return;
    const int32_t multiplier = MIXQ_MULTIPLIER[channel];
    const int32_t bias = MIXQ_BIAS[channel];
#pragma GCC unroll 4
    for (uint32_t p = 0; p < PIXELS; ++p) {
        if (p < count)
            mixq_store(output, mixq_output_index(channel, pixel + p), sums[p], multiplier, bias);
    }
}

// The core, in registers of its own choice since it needs all of them: r0 tile, r1 weights, r2..r5 the accumulators of word 0
// for the four pixels, r6..r9 of word 1, r10 and r11 pixels in turn, r12 and lr the weight words. On the stack: the lower sums,
// the end of the block's tile, blocks left, the result.
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define FIELD TEXT(MIXQ_FIELD_BITS)
#define LINE(text) text "\n\t"
#define MULTIPLY(acc, pixels, w) LINE("smlad " #acc ", " #pixels ", " #w ", " #acc)
#define LOAD_PIXELS(into, step, pixel) LINE("ldr " #into ", [r0, #(" #step "*16+4*" #pixel ")]")
#define LOAD_WEIGHTS(into, step, word) LINE("ldr " #into ", [r1, #(" #step "*8+4*" #word ")]")
// clang-format off
// Two input channels. The first pixels and the first weights are there already; a load stands beside a multiply, two cycles
// before its value is needed.
#define STEP(step, next)                                     \
    LOAD_WEIGHTS(lr, step, 1)  MULTIPLY(r2, r10, r12)        \
    MULTIPLY(r3, r11, r12)                                   \
    MULTIPLY(r6, r10, lr)      LOAD_PIXELS(r10, step, 2)     \
    MULTIPLY(r7, r11, lr)      LOAD_PIXELS(r11, step, 3)     \
    MULTIPLY(r4, r10, r12)                                   \
    MULTIPLY(r5, r11, r12)     LOAD_WEIGHTS(r12, next, 0)    \
    MULTIPLY(r8, r10, lr)      LOAD_PIXELS(r10, next, 0)     \
    MULTIPLY(r9, r11, lr)      LOAD_PIXELS(r11, next, 1)
#if MIXQ_DEPTH % 8 == 0
#define UNROLLED "4"
#define BODY STEP(0, 1) STEP(1, 2) STEP(2, 3) STEP(3, 4)
#elif MIXQ_DEPTH % 4 == 0
#define UNROLLED "2"
#define BODY STEP(0, 1) STEP(1, 2)
#else
#define UNROLLED "1"
#define BODY STEP(0, 1)
#endif
// Adds the lower field of an accumulator to its sum and puts the next block's bias (r12) in its place.
#define EMPTY(acc, i)                        \
    LINE("ldr r10, [sp, #(4*" #i ")]")       \
    LINE("ubfx r11, " #acc ", #0, #" FIELD)  \
    LINE("bfi " #acc ", r12, #0, #" FIELD)   \
    LINE("add r10, r11")                     \
    LINE("str r10, [sp, #(4*" #i ")]")
// Both sums of an accumulator into the result (r0): word's lower channel, then its upper one.
#define FINISH(acc, word, pixel)                              \
    LINE("ldr r10, [sp, #(16*" #word "+4*" #pixel ")]")       \
    LINE("ubfx r11, " #acc ", #0, #" FIELD)                   \
    LINE("asr " #acc ", " #acc ", #" FIELD)                   \
    LINE("add r10, r11")                                      \
    LINE("str " #acc ", [r0, #(32*" #word "+16+4*" #pixel ")]") \
    LINE("str r10, [r0, #(32*" #word "+4*" #pixel ")]")

// Sums of four output channels, [channel][pixel], into `sums`. Returns where the next weights lie. Reads two words beyond tile
// and weights, which the packer left room for.
static __attribute__((naked, noinline)) const uint32_t *run_quad(
    const uint32_t *tile __attribute__((unused)), const uint32_t *weights __attribute__((unused)),
    int32_t *sums __attribute__((unused))) {
    __asm(
        LINE("push {r4-r11, lr}") LINE("sub sp, #44")
        LINE("str r2, [sp, #40]")
        LINE("ldr r10, [r1], #4") LINE("ldr r11, [r1], #4")
        LINE("str r10, [sp]") LINE("str r10, [sp, #4]") LINE("str r10, [sp, #8]") LINE("str r10, [sp, #12]")
        LINE("str r11, [sp, #16]") LINE("str r11, [sp, #20]") LINE("str r11, [sp, #24]") LINE("str r11, [sp, #28]")
        LINE("movw r12, #" TEXT(MIXQ_BLOCKS)) LINE("str r12, [sp, #36]")
        LINE("movw r12, #(8*" TEXT(MIXQ_DEPTH) ")") LINE("add r12, r0") LINE("str r12, [sp, #32]")
        LINE("ldr r2, [r1], #4") LINE("ldr r6, [r1], #4")
        LINE("mov r3, r2") LINE("mov r4, r2") LINE("mov r5, r2")
        LINE("mov r7, r6") LINE("mov r8, r6") LINE("mov r9, r6")
        LINE("2:") LOAD_PIXELS(r10, 0, 0) LOAD_PIXELS(r11, 0, 1) LOAD_WEIGHTS(r12, 0, 0)
        LINE("1:") BODY
        LINE("ldr lr, [sp, #32]") LINE("add r0, #(16*" UNROLLED ")") LINE("add r1, #(8*" UNROLLED ")")
        LINE("cmp r0, lr") LINE("bne 1b")
        LINE("ldr r10, [sp, #36]") LINE("subs r10, #1") LINE("beq 3f") LINE("str r10, [sp, #36]")
        LINE("movw r12, #(8*" TEXT(MIXQ_DEPTH) ")") LINE("add r12, lr") LINE("str r12, [sp, #32]")
        LINE("ldr r12, [r1], #4") EMPTY(r2, 0) EMPTY(r3, 1) EMPTY(r4, 2) EMPTY(r5, 3)
        LINE("ldr r12, [r1], #4") EMPTY(r6, 4) EMPTY(r7, 5) EMPTY(r8, 6) EMPTY(r9, 7)
        LINE("b 2b")
        LINE("3:") LINE("ldr r0, [sp, #40]")
        FINISH(r2, 0, 0) FINISH(r3, 0, 1) FINISH(r4, 0, 2) FINISH(r5, 0, 3)
        FINISH(r6, 1, 0) FINISH(r7, 1, 1) FINISH(r8, 1, 2) FINISH(r9, 1, 3)
        LINE("mov r0, r1") LINE("add sp, #44") LINE("pop {r4-r11, pc}"));
}

// clang-format on

static void run_tile(
    const uint8_t* restrict input, void* output, uint32_t* tile, uint32_t pixel, uint32_t count) {
    fill_tile(tile, input + pixel, count);
    const uint32_t* weights = (const uint32_t*)MIXQ_WEIGHTS;
    for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; channel += 4) {
        int32_t sums[4 * PIXELS];
        weights = run_quad(tile, weights, sums);
#pragma GCC unroll 4
        for (uint32_t i = 0; i < 4; ++i)
            store(output, channel + i, pixel, count, sums + i * PIXELS);
    }
}

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    uint32_t pixel = 0;
    for (; pixel + PIXELS <= MIXQ_OUT_PIXELS; pixel += PIXELS)
        run_tile(input, output, scratch, pixel, PIXELS);
    if (MIXQ_OUT_PIXELS % PIXELS != 0)
        run_tile(input, output, scratch, pixel, MIXQ_OUT_PIXELS % PIXELS);
}
