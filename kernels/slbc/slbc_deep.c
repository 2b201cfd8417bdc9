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
// otherwise low and high word of the bias in the fields from FIELDS - 1 + 1 up, and the low word of the bias in all fields.
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
#define CONSTANTS (S == 8 ? 1 : 3)
#define FIELD_MASK ((1u << S) - 1)
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

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define LOAD_ROW(into, c, row) \
    "ldr %[" into "], [%[in], #(((" c ")*4+" #row ")*4*" TEXT(MIXQ_STRIPS) ")]\n\t"
#define LOAD_WEIGHT(into, c, row) "ldr %[" into "], [%[w], #(((" c ")*3+" #row ")*4)]\n\t"
#define LOAD_CONSTANT(into, i) "ldr %[" into "], [%[w], #(" TEXT(MIXQ_GROUP) "*12+4*" #i ")]\n\t"
#define MULTIPLY(row, a, w) "smlal %[lo" #row "], %[hi" #row "], %[" #a "], %[" #w "]\n\t"

// One channel: rows 0..3 of the band against kernel rows 0..2, for both output rows. A load beside every multiply: a0, a1, w0
// and w1 are there already, and the last slots fetch what comes next.
#define CHANNEL(c, next0, next1, next2, next3)                                        \
    MULTIPLY(0, a0, w0)                                                               \
    LOAD_WEIGHT("w2", c, 2)                                                           \
    MULTIPLY(1, a1, w0)                                                               \
    LOAD_ROW("a2", c, 2) MULTIPLY(0, a1, w1) LOAD_ROW("a3", c, 3) MULTIPLY(1, a2, w1) \
        next0 MULTIPLY(0, a2, w2)                                                     \
    next1 MULTIPLY(1, a3, w2)                                                         \
    next2 next3
#define STEP(c)                            \
    CHANNEL(#c,                            \
            LOAD_ROW("a0", #c "+1", 0),    \
            LOAD_WEIGHT("w0", #c "+1", 0), \
            LOAD_ROW("a1", #c "+1", 1),    \
            LOAD_WEIGHT("w1", #c "+1", 1))

#define LOAD_LANES(into, i) "ldr %[" into "], [%[lanes], #(4*" #i ")]\n\t"
#define STORE_LANES(from, i) "str %[" from "], [%[lanes], #(4*" #i ")]\n\t"
#if LANE_WORDS == 2
#define LAST(c) \
    CHANNEL(c, LOAD_LANES("a0", 0), LOAD_LANES("w0", 1), LOAD_LANES("a1", 2), LOAD_LANES("w1", 3))
#define STORE_ALL \
    STORE_LANES("a0", 0) STORE_LANES("w0", 1) STORE_LANES("a1", 2) STORE_LANES("w1", 3)
#else
#define LAST(c) CHANNEL(c, LOAD_LANES("a0", 0), LOAD_LANES("a1", 1), , )
#define STORE_ALL STORE_LANES("a0", 0) STORE_LANES("a1", 1)
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
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define STEPS JOIN(STEPS_, MIXQ_GROUP)

// Segmentation: the FIELDS lowest fields of both accumulators into their 16-bit lanes (a0, w0 and a1, w1), then the carry.
#if MIXQ_FIELD_BITS == 8
// Fields 0 and 2, fields 1 and 3. The high word becomes the low one; its upper two bytes are still at their bias.
#define SEGMENT \
    "uxtab16 %[a0], %[a0], %[lo0]\n\t"                         \
    "uxtab16 %[w0], %[w0], %[lo0], ror #8\n\t"                 \
    "mov %[lo0], %[hi0]\n\t"                                   \
    "uxtab16 %[a1], %[a1], %[lo1]\n\t" LOAD_CONSTANT("hi0", 0) \
    "uxtab16 %[w1], %[w1], %[lo1], ror #8\n\t"                 \
    "mov %[lo1], %[hi1]\n\t" STORE_ALL                         \
    "mov %[hi1], %[hi0]\n\t"
#else
// Fields 0 and 1, fields 2 and 3 if there are. a3 is the mask of two fields, a2 a temporary, w2 the bias of the fields to come.
#define BITS(expression) "#(" #expression ")"
#define PAIR(row, first) \
    "pkhbt %[a2], %[lo" #row "], %[lo" #row "], lsl #(16-" TEXT(MIXQ_FIELD_BITS) ")\n\t" \
    "and %[a2], %[a2], %[a3]\n\t" \
    "uadd16 %[" #first "], %[" #first "], %[a2]\n\t"
#define SHIFTED(row, bits)              \
    "lsr %[a2], %[lo" #row "], #(" bits \
    ")\n\t"                             \
    "orr %[a2], %[a2], %[hi" #row "], lsl #(32-" bits ")\n\t"
#if MIXQ_FIELDS == 2
#define UPPER(row, second)
#define CARRY(row)                           \
    SHIFTED(row, "2*" TEXT(MIXQ_FIELD_BITS)) \
    "add %[lo" #row "], %[a2], %[w2]\n\t" LOAD_CONSTANT("hi" #row, 1)
#else
#if MIXQ_FIELDS == 4
#define SPREAD "pkhbt %[a2], %[a2], %[a2], lsl #(16-" TEXT(MIXQ_FIELD_BITS) ")\n\t"
#else
#define SPREAD  // a third field alone: what the upper lane gathers is never read
#endif
#define UPPER(row, second)                   \
    SHIFTED(row, "2*" TEXT(MIXQ_FIELD_BITS)) \
    SPREAD                                   \
    "and %[a2], %[a2], %[a3]\n\t"            \
    "uadd16 %[" #second "], %[" #second "], %[a2]\n\t"
#define CARRY(row)                        \
    "add %[lo" #row "], %[w2], %[hi" #row \
    "], lsr #(" TEXT(MIXQ_FIELDS) "*" TEXT(MIXQ_FIELD_BITS) "-32)\n\t" LOAD_CONSTANT("hi" #row, 1)
#endif
#define SEGMENT                                                                                   \
    "ldr %[a3], %[mask]\n\t" LOAD_CONSTANT("w2", 0) PAIR(0, a0) UPPER(0, w0) CARRY(0) PAIR(1, a1) \
        UPPER(1, w1) CARRY(1) STORE_ALL
#endif

// All strips of one group of channels. Returns the fields that carry beyond the last strip in tail0 and tail1.
MIXQ_INLINE void run_group(
    const uint32_t* in, const uint32_t* w, uint32_t* lanes, uint32_t* tail0, uint32_t* tail1) {
    uint32_t a0, a1, a2, a3, w0, w1, w2;
    uint32_t lo0 = w[3 * MIXQ_GROUP + CONSTANTS - 1], hi0 = w[3 * MIXQ_GROUP + (S == 8 ? 0 : 1)];
    uint32_t lo1 = lo0, hi1 = hi0;
    const uint32_t* const end = lanes + STRIPS * 2 * LANE_WORDS;
    const uint32_t mask = FIELD_MASK * 0x10001u;
    __asm volatile(
        "1:\n\t"
        LOAD_ROW("a0", "0", 0) LOAD_WEIGHT("w0", "0", 0) LOAD_ROW("a1", "0", 1) LOAD_WEIGHT("w1", "0", 1)
        STEPS LAST(TEXT(MIXQ_GROUP) "-1")
        SEGMENT
        "ldr %[a3], %[end]\n\t"
        "add %[in], #4\n\t"
        "add %[lanes], #(8*" TEXT(LANE_WORDS) ")\n\t"
        "cmp %[lanes], %[a3]\n\t"
        "bne 1b\n\t"
        : [lo0] "+r"(lo0), [hi0] "+r"(hi0), [lo1] "+r"(lo1), [hi1] "+r"(hi1), [in] "+r"(in), [lanes] "+r"(lanes),
          [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), [a3] "=&r"(a3), [w0] "=&r"(w0), [w1] "=&r"(w1), [w2] "=&r"(w2)
        : [w] "r"(w), [end] "m"(end), [mask] "m"(mask)
        : "cc", "memory");
    *tail0 = lo0;
    *tail1 = lo1;
}

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

// The carry of the last strip, where output columns need it: its two fields, in lanes 0 of the next strip's two words for
// 8-bit fields, in both lanes of the first word otherwise.
MIXQ_INLINE void segment_tail(uint32_t* lanes, uint32_t tail) {
#if MIXQ_FIELD_BITS == 8
    lanes[0] = mixq_add_even(lanes[0], tail);
    lanes[1] = mixq_add_odd(lanes[1], tail);
#else
    lanes[0] = __uadd16(lanes[0], (tail & FIELD_MASK) | (tail << (16 - S) & FIELD_MASK << 16));
#endif
}

// One filter of one chunk of channels into the 16-bit lanes. Returns where the next weights lie.
static const uint32_t* run_chunk(uint32_t* restrict lanes,
                                 const uint32_t* band,
                                 const uint32_t* weights) {
    const uint32_t start = *weights++;
    for (uint32_t i = 0; i < (STRIPS + 1) * 2 * LANE_WORDS; ++i) lanes[i] = start;
    for (uint32_t group = 0; group < MIXQ_GROUPS; ++group) {
        uint32_t tail0, tail1;
        run_group(band, weights, lanes, &tail0, &tail1);
        if (TAIL) {
            segment_tail(lanes + STRIPS * 2 * LANE_WORDS, tail0);
            segment_tail(lanes + (STRIPS * 2 + 1) * LANE_WORDS, tail1);
        }
        band += MIXQ_GROUP * 4 * STRIPS;
        weights += MIXQ_GROUP * 3 + CONSTANTS;
    }
    return weights;
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
