// Deep SLBC for 3x3 convolutions of stride 1: FIELDS activations times the three taps of a kernel row in one SMLAL, added up
// over MIXQ_GROUP channels and all three kernel rows inside the packed accumulator, and only then segmented. Two output rows
// at once; along a row the upper fields of one strip carry over into the next one (Theorem IV.1), which for 8-bit fields is
// just a new name for a register. Planar input.
//
// Macros from the packer:
//   MIXQ_FIELD_BITS, MIXQ_FIELDS   S and the activations per word: 8/4, 9/4, 11/3, 12/3, 13/2 or 14/2
//   MIXQ_STRIPS                    words of one row
//   MIXQ_GROUP, MIXQ_GROUPS        channels between two segmentations; groups per chunk
//   MIXQ_CHUNKS                    1: the sums fit 16-bit lanes; more: lanes are widened after each chunk of groups
// Weights, in words: per filter and chunk the lanes' start (minus the sum of its biases, twice), then per group 3 words per
// channel (taps of kernel rows 0..2) and the start of the packed accumulator: for 8-bit fields the bias in all four bytes;
// otherwise low and high word of the bias in all fields but the two a carry fills, and the low word of the bias in all fields.
#include "device/layer.h"

#define S MIXQ_FIELD_BITS
#define FIELDS MIXQ_FIELDS
#define STRIPS MIXQ_STRIPS
#define BAND_CHANNELS (MIXQ_GROUP * MIXQ_GROUPS * MIXQ_CHUNKS)
#if MIXQ_FIELDS > 2
#define LANE_WORDS 2  // of 16-bit lanes, per strip and row
#else
#define LANE_WORDS 1
#endif
#define FIRST_FIELD (2 - MIXQ_PADDING_X)  // the field of output column 0
// Output columns whose fields lie beyond the last strip's own.
#define TAIL (MIXQ_OUT_WIDTH + FIRST_FIELD > FIELDS * STRIPS)

_Static_assert(MIXQ_KERNEL_HEIGHT == 3 && MIXQ_KERNEL_WIDTH == 3 && MIXQ_STRIDE == 1,
               "3x3 of stride 1");
_Static_assert(MIXQ_PADDING_X <= 2 && MIXQ_PADDING_Y <= 2, "padding");
_Static_assert(STRIPS == (MIXQ_IN_WIDTH + FIELDS - 1) / FIELDS, "strips");
_Static_assert(BAND_CHANNELS >= MIXQ_IN_CHANNELS, "channels");
_Static_assert(16 * STRIPS * MIXQ_GROUP <= 4096,
               "a group of the band must lie within a load's offset");

// The band: four input rows of every channel as packed words, [channel][row][strip].
typedef struct {
    uint32_t band[BAND_CHANNELS * 4 * STRIPS];
    uint32_t lanes[(STRIPS + 1) * 2 * LANE_WORDS];  // [strip][row][word]
#if MIXQ_CHUNKS > 1
    int32_t sums[(STRIPS + 1) * 2 * FIELDS];  // [strip][row][field]
#endif
} scratch_area;

MIXQ_INLINE uint32_t pack_word(const uint8_t* in, uint32_t count) {
    uint32_t word = 0;
    for (uint32_t i = 0; i < count; ++i) word |= (uint32_t)in[i] << (S * i);
    return word;
}

MIXQ_INLINE void pack_row(uint32_t* restrict words, const uint8_t* restrict input, int32_t y) {
    if ((uint32_t)y >= MIXQ_IN_HEIGHT) {
        for (uint32_t s = 0; s < STRIPS; ++s) words[s] = 0;
        return;
    }
    const uint8_t* in = input + y * MIXQ_IN_WIDTH;
    for (int32_t s = 0; s < MIXQ_IN_WIDTH / FIELDS; ++s) {
#if MIXQ_FIELD_BITS == 8 && MIXQ_IN_WIDTH % 4 == 0
        words[s] = *(const mixq_word*)(in + 4 * s);
#else
        words[s] = pack_word(in + FIELDS * s, FIELDS);
#endif
    }
    if (MIXQ_IN_WIDTH % FIELDS != 0) {
        words[STRIPS - 1] = pack_word(in + FIELDS * (STRIPS - 1), MIXQ_IN_WIDTH % FIELDS);
    }
}

// Makes the band hold input rows y .. y + 3; all but the first time its upper half is already there, two rows too far down.
static void advance(uint32_t* restrict band, const uint8_t* restrict input, int32_t y, int first) {
    for (uint32_t c = 0; c < MIXQ_IN_CHANNELS; ++c) {
        if (first) {
            pack_row(band, input, y);
            pack_row(band + STRIPS, input, y + 1);
        } else {
            for (uint32_t s = 0; s < 2 * STRIPS; ++s) band[s] = band[2 * STRIPS + s];
        }
        pack_row(band + 2 * STRIPS, input, y + 2);
        pack_row(band + 3 * STRIPS, input, y + 3);
        band += 4 * STRIPS;
        input += MIXQ_IN_HEIGHT * MIXQ_IN_WIDTH;
    }
}

// The core, in registers of its own choice since it needs all of them.
//   r0 band, r1 weights, r2 lanes; r3:r4 and r5:r6 the packed accumulators of the upper and the lower output row;
//   r7..r10 band rows 0..3, r11, r12, lr kernel rows 0..2; at a segmentation r7, r11 and r8, r12 hold lanes
// On the stack: the lanes' start and end, groups left.
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define LINE(text) text "\n\t"
#define FIELD TEXT(MIXQ_FIELD_BITS)
#define LOAD_ROW(into, c, row) \
    LINE("ldr " #into ", [r0, #((4*(" c ")+" #row ")*4*" TEXT(MIXQ_STRIPS) ")]")
#define LOAD_WEIGHT(into, c, row) LINE("ldr " #into ", [r1, #(4*(3*(" c ")+" #row "))]")
#define LOAD_CONSTANT(into, i) LINE("ldr " #into ", [r1, #(12*" TEXT(MIXQ_GROUP) "+4*" #i ")]")
#define LOAD_LANES(into, i) LINE("ldr " #into ", [r2, #(4*" #i ")]")
#define STORE_LANES(from, i) LINE("str " #from ", [r2, #(4*" #i ")]")
// Into the accumulator of the upper or of the lower row.
#define UPPER(a, w) LINE("smlal r3, r4, " #a ", " #w)
#define LOWER(a, w) LINE("smlal r5, r6, " #a ", " #w)

// clang-format off
// One channel: band rows against kernel rows for both output rows, a load beside every multiply. Band rows 0 and 1, kernel rows
// 0 and 1 are there already, and the last slots fetch what comes next.
#define CHANNEL(c, next0, next1, next2, next3) \
    UPPER(r7, r11)  LOAD_WEIGHT(lr, c, 2)      \
    LOWER(r8, r11)  LOAD_ROW(r9, c, 2)         \
    UPPER(r8, r12)  LOAD_ROW(r10, c, 3)        \
    LOWER(r9, r12)  next0                      \
    UPPER(r9, lr)   next1                      \
    LOWER(r10, lr)  next2 next3
#define STEP(c)                                                   \
    CHANNEL(#c,                                                   \
            LOAD_ROW(r7, #c "+1", 0), LOAD_WEIGHT(r11, #c "+1", 0), \
            LOAD_ROW(r8, #c "+1", 1), LOAD_WEIGHT(r12, #c "+1", 1))
#if LANE_WORDS == 2
#define LAST(c) CHANNEL(c, LOAD_LANES(r7, 0), LOAD_LANES(r11, 1), LOAD_LANES(r8, 2), LOAD_LANES(r12, 3))
#define LOAD_ALL LOAD_LANES(r7, 0) LOAD_LANES(r11, 1) LOAD_LANES(r8, 2) LOAD_LANES(r12, 3)
#define STORE_ALL STORE_LANES(r7, 0) STORE_LANES(r11, 1) STORE_LANES(r8, 2) STORE_LANES(r12, 3)
#else
#define LAST(c) CHANNEL(c, LOAD_LANES(r7, 0), LOAD_LANES(r8, 1), , )
#define LOAD_ALL LOAD_LANES(r7, 0) LOAD_LANES(r8, 1)
#define STORE_ALL STORE_LANES(r7, 0) STORE_LANES(r8, 1)
#endif
#define STEPS_1
#define STEPS_2 STEP(0)
#define STEPS_3 STEPS_2 STEP(1)
#define STEPS_4 STEPS_3 STEP(2)
#define STEPS_5 STEPS_4 STEP(3)
#define STEPS_6 STEPS_5 STEP(4)
#define STEPS_7 STEPS_6 STEP(5)
#define STEPS_8 STEPS_7 STEP(6)
#define STEPS_9 STEPS_8 STEP(7)
#define STEPS_10 STEPS_9 STEP(8)
#define STEPS_11 STEPS_10 STEP(9)
#define STEPS_12 STEPS_11 STEP(10)
#define STEPS_13 STEPS_12 STEP(11)
#define STEPS_14 STEPS_13 STEP(12)
#define STEPS_15 STEPS_14 STEP(13)
#define STEPS_16 STEPS_15 STEP(14)
#define STEPS JOIN(STEPS_, MIXQ_GROUP)

// Segmentation of the FIELDS lowest fields of both accumulators into their 16-bit lanes, then the carry. TAIL: the carry of the
// last strip, at most two fields.
#if MIXQ_FIELD_BITS == 8
// Fields 0 and 2, fields 1 and 3. The high word becomes the low one; its upper two bytes are still at their bias.
#define START LOAD_CONSTANT(r3, 0) LINE("mov r4, r3") LINE("mov r5, r3") LINE("mov r6, r3")
#define SEGMENT                                         \
    LINE("uxtab16 r7, r7, r3")                          \
    LINE("uxtab16 r11, r11, r3, ror #8")                \
    LINE("mov r3, r4")                                  \
    LINE("uxtab16 r8, r8, r5")  LOAD_CONSTANT(r4, 0)    \
    LINE("uxtab16 r12, r12, r5, ror #8")                \
    LINE("mov r5, r6") STORE_ALL                        \
    LINE("mov r6, r4")
#define TAIL_FIELDS                                     \
    LOAD_ALL                                            \
    LINE("uxtab16 r7, r7, r3")                          \
    LINE("uxtab16 r11, r11, r3, ror #8")                \
    LINE("uxtab16 r8, r8, r5")                          \
    LINE("uxtab16 r12, r12, r5, ror #8") STORE_ALL
#else
// Fields 0 and 1, fields 2 and 3 if there are. r10 is the mask of two fields, r9 a temporary, lr the bias of the fields to come.
#define START LOAD_CONSTANT(r3, 2) LOAD_CONSTANT(r4, 1) LINE("mov r5, r3") LINE("mov r6, r4")
#define MASK LINE("movw r10, #((1<<" FIELD ")-1)") LINE("movt r10, #((1<<" FIELD ")-1)")
#define SPREAD(from) LINE("pkhbt r9, " #from ", " #from ", lsl #(16-" FIELD ")")
#define ADD(lanes) LINE("and r9, r9, r10") LINE("uadd16 " #lanes ", " #lanes ", r9")
#define SHIFTED(lo, hi) LINE("lsr r9, " #lo ", #(2*" FIELD ")") LINE("orr r9, r9, " #hi ", lsl #(32-2*" FIELD ")")
#if MIXQ_FIELDS == 2
#define UPPER_FIELDS(lo, hi, lanes)
#define CARRY(lo, hi) SHIFTED(lo, hi) LINE("add " #lo ", r9, lr")
#else
#if MIXQ_FIELDS == 4
#define UPPER_FIELDS(lo, hi, lanes) SHIFTED(lo, hi) SPREAD(r9) ADD(lanes)
#else  // a third field alone: what the upper lane gathers is never read
#define UPPER_FIELDS(lo, hi, lanes) SHIFTED(lo, hi) ADD(lanes)
#endif
#define CARRY(lo, hi) LINE("add " #lo ", lr, " #hi ", lsr #(" TEXT(MIXQ_FIELDS) "*" FIELD "-32)")
#endif
#define SEGMENT                                                                          \
    MASK LOAD_CONSTANT(lr, 0)                                                            \
    SPREAD(r3) ADD(r7) UPPER_FIELDS(r3, r4, r11) CARRY(r3, r4) LOAD_CONSTANT(r4, 1)      \
    SPREAD(r5) ADD(r8) UPPER_FIELDS(r5, r6, r12) CARRY(r5, r6) STORE_ALL                 \
    LINE("mov r6, r4")
#define TAIL_FIELDS LOAD_ALL MASK SPREAD(r3) ADD(r7) SPREAD(r5) ADD(r8) STORE_ALL
#endif
#if TAIL
#define FINISH_GROUP TAIL_FIELDS
#else
#define FINISH_GROUP
#endif
#if MIXQ_FIELD_BITS == 8
#define CONSTANT_WORDS "1"
#else
#define CONSTANT_WORDS "3"
#endif

// All groups of one filter (of one chunk) into the 16-bit lanes. Returns where the next weights lie. The pointer to the band moves
// along a row, then from one group to the next.
static __attribute__((naked, noinline)) const uint32_t *add_groups(
    const uint32_t *band __attribute__((unused)), const uint32_t *weights __attribute__((unused)),
    uint32_t *lanes __attribute__((unused))) {
    __asm(
        LINE("push {r4-r11, lr}") LINE("sub sp, #12")
        LINE("movw r3, #(8*" TEXT(LANE_WORDS) "*" TEXT(MIXQ_STRIPS) ")") LINE("add r3, r2")
        LINE("str r2, [sp]") LINE("str r3, [sp, #4]")
        LINE("movw r3, #" TEXT(MIXQ_GROUPS)) LINE("str r3, [sp, #8]")
        LINE("2:") START
        LINE("1:")
        LOAD_ROW(r7, "0", 0) LOAD_WEIGHT(r11, "0", 0) LOAD_ROW(r8, "0", 1) LOAD_WEIGHT(r12, "0", 1)
        STEPS LAST(TEXT(MIXQ_GROUP) "-1") SEGMENT
        LINE("ldr r10, [sp, #4]")
        LINE("add r0, #4") LINE("add r2, #(8*" TEXT(LANE_WORDS) ")")
        LINE("cmp r2, r10") LINE("bne 1b")
        FINISH_GROUP
        LINE("ldr r10, [sp, #8]") LINE("ldr r2, [sp]")
        LINE("addw r1, r1, #(4*(3*" TEXT(MIXQ_GROUP) "+" CONSTANT_WORDS "))")
        LINE("addw r0, r0, #((4*" TEXT(MIXQ_GROUP) "-1)*4*" TEXT(MIXQ_STRIPS) ")")
        LINE("subs r10, #1") LINE("str r10, [sp, #8]") LINE("bne 2b")
        LINE("mov r0, r1") LINE("add sp, #12") LINE("pop {r4-r11, pc}"));
}

// clang-format on

// Field n's lane of one row: for 8-bit fields words hold fields (0, 2) and (1, 3), otherwise (0, 1) and (2, 3).
MIXQ_INLINE const uint32_t* lane_word(const uint32_t* lanes,
                                      uint32_t strip,
                                      uint32_t row,
                                      uint32_t field) {
    return lanes + (strip * 2 + row) * LANE_WORDS + (S == 8 ? field % 2 : field / 2);
}

MIXQ_INLINE int lane_is_top(uint32_t field) {
    return S == 8 ? field >= 2 : field % 2 == 1;
}

// One filter of one chunk of channels into the 16-bit lanes. Returns where the next weights lie.
MIXQ_INLINE const uint32_t* run_chunk(uint32_t* restrict lanes,
                                      const uint32_t* band,
                                      const uint32_t* weights) {
    const uint32_t start = *weights++;
    for (uint32_t i = 0; i < (STRIPS + 1) * 2 * LANE_WORDS; ++i) lanes[i] = start;
    return add_groups(band, weights, lanes);
}

// Requantises one row of one filter.
MIXQ_INLINE void finish_row(
    const scratch_area* area, void* output, uint32_t channel, uint32_t y, uint32_t row) {
    const int32_t multiplier = MIXQ_MULTIPLIER[channel];
    const int32_t bias = MIXQ_BIAS[channel];
    const uint32_t first = mixq_output_index(channel, y * MIXQ_OUT_WIDTH);
    const uint32_t stride = mixq_output_index(0, 1);
#pragma GCC unroll 65534
    for (uint32_t x = 0; x < MIXQ_OUT_WIDTH; ++x) {
        const uint32_t n = x + FIRST_FIELD, strip = n / FIELDS, field = n % FIELDS;
#if MIXQ_CHUNKS > 1
        mixq_store(output,
                   first + x * stride,
                   area->sums[(strip * 2 + row) * FIELDS + field],
                   multiplier,
                   bias);
#else
        const int32_t pair = (int32_t)*lane_word(area->lanes, strip, row, field);
#if MIXQ_OUTPUT_BITS > 0
        ((uint8_t*)output)[first + x * stride] =
            (uint8_t)(lane_is_top(field) ? mixq_requantise_top(pair, multiplier, bias)
                                         : mixq_requantise_bottom(pair, multiplier, bias));
#else
        mixq_store(output,
                   first + x * stride,
                   lane_is_top(field) ? pair >> 16 : (int16_t)pair,
                   multiplier,
                   bias);
#endif
#endif
    }
}

#if MIXQ_CHUNKS > 1
static void widen(scratch_area* area, int first) {
    for (uint32_t strip = 0; strip <= STRIPS; ++strip) {
        for (uint32_t row = 0; row < 2; ++row) {
            for (uint32_t field = 0; field < FIELDS; ++field) {
                const int32_t pair = (int32_t)*lane_word(area->lanes, strip, row, field);
                int32_t* sum = &area->sums[(strip * 2 + row) * FIELDS + field];
                *sum = (first ? 0 : *sum) + (lane_is_top(field) ? pair >> 16 : (int16_t)pair);
            }
        }
    }
}
#endif

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    scratch_area* area = scratch;
    for (uint32_t y = 0; y < MIXQ_OUT_HEIGHT; y += 2) {
        advance(area->band, input, (int32_t)y - MIXQ_PADDING_Y, y == 0);
        const uint32_t* weights = (const uint32_t*)MIXQ_WEIGHTS;
        for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; ++channel) {
#if MIXQ_CHUNKS > 1
            for (uint32_t chunk = 0; chunk < MIXQ_CHUNKS; ++chunk) {
                weights = run_chunk(area->lanes,
                                    area->band + chunk * MIXQ_GROUPS * MIXQ_GROUP * 4 * STRIPS,
                                    weights);
                widen(area, chunk == 0);
            }
#else
            weights = run_chunk(area->lanes, area->band, weights);
#endif
            finish_row(area, output, channel, y, 0);
            if (y + 1 < MIXQ_OUT_HEIGHT) finish_row(area, output, channel, y + 1, 1);
        }
    }
}
