// The kernels that multiply matrices on columns (cmix, ulppack), generated and scheduled: what scheduling alone brings to them. The
// structure is that of baselines/cmix.c: columns of two pixels in scratch, two pixels by two output channels at a time, or one pixel
// by four. Interleaved input.
//
// Scratch: the input in rows with their padding, then the columns. Both are filled by generated code.
#pragma once

#include <functional>

#include "kernels/generate/routine.h"
#include "kernels/kernel.h"

namespace mixq::kernels::baselines {

// What differs between the kernels.
struct ColumnKernel {
    int column_words = 0;  // of one pixel's column
    int four_words = 2;    // words that four elements of input become
    bool sums =
        true;  // weights have an offset: minus so often the sum of a column starts its accumulators
    int offset = 0;
    int body_bytes = 0;  // of the loop's body: weights of one channel ...
    int body_words = 0;  // ... and words of a column
    int bodies = 0;      // per column
    // Four elements of input, in a register, as words of a column.
    std::function<std::vector<generate::Reg>(generate::Code&, generate::Reg four)> expand;
    // One body: accumulators of channel c and pixel p at [c * pixels + p]. The words of a column's pixels and of the block's
    // channels alternate.
    std::function<void(generate::Code&,
                       int pixels,
                       int channels,
                       generate::Reg column,
                       generate::Reg weights,
                       const std::vector<generate::Reg>& accumulators)>
        multiply;
};

std::uint32_t column_scratch_bytes(const traces::Layer& layer, const ColumnKernel& kernel);

// Why the structure does not cover a layer; empty if it does.
std::optional<std::string> refuses_columns(const traces::Layer& layer);

// `packed` has its requantisation set.
generate::Lowered lower_columns(const IntegerLayer& layer,
                                const PackedLayer& packed,
                                const ColumnKernel& kernel,
                                Layout output,
                                generate::Scheduling how);

}  // namespace mixq::kernels::baselines
