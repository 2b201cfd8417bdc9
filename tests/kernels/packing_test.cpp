// The laws of packed multiplication, on the host with the very arithmetic the device does.
#include "kernels/packing/packing.h"

#include <array>

#include <gtest/gtest.h>

#include "kernels/baselines/hikonv.h"
#include "kernels/baselines/ulppack.h"
#include "kernels/slbc/deep.h"
#include "kernels/slbc/literal.h"

namespace mixq::kernels::packing {

namespace {

using traces::Precision;

// Field n of the packed product of `elements` equal activations and the weights, `depth` times over, from bias B.
std::int64_t packed_field(const FieldShape& shape,
                          std::int64_t activation,
                          std::span<const std::int8_t> weights,
                          int depth,
                          std::int64_t bias,
                          int n) {
    std::int64_t r1 = 0;
    std::int64_t r2 = 0;
    for (int i = 0; i < shape.elements; ++i)
        r1 += activation * (std::int64_t{1} << (i * shape.bits));
    for (int j = 0; j < shape.taps; ++j) {
        r2 += weights[static_cast<std::size_t>(j)] * (std::int64_t{1} << (j * shape.bits));
    }
    std::uint64_t sum = 0;
    for (int i = 0; i < shape.fields(); ++i) {
        sum += static_cast<std::uint64_t>(bias) << (i * shape.bits);
    }
    // As SMLAL does it: both factors read as signed 32-bit words.
    const std::int64_t product =
        std::int64_t{static_cast<std::int32_t>(r1)} * std::int64_t{static_cast<std::int32_t>(r2)};
    for (int t = 0; t < depth; ++t) sum += static_cast<std::uint64_t>(product);
    return static_cast<std::int64_t>(sum >> (n * shape.bits)) & field_limit(shape.bits);
}

std::int64_t true_field(const FieldShape& shape,
                        std::int64_t activation,
                        std::span<const std::int8_t> weights,
                        int depth,
                        int n) {
    std::int64_t sum = 0;
    for (int j = 0; j < shape.taps; ++j) {
        if (n - j >= 0 && n - j < shape.elements) sum += weights[static_cast<std::size_t>(j)];
    }
    return sum * activation * depth;
}

// At the ends of what a field can be: activations all zero leave it at its bias, activations all at their largest move it furthest.
bool all_fields_right(const FieldShape& shape, Precision bits, std::array<int, 3> taps, int depth) {
    std::vector<std::int8_t> weights(taps.begin(), taps.end());
    std::vector<std::int8_t> all;
    for (int t = 0; t < depth; ++t) all.insert(all.end(), weights.begin(), weights.end());
    const std::int64_t bias = actual_reach(all, bits.activation_bits).bias;
    for (const std::int64_t activation : {0, (1 << bits.activation_bits) - 1}) {
        for (int n = 0; n < shape.fields(); ++n) {
            if (packed_field(shape, activation, weights, depth, bias, n) - bias !=
                true_field(shape, activation, weights, depth, n)) {
                return false;
            }
        }
    }
    return true;
}

constexpr std::array<FieldShape, 6> kShapes{
    FieldShape{8, 4, 3}, {9, 4, 3}, {11, 3, 3}, {12, 3, 3}, {13, 2, 3}, {14, 2, 3}};

TEST(Packing, EveryGuaranteedDepthIsExactForTheWorstWeights) {
    for (const FieldShape& shape : kShapes) {
        for (const Precision bits : traces::all_precisions()) {
            if (!registers_fit(shape, bits)) continue;
            const int depth = static_cast<int>(guaranteed_depth(shape.bits, bits, 3));
            const int low = -(1 << (bits.weight_bits - 1));
            const int high = -low - 1;
            for (const std::array<int, 3>& taps : {std::array<int, 3>{low, low, low},
                                                   {high, high, high},
                                                   {low, high, low},
                                                   {high, low, high},
                                                   {low, low, high}}) {
                EXPECT_TRUE(all_fields_right(shape, bits, taps, depth))
                    << "S " << shape.bits << " " << to_string(bits) << " depth " << depth;
            }
        }
    }
}

TEST(Packing, OneProductBeyondTheGuaranteedDepthOverflows) {
    int overflowed = 0;
    for (const FieldShape& shape : kShapes) {
        for (const Precision bits : traces::all_precisions()) {
            if (!registers_fit(shape, bits)) continue;
            const int depth = static_cast<int>(guaranteed_depth(shape.bits, bits, 3)) + 1;
            const int low = -(1 << (bits.weight_bits - 1));
            // All at the minimum: the bias alone passes the limit.
            EXPECT_FALSE(all_fields_right(shape, bits, {low, low, low}, depth))
                << "S " << shape.bits << " " << to_string(bits);
            ++overflowed;
        }
    }
    EXPECT_GT(overflowed, 50);
}

TEST(Packing, OneFieldBitLessIsWrong) {
    const Precision bits{3, 3};
    // 3 taps of -4 at 7 reach 84: 7 bits hold it, 6 do not.
    EXPECT_EQ(guaranteed_reach(bits, 3), 84);
    EXPECT_TRUE(all_fields_right({7, 4, 3}, bits, {-4, -4, -4}, 1));
    EXPECT_FALSE(all_fields_right({6, 4, 3}, bits, {-4, -4, -4}, 1));
}

TEST(Packing, FullRangeWeightsNeedABitMoreThanTheirFields) {
    // 2 * 14 + 4 = 32: the top weight -8 with a borrow from below leaves 32 bits.
    EXPECT_FALSE(registers_fit({14, 2, 3}, {4, 4}));
    EXPECT_FALSE(all_fields_right({14, 2, 3}, {4, 4}, {-8, -8, -8}, 1));
    EXPECT_TRUE(registers_fit({14, 2, 3}, {3, 4}));
}

TEST(Packing, ActualReachIsTheSumOfMagnitudes) {
    const std::vector<std::int8_t> weights{-2, 3, 0, -1};
    const Reach reach = actual_reach(weights, 2);
    EXPECT_EQ(reach.bias, 9);
    EXPECT_EQ(reach.most, 18);
}

// The middle coefficient of `depth` products of the greatest operands, added in 32 bits, against their dot products.
bool middle_right(const MiddleShape& shape, Precision bits, std::int64_t depth) {
    const auto activation = static_cast<std::uint32_t>(field_limit(bits.activation_bits));
    const auto weight = static_cast<std::uint32_t>(field_limit(bits.weight_bits));
    std::uint32_t left = 0;
    std::uint32_t right = 0;
    for (int i = 0; i < shape.elements; ++i) {
        left |= activation << (i * shape.bits);
        right |= weight << (i * shape.bits);
    }
    std::uint32_t sum = 0;
    for (std::int64_t k = 0; k < depth; ++k) sum += left * right;
    const std::int64_t middle = sum >> ((shape.elements - 1) * shape.bits);
    return middle == depth * shape.elements * activation * weight;
}

TEST(Packing, TheMiddleIsRightAtItsDepthAndWrongOneBeyond) {
    int shapes = 0;
    for (const int elements : {2, 3, 4}) {
        for (int spacing = 8; spacing <= 16; ++spacing) {
            for (const Precision bits : traces::all_precisions()) {
                const MiddleShape shape{spacing, elements};
                const std::int64_t depth = middle_depth(shape, bits);
                if (depth == 0) continue;
                EXPECT_TRUE(middle_right(shape, bits, depth)) << elements << " " << to_string(bits);
                EXPECT_FALSE(middle_right(shape, bits, depth + 1))
                    << elements << " " << to_string(bits);
                ++shapes;
            }
        }
    }
    EXPECT_GT(shapes, 50);
}

TEST(Packing, AMiddleWithAFieldAboveItInTheWordIsRefused) {
    // Three elements 10 bits apart: bits 30 and 31 are the next field's.
    EXPECT_EQ(middle_depth({10, 3}, {4, 4}), 0);
    EXPECT_FALSE(middle_right({10, 3}, {4, 4}, 1));
    EXPECT_EQ(middle_depth({11, 3}, {4, 4}), 1);
}

// All fields of `depth` unsigned products of the greatest operands.
bool unsigned_fields_right(const FieldShape& shape, Precision bits, std::int64_t depth) {
    const std::int64_t product = field_limit(bits.activation_bits) * field_limit(bits.weight_bits);
    std::uint64_t left = 0;
    std::uint64_t right = 0;
    for (int i = 0; i < shape.elements; ++i)
        left |= static_cast<std::uint64_t>(field_limit(bits.activation_bits)) << (i * shape.bits);
    for (int i = 0; i < shape.taps; ++i)
        right |= static_cast<std::uint64_t>(field_limit(bits.weight_bits)) << (i * shape.bits);
    if (left >> 32 != 0 || right >> 32 != 0) return false;
    std::uint64_t sum = 0;
    for (std::int64_t k = 0; k < depth; ++k) sum += left * right;
    for (int n = 0; n < shape.fields(); ++n) {
        const int terms = std::min({n + 1, shape.fields() - n, shape.elements, shape.taps});
        const auto field =
            static_cast<std::int64_t>(sum >> (n * shape.bits)) & field_limit(shape.bits);
        if (field != depth * terms * product) return false;
    }
    return true;
}

TEST(Packing, OffsetFieldsAreRightAtTheirDepthAndWrongOneBeyond) {
    int shapes = 0;
    for (int elements = 3; elements <= 6; ++elements) {
        for (int width = 5; width <= 14; ++width) {
            for (const Precision bits : traces::all_precisions()) {
                const FieldShape shape{width, elements, 3};
                const std::int64_t depth = offset_depth(width, bits, 3);
                if (depth == 0 || !unsigned_registers_fit(shape, bits)) continue;
                EXPECT_TRUE(unsigned_fields_right(shape, bits, depth));
                EXPECT_FALSE(unsigned_fields_right(shape, bits, depth + 1));
                ++shapes;
            }
        }
    }
    EXPECT_GT(shapes, 50);
}

TEST(Packing, PlansStayWithinTheirBounds) {
    const traces::Layer spatial = traces::parse_layer("conv3x3:32x32@16x16");
    const traces::Layer pointwise = traces::parse_layer("conv1x1:64x64@12x12");
    for (const Precision bits : traces::all_precisions()) {
        if (const auto plan = slbc::plan_spatial(spatial, bits)) {
            EXPECT_TRUE(registers_fit(plan->shape, bits));
            EXPECT_LE(guaranteed_reach(bits, 9 * plan->group), field_limit(plan->shape.bits));
            EXPECT_GE(plan->group * plan->groups, 32);
        }
        if (const auto plan = slbc::plan_pointwise(pointwise, bits)) {
            EXPECT_LE(guaranteed_reach(bits, plan->depth), field_limit(plan->field_bits));
            EXPECT_LE(plan->field_bits + bits.weight_bits, 15);
            EXPECT_GE(plan->depth * plan->blocks, 64);
        }
        if (const auto plan = slbc::plan_row(spatial, bits)) {
            EXPECT_TRUE(registers_fit(plan->shape, bits));
            EXPECT_LE(guaranteed_reach(bits, 3), field_limit(plan->shape.bits));
            EXPECT_GT(guaranteed_reach(bits, 3), field_limit(plan->shape.bits - 1));
        }
        if (const auto plan = hikonv::plan(spatial, bits)) {
            EXPECT_TRUE(unsigned_registers_fit(plan->shape, bits));
            EXPECT_LE(plan->group, offset_depth(plan->shape.bits, bits, 3));
            EXPECT_GE(plan->strips * plan->shape.elements, 16);
        }
        if (const auto plan = ulppack::plan(pointwise, bits)) {
            EXPECT_LE(plan->depth, middle_depth(plan->shape, bits));
            EXPECT_GE(plan->words * plan->shape.elements, 64);
            EXPECT_EQ(plan->words % plan->depth, 0);
        }
    }
}

TEST(Packing, LanesStartAtAMultipleAndHoldWhatComesOnTop) {
    const Reach reach{.bias = 254, .most = 254 + 32511};
    EXPECT_EQ(lane_start(reach, 1), 254);
    EXPECT_EQ(lane_start(reach, 256), 256);
    EXPECT_TRUE(lane_holds(reach, 256));
    EXPECT_FALSE(lane_holds({.bias = 254, .most = 254 + 32512}, 256));
    EXPECT_EQ(lane_start({.bias = 0, .most = 5}, 1024), 0);
}

}  // namespace

}  // namespace mixq::kernels::packing
