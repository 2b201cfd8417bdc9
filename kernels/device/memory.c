// The functions a compiler may call by itself even in freestanding code. Word by word, aligned or
// not: the core loads unaligned words.
#include <stddef.h>
#include <stdint.h>

typedef uint32_t __attribute__((may_alias, aligned(1))) unaligned_word;

void* memcpy(void* restrict to, const void* restrict from, size_t bytes) {
    uint8_t* out = to;
    const uint8_t* in = from;
    for (; bytes >= 4; bytes -= 4, in += 4, out += 4) {
        *(unaligned_word*)out = *(const unaligned_word*)in;
    }
    for (; bytes > 0; --bytes) *out++ = *in++;
    return to;
}

void* memmove(void* to, const void* from, size_t bytes) {
    uint8_t* out = to;
    const uint8_t* in = from;
    if (out <= in || out >= in + bytes) return memcpy(to, from, bytes);
    while (bytes-- > 0) out[bytes] = in[bytes];
    return to;
}

void* memset(void* to, int value, size_t bytes) {
    uint8_t* out = to;
    const uint32_t word = 0x01010101u * (uint8_t)value;
    for (; bytes >= 4; bytes -= 4, out += 4) *(unaligned_word*)out = word;
    for (; bytes > 0; --bytes) *out++ = (uint8_t)value;
    return to;
}
