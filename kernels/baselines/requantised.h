// How generated baselines finish outputs: requantised to bytes, or 32-bit logits, in either layout. One element at a time, as the C
// of kernels/device/layer.h does it.
#pragma once

#include "kernels/generate/code.h"
#include "kernels/kernel.h"

namespace mixq::kernels::baselines {

constexpr generate::Space kOutputSpace = 3;

struct Finish {
    int output_bits = 8;
    int shift = 0;
    int scale_shift = -1;  // MIXQ_SCALE_SHIFT, or -1

    Finish(const IntegerLayer& layer, const PackedLayer& packed);

    int element_bytes() const { return output_bits == 0 ? 4 : 1; }

    // Requantises the accumulator in place and stores it; multiplier is not read for logits.
    void store(generate::Code& code,
               generate::Reg accumulator,
               generate::Reg multiplier,
               generate::Reg bias,
               generate::Reg output,
               int byte_offset) const;
};

// Bytes from an output channel, or pixel, to the next.
int channel_step(const IntegerLayer& layer, Layout output);
int pixel_step(const IntegerLayer& layer, Layout output);

// d = n + constant, whatever it is.
void add_constant(generate::Code& code, generate::Reg d, generate::Reg n, int constant);

}  // namespace mixq::kernels::baselines
