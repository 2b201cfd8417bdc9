// Finishing outputs of generated baselines.
#include "kernels/baselines/requantised.h"

#include <algorithm>
#include <cstdlib>

namespace mixq::kernels::baselines {

using generate::asr;
using generate::Code;
using generate::lsl;
using generate::lsr;
using generate::Reg;

Finish::Finish(const IntegerLayer& layer, const PackedLayer& packed)
    : output_bits(layer.output_bits), shift(layer.shift) {
    for (const auto& [name, value] : packed.defines) {
        if (name == "MIXQ_SCALE_SHIFT") scale_shift = std::stoi(value);
    }
}

void Finish::store(
    Code& code, Reg accumulator, Reg multiplier, Reg bias, Reg output, int byte_offset) const {
    if (output_bits == 0) {
        code.add(accumulator, accumulator, bias);
        code.str(accumulator, {output, byte_offset, kOutputSpace});
        return;
    }
    if (scale_shift >= 0) {
        if (scale_shift > 0) code.shift(accumulator, accumulator, lsl(scale_shift));
        code.smmla(accumulator, accumulator, multiplier, bias);
    } else {
        const Reg low = code.value();
        const Reg high = code.value();
        code.smull(low, high, accumulator, multiplier);
        code.add(accumulator, bias, low, lsr(16));
        code.add(accumulator, accumulator, high, lsl(16));
    }
    code.usat(accumulator, output_bits, accumulator, asr(shift));
    code.strb(accumulator, {output, byte_offset, kOutputSpace});
}

int channel_step(const IntegerLayer& layer, Layout output) {
    const int element = layer.output_bits == 0 ? 4 : 1;
    return output == Layout::Interleaved
               ? element
               : element * layer.shape.out_height() * layer.shape.out_width();
}

int pixel_step(const IntegerLayer& layer, Layout output) {
    const int element = layer.output_bits == 0 ? 4 : 1;
    return output == Layout::Interleaved ? element * layer.shape.out_channels : element;
}

void add_constant(Code& code, Reg d, Reg n, int constant) {
    if (constant == 0) {
        if (d != n) code.mov(d, n);
        return;
    }
    if (std::abs(constant) <= 4095 ||
        generate::modified_constant(static_cast<std::uint32_t>(std::abs(constant))) >= 0) {
        code.add(d, n, constant);
        return;
    }
    const Reg value = code.value();
    code.mov(value, static_cast<std::uint32_t>(std::abs(constant)));
    if (constant > 0) {
        code.add(d, n, value);
    } else {
        code.sub(d, n, value);
    }
}

}  // namespace mixq::kernels::baselines
