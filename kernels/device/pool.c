// 2x2 maximum, stride 2, of a tensor of bytes in either layout; an odd last row or column is dropped. Element by element the
// output lies at or before what it is made from, so output may be input (in place).
#include <arm_acle.h>
#include <stdint.h>

#define POOLED_HEIGHT (MIXQ_OUT_HEIGHT / 2)
#define POOLED_WIDTH (MIXQ_OUT_WIDTH / 2)

_Static_assert(MIXQ_OUT_CHANNELS >= 1 && POOLED_HEIGHT >= 1 && POOLED_WIDTH >= 1,
               "a 2x2 pool needs at least 2x2 pixels");

typedef uint32_t __attribute__((may_alias)) word;
typedef uint16_t __attribute__((may_alias)) half;

// SEL takes each byte from the first operand where the USUB8 before it did not borrow.
static inline uint32_t max_bytes(uint32_t a, uint32_t b) {
    __usub8(a, b);
    return __sel(a, b);
}

static inline uint8_t max_byte(uint8_t a, uint8_t b) {
    return a > b ? a : b;
}

void MIXQ_FUNCTION(const uint8_t* input, uint8_t* output) {
#if MIXQ_OUTPUT_INTERLEAVED
    const uint32_t pixel = MIXQ_OUT_CHANNELS;
    const uint32_t row = MIXQ_OUT_WIDTH * MIXQ_OUT_CHANNELS;
    for (uint32_t y = 0; y < POOLED_HEIGHT; ++y) {
        const uint8_t* in = input + 2 * y * row;
        for (uint32_t x = 0; x < POOLED_WIDTH; ++x) {
            uint32_t c = 0;
#if MIXQ_OUT_CHANNELS % 4 == 0
            for (; c < MIXQ_OUT_CHANNELS; c += 4) {
                const uint32_t top =
                    max_bytes(*(const word*)(in + c), *(const word*)(in + pixel + c));
                const uint32_t bottom =
                    max_bytes(*(const word*)(in + row + c), *(const word*)(in + row + pixel + c));
                *(word*)(output + c) = max_bytes(top, bottom);
            }
#endif
            for (; c < MIXQ_OUT_CHANNELS; ++c) {
                output[c] = max_byte(max_byte(in[c], in[pixel + c]),
                                     max_byte(in[row + c], in[row + pixel + c]));
            }
            in += 2 * pixel;
            output += pixel;
        }
    }
#else
    for (uint32_t c = 0; c < MIXQ_OUT_CHANNELS; ++c) {
        for (uint32_t y = 0; y < POOLED_HEIGHT; ++y) {
            const uint8_t* top = input + (c * MIXQ_OUT_HEIGHT + 2 * y) * MIXQ_OUT_WIDTH;
            const uint8_t* bottom = top + MIXQ_OUT_WIDTH;
            uint32_t x = 0;
#if MIXQ_OUT_WIDTH % 4 == 0
            for (; x < POOLED_WIDTH; x += 2) {
                const uint32_t rows =
                    max_bytes(*(const word*)(top + 2 * x), *(const word*)(bottom + 2 * x));
                const uint32_t pairs = max_bytes(rows, rows >> 8);  // in bytes 0 and 2
                *(half*)output = (half)((pairs & 0xff) | ((pairs >> 16) << 8));
                output += 2;
            }
#endif
            for (; x < POOLED_WIDTH; ++x) {
                *output++ = max_byte(max_byte(top[2 * x], top[2 * x + 1]),
                                     max_byte(bottom[2 * x], bottom[2 * x + 1]));
            }
        }
    }
#endif
}
