// How a tensor of activations lies in RAM: a byte each, or lines of bit fields that are made bytes again where they are read.
//
// A line is a row of one channel (planar), or a row of all of them (interleaved); it begins at a byte of its own, so that rows can
// be read and written by themselves. Of 8 bits it is the tensor that kernels read.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/storage/deposit.h"

namespace mixq::kernels::strips {

struct Tensor {
    int planes = 1;    // channels of a planar tensor; 1 of an interleaved one
    int rows = 1;      // lines of a plane, one after the other
    int elements = 1;  // of a line
    int bits = 8;      // of an element, 2..8

    std::int64_t line_bytes() const { return (std::int64_t{elements} * bits + 7) / 8; }

    std::int64_t plane_bytes() const { return rows * line_bytes(); }

    std::int64_t bytes() const { return planes * plane_bytes(); }
};

Tensor tensor_of(Layout layout, int channels, int height, int width, int bits);

// Consecutive elements of a line that are stored together: words of bytes, the last one perhaps in part, and where their bits go.
struct Segment {
    int elements = 0;
    int bytes = 0;  // stored
    storage::Deposit from;

    int words() const { return (elements + 3) / 4; }

    // The bits of one of the words.
    std::uint32_t mask(int word, int bits) const;
};

struct Line {
    int groups = 0;  // of 32 elements, which take as many words as an element has bits
    Segment group;
    Segment rest;  // without elements where the groups are all
};

Line line_of(int elements, int bits);

// A tensor of bytes as it is stored, and again. Elements must fit their bits.
std::vector<std::uint8_t> packed(const Tensor& tensor, std::span<const std::uint8_t> bytes);
std::vector<std::uint8_t> unpacked(const Tensor& tensor, std::span<const std::uint8_t> stored);

}  // namespace mixq::kernels::strips
