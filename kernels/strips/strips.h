// A layer run in strips: some of its output rows at a time, through line buffers. What lies in RAM for as long as a tensor lives is
// as many bits an activation as it has; bytes are there only for the rows at work, and so is a kernel's scratch.
//
//   input, a bits  --unpack-->  rows as bytes  --kernel, pool-->  rows as bytes  --pack-->  output, its bits
//
// Any kernel runs a strip, as a layer of its own without padding above and below: those rows are zeros in the buffer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/network/network.h"
#include "kernels/strips/tensor.h"

namespace mixq::kernels::strips {

// What of the input a strip reads: rows of zeros, lines, rows of zeros.
struct Window {
    int above = 0;
    int first = 0;  // line
    int lines = 0;
    int below = 0;

    bool same_rows(const Window& other) const {
        return above == other.above && lines == other.lines && below == other.below;
    }
};

struct Strips {
    IntegerLayer whole;
    IntegerLayer layer;  // what one call of the kernel runs; `whole` where one strip is all of it
    int rows = 0;        // of output, before pooling, that a strip makes
    int count = 1;
    // As they lie in RAM. Elements of 8 bits are also what a layer without output bits (logits, 4 bytes each) has.
    Tensor input;
    Tensor output;

    // Of output, before pooling. The last strip begins early enough to be whole.
    int first_row(int strip) const;
    // The line of the output tensor that a strip begins with.
    int first_line(int strip) const;
    Window window(int strip) const;

    // The different windows, but for where they begin.
    std::vector<Window> windows() const;

    // Whether rows are copied, or the kernel reads and writes the tensor itself.
    bool unpacks() const;
    bool packs() const;

    // Of the buffers, multiples of 8. Rows are read and written by words: three bytes beyond the last one may be.
    std::uint32_t input_buffer() const;
    std::uint32_t output_buffer() const;

    // Of the tensors: an output that is not packed is there before it is pooled.
    std::uint32_t input_bytes() const;
    std::uint32_t output_bytes() const;
};

// The rows that strips of a layer may have, most first: all rows; halves, thirds, ... of them. One choice for layers that cannot be
// cut: fully connected, with a global pool, or without output bits.
std::vector<int> row_choices(const IntegerLayer& layer);

// Strips of so many rows. Their tensors are to be set; until then they are planar, of 8 bits.
Strips strips_of(const IntegerLayer& layer, int rows);

}  // namespace mixq::kernels::strips
