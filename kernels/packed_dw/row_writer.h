// The way out of a row of depthwise outputs: scaled values to bytes, four to a word where the layout has them together.
#pragma once

#include <array>

#include "kernels/generate/code.h"

namespace mixq::kernels::packed_dw {

struct RowFormat {
    int output_bits = 8;  // 0: the values are the logits
    // Right shift that is left to do. 16 makes the top halves of the values the outputs: two are packed by one PKHTB and clamped by one
    // USAT16; the values must fit 32 bits then before they are clamped.
    int shift = 16;
    bool planar = true;
    int width = 0;       // outputs of a row
    int pixel_step = 1;  // bytes between neighbours
};

class RowWriter {
  public:
    // Writes to `out` + `offset` and up.
    RowWriter(generate::Code& code, const RowFormat& format, generate::Reg out, int offset);

    // The same rows through another register from now on.
    void use(generate::Reg out) { out_ = out; }

    // Outputs come in order, from a multiple of 4; `value` is used up.
    void put(int x, generate::Reg value);

  private:
    generate::Reg pair(generate::Reg low, generate::Reg high);
    generate::Reg single(generate::Reg value);
    generate::At at(int x);
    void flush(int first, int count);

    generate::Code& code_;
    RowFormat format_;
    generate::Reg out_;
    int offset_;
    std::array<generate::Reg, 4> values_{};
};

}  // namespace mixq::kernels::packed_dw
