// The kernels that multiply matrices on columns (cmix, ulppack), generated and scheduled: what scheduling alone brings to them. The
// structure is that of baselines/cmix.c: columns of two pixels in scratch, two pixels by two output channels at a time, or one pixel
// by four. Interleaved input, channels a multiple of four.
//
// Scratch: the input with its padding, if it has any, then the columns. Word k of pixel p lies at k * pixels + p; so do the words of
// weights of the channels of a block.
#pragma once

#include <functional>
#include <optional>

#include "kernels/generate/routine.h"
#include "kernels/kernel.h"

namespace mixq::kernels::baselines {

constexpr generate::Space kColumnSpace = 2;

// What differs between the kernels.
struct ColumnKernel {
    int four_words = 2;          // words of a column that four elements of input become
    int column_words = 0;        // of one pixel's column; those beyond the input are zero
    int offset = 0;              // of the weights: so often the sum of a column comes off; 0: none
    std::uint32_t constant = 0;  // in a register of its own while multiplying
    int bodies = 1;              // of the multiplying loop per column
    int body_words = 0;          // of a column in one body
    int body_weights = 0;        // words of one channel's weights in one body
    // A word of input as words of a column.
    std::function<std::vector<generate::Reg>(generate::Code&, generate::Reg four)> expand;

    struct Block {
        int pixels, channels;
        generate::Reg column, weights, constant;
        std::vector<generate::Reg> sums;  // [channel * pixels + pixel]
    };

    // One body. Pointers do not move.
    std::function<void(generate::Code&, const Block&)> multiply;
};

// Output channels side by side: 4 where the layer has one pixel, else 2.
int channel_block(const traces::Layer& layer);

std::uint32_t column_scratch_bytes(const traces::Layer& layer, const ColumnKernel& kernel);

// Why the structure does not cover a layer; empty if it does.
std::optional<std::string> refuses_columns(const traces::Layer& layer);

// The routine, lowered; `packed` has its requantisation set.
generate::Lowered lower_columns(const IntegerLayer& layer,
                                const PackedLayer& packed,
                                const ColumnKernel& kernel,
                                Layout output,
                                generate::Scheduling how);

}  // namespace mixq::kernels::baselines
