// The kernels that multiply matrices on columns (naive, simd-int8, cmix, wpc-ddd, ulppack), generated and scheduled: what scheduling alone brings to them. The
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
    int unit_bytes = 4;    // of input that are made into words at a time; they divide a kernel row
    int unit_words = 2;    // what those become
    int column_words = 0;  // of one pixel's column; those beyond the input are zero
    int offset = 0;        // of the weights: so often the sum of a column comes off; 0: none
    std::uint32_t constant = 0;  // in a register of its own while multiplying
    int bodies = 1;              // of the multiplying loop per column
    int body_words = 0;          // of a column in one body
    int body_weights = 0;        // words of one channel's weights in one body
    // A unit of input as words of a column, and its elements added to `sum` where there is an offset.
    std::function<std::vector<generate::Reg>(generate::Code&, generate::At from, generate::Reg sum)>
        expand;

    struct Block {
        int pixels, channels;
        generate::Reg column, weights, constant;
        std::vector<generate::Reg> sums;  // [channel * pixels + pixel]
    };

    // One body. Pointers do not move.
    std::function<void(generate::Code&, const Block&)> multiply;

    // Weights that are made ready once per call, in scratch behind the columns: passes over them, bytes that each reads and writes.
    struct Ahead {
        int passes = 0;  // 0: weights are read as they are
        int from_bytes = 0, to_bytes = 0;
        std::function<void(
            generate::Code&, generate::Reg from, generate::Reg to, generate::Reg mask)>
            pass;
    } ahead;
};

// Four elements of input as two words of two lanes each, (b0, b2) and (b1, b3); `sum`, if it exists, gets their sum.
std::vector<generate::Reg> expand_lanes(generate::Code& code,
                                        generate::Reg four,
                                        generate::Reg sum);

// Output channels side by side: 4 where the layer has one pixel, else 2.
int channel_block(const traces::Layer& layer);

// Word k of the column of every pixel of a block.
std::vector<generate::Reg> load_column(generate::Code& code,
                                       const ColumnKernel::Block& block,
                                       int k);

// Why the structure does not cover a layer; empty if it does.
std::optional<std::string> refuses_columns(const traces::Layer& layer);

// Makes packed weights with their requantisation run as generated code: sets scratch and routine.
void run_by_columns(const IntegerLayer& layer, const ColumnKernel& kernel, PackedLayer& packed);

}  // namespace mixq::kernels::baselines
