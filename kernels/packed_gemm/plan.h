// Layers as matrix products over 16-bit lanes: 1x1 convolution, fully connected, and any other convolution through columns of its
// input. Activations are spread into lanes of a pair of input channels once per line of output positions, in scratch; tiles of
// positions x output channels then run over all pairs with SMLAD:
//
//   Int8         one position x one output channel per accumulator; weights are bytes, expanded by SXTB16 on the way in
//   DualChannels two output channels share a weight lane: w0 + w1 * 2^S, the accumulator is y0 + y1 * 2^S (D2: 4 MAC per SMLAD)
//   Outer        three output channels share a weight word, two positions an activation word, SMLAL adds up all six products (O6)
//   DualPositions two positions share an activation lane: a0 + a1 * 2^S (D2', where weights are wider than activations)
//
// A packed accumulator's low field is signed, S bits: it is taken out with SBFX and subtracted from the rest every `block` pairs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/kernel.h"

namespace mixq::kernels::packed_gemm {

enum class Product : std::uint8_t { Int8, DualChannels, DualPositions, Outer };

// Of Outer: fields of a byte, so that UXTAB16 takes two of them out at once.
constexpr int kOuterChannels = 3;
constexpr int kOuterBits = 8;

// Lanes of the input, by columns: column x holds, for every kernel row, a word per pair of input channels. The window of an output
// position is then one contiguous run of words. Everything in words of 4 bytes unless said otherwise.
struct Lines {
    int lines = 1;      // passes over the input
    int positions = 1;  // output positions of one line
    int columns = 1;    // of the input, padding included
    int column = 1;     // words of one column: kernel rows x channel pairs
    int channel_pairs = 1;
    int source_step = 1;    // bytes of the input from column to column
    int position_step = 1;  // columns from position to position
    bool flat = false;      // a line is a run of pixels, rows or not

    int bytes() const { return 4 * columns * column; }
};

struct Plan {
    Product product = Product::Int8;
    traces::Layer shape;
    traces::Precision precision;
    Lines lines;
    int positions = 4;  // of one tile
    int words = 2;      // weight operands of one tile and pair
    int field_bits = 0;
    bool wide = true;     // weights lie as 16-bit lanes; else as bytes, where they are not packed
    int pairs = 0;        // channel pairs of one output position
    int depth = 0;        // most pairs between two segmentations
    bool biased = false;  // low fields begin at a constant of their own
    int piece_pairs = 1;  // pairs of one piece of straight code
    int pieces = 1;       // between two segmentations

    int block_pairs() const { return pieces * piece_pairs; }

    int blocks() const { return (pairs + block_pairs() - 1) / block_pairs(); }

    // Pairs stored, the last ones without weights.
    int stored_pairs() const { return blocks() * block_pairs(); }

    // A register of activations may hold two positions.
    int operands() const { return pairs_positions() ? positions / 2 : positions; }

    bool pairs_positions() const {
        return product == Product::DualPositions || product == Product::Outer;
    }

    // Of one accumulator.
    int registers() const { return product == Product::Outer ? 2 : 1; }

    int accumulators() const { return operands() * words; }

    // Output channels of one tile: what accumulators have room for, and what the layer has.
    int room() const {
        if (product == Product::Outer) return kOuterChannels * words;
        return product == Product::DualChannels ? 2 * words : words;
    }

    int channels() const;
    int groups() const;

    // The first output channel of a group: the last group begins early enough to be a whole one.
    int first_channel(int group) const;

    int tiles() const { return (lines.positions + positions - 1) / positions; }

    // Words of weights of one pair and group, and of a group with its constants (see pack.cpp).
    int pair_words() const { return wide ? words : (words + 1) / 2; }

    // Whether all products are one run of straight code.
    bool unrolled() const;

    // Instructions of a piece's products.
    int piece_instructions() const {
        return piece_pairs * (accumulators() + operands() + pair_words() + (wide ? 0 : words));
    }

    std::uint32_t scratch_bytes() const;
};

// The weights that meet in one pair: indices into IntegerLayer::weights relative to the filter's first, or -1.
struct Taps {
    int first = -1;
    int second = -1;
};

// In the order in which the lanes lie in scratch.
std::vector<Taps> taps_of(const Plan& plan);

// How many they are.
int pair_count(const Plan& plan);

// Which input the lines are made of, and how large a tile may be. Outer has a word per channel instead of a pair.
Lines lines_of(const traces::Layer& layer, Product product);
int most_positions(const Lines& lines);

// What a plan takes, roughly: multiplies, issue slots, segmentation, outputs.
double estimated_cycles(const Plan& plan);

// The same plan with the tile that is the cheapest, its pairs cut into blocks of at most its depth and pieces of code. Nothing if
// a line has too few positions for it.
std::optional<Plan> shaped(Plan plan);

}  // namespace mixq::kernels::packed_gemm
