// Stores lines of activations in bits, and takes them out again, on the host.
#include "kernels/strips/tensor.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace mixq::kernels::strips {

namespace {

constexpr int kGroup = 32;  // elements: whole words at any bits

Segment segment_of(int elements, int bits) {
    Segment segment;
    segment.elements = elements;
    segment.bytes = (elements * bits + 7) / 8;
    std::vector<std::uint32_t> masks;
    for (int word = 0; word < segment.words(); ++word) masks.push_back(segment.mask(word, bits));
    segment.from = storage::deposit(masks, 8);
    return segment;
}

void store(const Segment& segment, const std::uint8_t* bytes, std::uint8_t* stored) {
    for (const storage::Piece& piece : segment.from.pieces) {
        std::uint32_t word = 0;
        for (int k = 0; k < std::min(4, segment.elements - 4 * piece.word); ++k)
            word |= std::uint32_t{bytes[4 * piece.word + k]} << (8 * k);
        const std::uint32_t placed = std::rotl(word & piece.bits, piece.rotate);
        for (int k = 0; k < std::min(4, segment.bytes - 4 * piece.source); ++k)
            stored[4 * piece.source + k] |= static_cast<std::uint8_t>(placed >> (8 * k));
    }
}

void take(const Segment& segment, const std::uint8_t* stored, std::uint8_t* bytes) {
    for (const storage::Piece& piece : segment.from.pieces) {
        std::uint32_t source = 0;
        for (int k = 0; k < std::min(4, segment.bytes - 4 * piece.source); ++k)
            source |= std::uint32_t{stored[4 * piece.source + k]} << (8 * k);
        const std::uint32_t word = std::rotr(source, piece.rotate) & piece.bits;
        for (int k = 0; k < std::min(4, segment.elements - 4 * piece.word); ++k)
            bytes[4 * piece.word + k] |= static_cast<std::uint8_t>(word >> (8 * k));
    }
}

// Calls `act(segment, first element, first stored byte)` for all of a tensor.
template <class Act>
void each_segment(const Tensor& tensor, const Act& act) {
    const Line line = line_of(tensor.elements, tensor.bits);
    for (std::int64_t index = 0; index < std::int64_t{tensor.planes} * tensor.rows; ++index) {
        std::int64_t element = index * tensor.elements;
        std::int64_t byte = index * tensor.line_bytes();
        for (int k = 0; k < line.groups; ++k) {
            act(line.group, element, byte);
            element += line.group.elements;
            byte += line.group.bytes;
        }
        if (line.rest.elements > 0) act(line.rest, element, byte);
    }
}

void expect_size(std::size_t size, std::int64_t expected, const char* what) {
    if (static_cast<std::int64_t>(size) == expected) return;
    throw std::logic_error(std::string(what) + " of " + std::to_string(size) +
                           " bytes where the tensor has " + std::to_string(expected));
}

}  // namespace

std::uint32_t Segment::mask(int word, int bits) const {
    std::uint32_t mask = 0;
    for (int k = 0; k < std::min(4, elements - 4 * word); ++k)
        mask |= ((1U << bits) - 1) << (8 * k);
    return mask;
}

Tensor tensor_of(Layout layout, int channels, int height, int width, int bits) {
    if (layout == Layout::Planar) return {channels, height, width, bits};
    return {1, height, width * channels, bits};
}

Line line_of(int elements, int bits) {
    Line line;
    line.groups = elements / kGroup;
    if (line.groups > 0) line.group = segment_of(kGroup, bits);
    if (elements % kGroup != 0) line.rest = segment_of(elements % kGroup, bits);
    return line;
}

std::vector<std::uint8_t> packed(const Tensor& tensor, std::span<const std::uint8_t> bytes) {
    expect_size(
        bytes.size(), std::int64_t{tensor.planes} * tensor.rows * tensor.elements, "elements");
    std::vector<std::uint8_t> stored(static_cast<std::size_t>(tensor.bytes()), 0);
    each_segment(tensor, [&](const Segment& segment, std::int64_t element, std::int64_t byte) {
        store(segment, bytes.data() + element, stored.data() + byte);
    });
    return stored;
}

std::vector<std::uint8_t> unpacked(const Tensor& tensor, std::span<const std::uint8_t> stored) {
    expect_size(stored.size(), tensor.bytes(), "stored elements");
    const std::int64_t elements = std::int64_t{tensor.planes} * tensor.rows * tensor.elements;
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(elements), 0);
    each_segment(tensor, [&](const Segment& segment, std::int64_t element, std::int64_t byte) {
        take(segment, stored.data() + byte, bytes.data() + element);
    });
    return bytes;
}

}  // namespace mixq::kernels::strips
