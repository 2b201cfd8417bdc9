// Packs scaled values into bytes and stores them.
#include "kernels/packed_dw/row_writer.h"

#include "kernels/generate/far.h"

namespace mixq::kernels::packed_dw {

using namespace generate;

namespace {

constexpr Space kOutput = 2;
constexpr int kHalf = 16;

}  // namespace

RowWriter::RowWriter(Code& code, const RowFormat& format, Reg out, int offset)
    : code_(code), format_(format), out_(out), offset_(offset) {
}

At RowWriter::at(int x) {
    return place(code_, out_, offset_ + x * format_.pixel_step, kOutput);
}

// Two outputs in the halves of a register.
Reg RowWriter::pair(Reg low, Reg high) {
    if (format_.shift == kHalf) {
        code_.pkhtb(low, high, low, kHalf);
        code_.usat16(low, format_.output_bits, low);
    } else {
        code_.usat(low, format_.output_bits, low, asr(format_.shift));
        code_.usat(high, format_.output_bits, high, asr(format_.shift));
        code_.pkhbt(low, low, high, kHalf);
    }
    return low;
}

Reg RowWriter::single(Reg value) {
    code_.usat(value, format_.output_bits, value, asr(format_.shift));
    return value;
}

void RowWriter::put(int x, Reg value) {
    if (format_.output_bits == 0) {
        code_.str(value, at(x));
        return;
    }
    const int in_word = x % 4;
    values_[static_cast<std::size_t>(in_word)] = value;
    if (in_word == 2) values_[0] = pair(values_[0], value);
    if (in_word == 3) values_[1] = pair(values_[1], value);
    if (in_word == 3 || x + 1 == format_.width) flush(x - in_word, in_word + 1);
}

void RowWriter::flush(int first, int count) {
    const Reg even = count > 2 ? values_[0] : single(values_[0]);
    const Reg odd = count > 3 ? values_[1] : count > 1 ? single(values_[1]) : Reg{};
    if (!format_.planar) {
        code_.strb(even, at(first));
        if (count > 1) code_.strb(odd, at(first + 1));
        if (count > 2) {
            code_.shift(even, even, lsr(kHalf));
            code_.strb(even, at(first + 2));
        }
        if (count > 3) {
            code_.shift(odd, odd, lsr(kHalf));
            code_.strb(odd, at(first + 3));
        }
        return;
    }
    if (count > 1) code_.orr(even, even, odd, lsl(8));
    if (count == 4) code_.str(even, at(first));
    if (count == 1) code_.strb(even, at(first));
    if (count == 2 || count == 3) code_.strh(even, at(first));
    if (count == 3) {
        code_.shift(even, even, lsr(kHalf));
        code_.strb(even, at(first + 2));
    }
}

}  // namespace mixq::kernels::packed_dw
