// An integer network: what QAT exports, what the reference computes, what firmware runs. The one
// specification of arithmetic:
//
//   accumulator  acc[c] = sum over taps of  input (unsigned, a bits) * weight (signed, w bits)
//   32-bit, exact output       y[c]   = clamp( floor( (multiplier[c] * acc[c] + bias[c] * 2^16) /
//   2^(16 + shift) ), 0, 2^output_bits - 1 )
//
// floor is toward minus infinity (an arithmetic shift right). Rounding half up is 2^(shift - 1)
// inside the bias. Because floors nest, the same value comes from  ((multiplier * acc >> 16) +
// bias) >> shift,  which is SMLAWx on a 16-bit accumulator. The last layer has output_bits 0: its
// logits are  acc[c] + bias[c],  signed 32-bit, not clamped. Padding is zero. Pooling, where there
// is one, follows the requantised output. Tensors are channel-major: [channel][row][column].
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "traces/layer.h"
#include "traces/precision.h"

namespace mixq::kernels {

enum class Pool : std::uint8_t {
    None,
    Max2x2
};  // Max2x2: stride 2, odd last row and column dropped

struct IntegerLayer {
    std::string name;  // a C identifier, unique in the network
    traces::Layer shape;
    traces::Precision precision;
    int output_bits = 8;  // 2..8: bits of y; 0: logits
    Pool pool = Pool::None;
    std::vector<std::int8_t> weights;      // [out][in][kernel row][kernel column]
    std::vector<std::int32_t> multiplier;  // per output channel, >= 0; unused for logits
    std::vector<std::int32_t> bias;        // per output channel
    int shift = 0;                         // 0..31

    // After pooling.
    int output_height() const {
        return pool == Pool::Max2x2 ? shape.out_height() / 2 : shape.out_height();
    }

    int output_width() const {
        return pool == Pool::Max2x2 ? shape.out_width() / 2 : shape.out_width();
    }
};

struct IntegerNetwork {
    std::string name;
    std::vector<IntegerLayer>
        layers;  // a chain; a fully connected layer flattens what comes before it

    const traces::Layer& input() const { return layers.front().shape; }
};

// Throws std::runtime_error naming layer and field: shapes that do not chain, weights or constants
// of the wrong number or range, output bits that are not the next layer's activation bits, an
// accumulator that could leave 32 bits, |multiplier * acc| of 2^46 or more.
void check(const IntegerNetwork& network);

// The plan file of a network: commented CSV, one row per layer (name, layer, bits, output_bits,
// pool, shift) and, beside it, the constants in `<path>.weights` (binary; its SHA-256 stands in the
// plan's metadata). Both are written whole or not at all.
void write_plan(const std::string& path,
                const IntegerNetwork& network,
                const std::vector<std::pair<std::string, std::string>>& metadata);
// Throws std::runtime_error naming the file and line.
IntegerNetwork read_plan(const std::string& path);

// Images with the logits they must give, in `<path>.golden`: what `deploy` verifies firmware
// against.
struct Golden {
    int input_elements = 0;
    int outputs = 0;
    std::vector<std::uint8_t> inputs;  // [image][channel][row][column]
    std::vector<std::int32_t> logits;  // [image][output]
    std::vector<std::uint8_t> labels;  // [image]

    int images() const { return static_cast<int>(labels.size()); }
};

void write_golden(const std::string& path, const Golden& golden);
Golden read_golden(const std::string& path);

}  // namespace mixq::kernels
