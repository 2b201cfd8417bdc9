// The laws of packed multiplication, on the host with the very arithmetic the device does.
#include "kernels/packing/packing.h"

#include <array>

#include <gtest/gtest.h>

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
    }
}

}  // namespace

}  // namespace mixq::kernels::packing
