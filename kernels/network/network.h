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
#include <string_view>
#include <vector>

#include "traces/layer.h"
#include "traces/precision.h"

namespace mixq::kernels {

// 2x2: stride 2, odd last row and column dropped. Averages round half up: floor((sum + n / 2) / n), n positions and n / 2 rounded
// down; a global one leaves one row and column.
enum class Pool : std::uint8_t { None, Max2x2, Average2x2, GlobalAverage };

std::string_view name(Pool pool);  // as plans have it: "none", "max2x2", ...
// Throws std::invalid_argument listing the pools there are.
Pool parse_pool(std::string_view text);

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
    int output_height() const { return pooled(shape.out_height()); }

    int output_width() const { return pooled(shape.out_width()); }

  private:
    int pooled(int length) const {
        if (pool == Pool::GlobalAverage) return 1;
        return pool == Pool::None ? length : length / 2;
    }
};

// Element-wise addition of two tensors of bytes with requantisation, as residual connections need it:
//
//   y = clamp( floor( (multiplier_a * a + multiplier_b * b + bias) / 2^shift ), 0, 2^output_bits - 1 )
//
// Rounding half up is 2^(shift - 1) inside the bias. With a shift of 16 two outputs are clamped at once.
struct Addition {
    int elements = 0;
    int multiplier_a = 0;  // 0 .. 2^15 - 1
    int multiplier_b = 0;
    std::int32_t bias = 0;  // within 2^30
    int shift = 16;         // 0..31
    int output_bits = 8;    // 2..8
};

// Throws std::invalid_argument naming the field that is outside its range.
void check(const Addition& addition);

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
