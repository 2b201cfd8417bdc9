// How rp-conv runs a convolution: the shape of its fields, how deep it accumulates, and where everything lies.
//
// One SMLAL multiplies a word of Ns activations of a row by a word of Nk weights of a kernel row. Products of all kernel rows and
// of `depth` input channels (a group) add up in the packed accumulator; then the Ns lowest fields, which are complete, are added
// into sums (see Form), and the others carry over to the next strip of the row (Theorem IV.1 of the paper: RP). A stride is a
// convolution of stride 1 over its phases: columns 0, s, 2s, .. and 1, s + 1, .. are rows of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/network/network.h"
#include "kernels/packing/packing.h"

namespace mixq::kernels::packed_conv {

// The layer as rows of stride 1.
struct Geometry {
    traces::Layer layer;
    int phases = 1;
    int taps = 3;    // fields that weights of one phase of a kernel row take
    int length = 0;  // activations of one phase of an input row
    int first = 0;   // the position (strip * Ns + field) of output column 0
    int rows = 0;    // input rows kept, zero rows above and below included

    // Elements of a phase that the left padding would hold: they are left out.
    int padded(int phase) const;
    // The input column of element t of a phase; beyond width - 1: zero.
    int column(int phase, int t) const;
    // The kernel column whose weight field n of a phase's weights is; -1: none.
    int kernel_column(int phase, int n) const;

    int last() const { return first + layer.out_width() - 1; }
};

Geometry geometry_of(const traces::Layer& layer);

// How complete fields reach their sums.
enum class Form : std::uint8_t {
    Bytes,     // 4 fields of 8 bits: UXTAB16 to lanes
    Aligned,   // Ns fields end at bit 32: shifted additions
    Straddled  // the last of 3 or 4 fields lies across bit 32
};

struct Plan {
    Geometry geometry;
    packing::Placement placement;
    int chunks = 1;  // weight words of one phase of a kernel row, Ns taps apart
    int depth = 1;   // input channels of a group
    int groups = 1;
    bool wide = false;        // sums have a word each; else two share one, as signed 16-bit lanes
    bool guaranteed = false;  // the depth holds for any weights
    bool rolling = false;     // only the rows that two output rows read are packed at a time

    Form form() const;

    int bits() const { return placement.shape.bits; }

    int elements() const { return placement.shape.elements; }

    int taps() const { return placement.shape.taps; }  // of one weight word

    int first_bit() const { return placement.first_bit(); }

    // Words of sums of one strip of one output row.
    int sum_words() const;
    // Strips that multiply, and all: the last may only receive a carry.
    int multiplied_strips() const;
    int strips() const;

    // Words of packed activations of one phase of a row: `chunks - 1` zero words come first.
    int row_words() const { return multiplied_strips() + chunks - 1; }

    // All bytes; a group holds [row][channel][phase][word].
    int row_bytes() const { return 4 * depth * geometry.phases * row_words(); }

    // Packed input rows kept at a time: those of two output rows, or of all.
    int rows_kept() const;

    // Of those, rows that the next two output rows read too.
    int rows_shared() const { return geometry.layer.kernel_height - geometry.layer.stride; }

    int group_bytes() const;

    // Weight words of one group: [channel][phase][kernel row][chunk], then constants, an even number.
    int constant_words() const { return form() == Form::Straddled ? 3 : 1; }

    int multiply_words() const {
        return depth * geometry.phases * geometry.layer.kernel_height * chunks;
    }

    int group_words() const { return (multiply_words() + constant_words() + 1) / 2 * 2; }

    // Of one filter: the sums' starts, the groups, multiplier and bias; an even number.
    int start_words() const { return (sum_words() + 1) / 2 * 2; }

    int filter_words() const { return start_words() + groups * group_words() + 2; }

    // Bits of field Ns - 1 in the high word of the accumulator.
    int bits_above() const { return elements() * bits() - 32; }

    // Bits of a sum that are exact, sign included.
    int exact_bits() const;
    std::string descriptor() const;  // "SMLAL 3x3 S=12 T=9"
};

// The same with its input packed as it goes, for less scratch; nothing where output rows share no input rows, begin in the padding
// alone, or are too few for that to save anything.
std::optional<Plan> rolled(Plan plan);

// Every plan that fits the shape at these bits at all: as deep as the guarantee allows, divided evenly. Never wide.
std::vector<Plan> guaranteed_plans(const traces::Layer& layer, traces::Precision precision);

// Every plan that holds typical weights (packing/typical.h): what plans() gives for most actual ones, in microseconds.
std::vector<Plan> typical_plans(const traces::Layer& layer, traces::Precision precision);

// Every plan that fits these weights, guaranteed ones included, each wide where its sums need it.
std::vector<Plan> plans(const IntegerLayer& layer);

// Throws std::runtime_error naming the layer, the filter and the bound where these weights overflow a field or a factor of the plan.
// Otherwise the largest value any field reaches.
std::int64_t prove(const IntegerLayer& layer, const Plan& plan);

// Throws std::runtime_error that says why no plan holds these weights, naming the filter.
[[noreturn]] void explain(const IntegerLayer& layer);

// The accumulators [filter][row][column] by the plan's own arithmetic, from packed weights: what the generated code does, in
// C++. For tests and hosts.
std::vector<std::int32_t> accumulate(const Plan& plan,
                                     const std::vector<std::uint8_t>& weights,
                                     const std::vector<std::uint8_t>& input);

}  // namespace mixq::kernels::packed_conv
