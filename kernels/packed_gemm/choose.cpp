// Which plans hold, for any weights or for these, and the proof.
#include <algorithm>

#include "kernels/packed_gemm/filters.h"
#include "kernels/packed_gemm/pack.h"
#include "kernels/packing/packing.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels::packed_gemm {

namespace {

constexpr int kMostBlocks = 32;  // beyond, segmentation takes more than the products

// D2: full-range weights borrow, so that only 15 - w bits are left for the low field.
int guaranteed_bits(Product product, traces::Precision precision) {
    return packing::kLaneBits - 1 -
           (product == Product::DualChannels ? precision.weight_bits : precision.activation_bits);
}

Plan dual_plan(Product product, const traces::Layer& shape, traces::Precision precision, int bits) {
    Plan plan;
    plan.product = product;
    plan.shape = shape;
    plan.precision = precision;
    plan.field_bits = bits;
    return plan;
}

Plan outer_plan(const traces::Layer& shape, traces::Precision precision) {
    Plan plan = dual_plan(Product::Outer, shape, precision, kOuterBits);
    plan.biased = true;
    plan.depth = INT32_MAX;
    return plan;
}

// Whatever the weights.
std::optional<Plan> guaranteed_outer_plan(const traces::Layer& shape, traces::Precision precision) {
    Plan plan = outer_plan(shape, precision);
    const std::int64_t taps =
        std::int64_t{shape.filter_channels()} * shape.kernel_height * shape.kernel_width;
    plan.depth = static_cast<int>(
        std::min<std::int64_t>(packing::guaranteed_depth(kOuterBits, precision, 1), taps));
    if (plan.depth < 1 || !packing::outer_fits(kOuterBits, kOuterChannels, precision) ||
        packing::guaranteed_reach(precision, taps) > INT16_MAX) {
        return std::nullopt;
    }
    return shaped(plan);
}

// The fewest blocks with which the actual weights fit.
std::optional<Plan> deepest(Plan plan, const IntegerLayer& layer) {
    const int pairs = static_cast<int>(taps_of(plan).size());
    int last = 0;
    for (int blocks = 1; blocks <= kMostBlocks; ++blocks) {
        plan.depth = (pairs + blocks - 1) / blocks;
        if (plan.depth == last) continue;
        last = plan.depth;
        const auto candidate = shaped(plan);
        if (candidate && prove(*candidate, layer).failure.empty()) return candidate;
    }
    return std::nullopt;
}

constexpr Product kDual[] = {Product::DualChannels, Product::DualPositions};

}  // namespace

std::string describe(const Plan& plan) {
    const std::string tile = std::to_string(plan.positions) + " positions x " +
                             std::to_string(plan.room()) + " channels";
    if (plan.product == Product::Int8)
        return "SMLAD, " + tile + (plan.wide ? ", weights in 16 bits" : ", weights in bytes");
    if (plan.product == Product::Outer) {
        return "O6 SMLAL, " + tile +
               ", S=8 T=" + std::to_string(std::min(plan.block_pairs(), plan.pairs));
    }
    return std::string(plan.product == Product::DualChannels ? "D2" : "D2'") + " SMLAD, " + tile +
           ", S=" + std::to_string(plan.field_bits) +
           " T=" + std::to_string(2 * std::min(plan.block_pairs(), plan.pairs)) +
           (plan.biased ? ", starts" : "");
}

namespace {

Proof prove_outer(const Plan& plan, const IntegerLayer& layer) {
    Proof proof;
    proof.limit = packing::field_limit(kOuterBits);
    const Filters filters(plan, layer);
    if (!packing::outer_fits(kOuterBits, kOuterChannels, plan.precision))
        proof.failure = "filter 0 does not fit the registers of an outer product";
    for (int channel = 0; channel < plan.shape.out_channels; ++channel) {
        for (int block = 0; block < plan.blocks(); ++block) {
            const auto sides = filters.block(plan, channel, block);
            const std::int64_t range = sides.negative + sides.positive;
            proof.largest = std::max(proof.largest, range);
            if (range <= proof.limit) continue;
            proof.failure = filter_text(channel) + " ranges over " + std::to_string(range) +
                            " in a field of " + std::to_string(kOuterBits) + " bits";
        }
        // Whole sums are lanes.
        if (packing::accumulator_range(layer, channel).magnitude() > INT16_MAX &&
            proof.failure.empty()) {
            proof.failure = filter_text(channel) + " leaves 16 bits";
        }
        if (!proof.failure.empty()) break;
    }
    return proof;
}

}  // namespace

Proof prove(const Plan& plan, const IntegerLayer& layer) {
    Proof proof;
    const std::int64_t top = (std::int64_t{1} << plan.precision.activation_bits) - 1;
    if (plan.product == Product::Int8) {
        proof.largest = packing::accumulator_range(layer).magnitude();
        proof.limit = INT32_MAX;
        return proof;
    }
    if (plan.product == Product::Outer) return prove_outer(plan, layer);
    proof.limit = packing::field_limit(plan.field_bits);
    const Filters filters(plan, layer);
    const auto fail = [&](int channel, const std::string& why) {
        if (proof.failure.empty()) proof.failure = filter_text(channel) + " " + why;
    };
    if (plan.product == Product::DualPositions && !packing::lane_fits(top, top, plan.field_bits)) {
        fail(0, "has activations that do not fit a lane twice");
    }
    for (int group = 0; group < plan.groups(); ++group) {
        for (int word = 0; word < plan.words; ++word) {
            const int low = low_channel(plan, group, word);
            if (!exists(plan, group, low)) continue;
            for (int block = 0; block < plan.blocks(); ++block) {
                const auto sides = filters.block(plan, low, block);
                proof.largest = std::max(proof.largest, sides.negative + sides.positive);
                const auto start =
                    packing::signed_start(sides.negative, sides.positive, plan.field_bits);
                if (start && (plan.biased || *start == 0)) continue;
                fail(low,
                     "reaches -" + std::to_string(sides.negative) + " .. " +
                         std::to_string(sides.positive) + " in a field of " +
                         std::to_string(plan.field_bits) + " bits");
            }
            const int high = high_channel(plan, group, word);
            if (!exists(plan, group, high)) continue;
            const auto range = packing::accumulator_range(layer, high);
            if (!packing::high_field_fits(range.least, range.greatest, plan.field_bits))
                fail(high, "does not fit above a field of " + std::to_string(plan.field_bits));
            if (plan.product == Product::DualChannels && filters.sign_above(plan, low, high) == 0)
                fail(high, "borrows beyond a lane of 16 bits");
            if (!proof.failure.empty()) return proof;
        }
    }
    return proof;
}

std::vector<Plan> guaranteed_dual_plans(const traces::Layer& shape, traces::Precision precision) {
    std::vector<Plan> plans;
    for (const Product product : kDual) {
        const int bits = guaranteed_bits(product, precision);
        if (bits < 2) continue;
        Plan plan = dual_plan(product, shape, precision, bits);
        plan.biased = true;
        const std::int64_t taps =
            std::int64_t{shape.filter_channels()} * shape.kernel_height * shape.kernel_width;
        const std::int64_t top = (std::int64_t{1} << precision.activation_bits) - 1;
        const std::int64_t reach = packing::guaranteed_reach(precision, taps);
        if (product == Product::DualPositions && !packing::lane_fits(top, top, bits)) continue;
        if (!packing::high_field_fits(-reach, reach, bits)) continue;
        plan.depth = static_cast<int>(
            std::min<std::int64_t>(packing::guaranteed_depth(bits, precision, 2), taps));
        if (plan.depth < 1) continue;
        // A half-range field serves as well where it is wide enough for a whole block.
        if (const auto found = shaped(plan)) plans.push_back(*found);
    }
    if (const auto outer = guaranteed_outer_plan(shape, precision)) plans.push_back(*outer);
    std::ranges::sort(plans, {}, estimated_cycles);
    return plans;
}

std::vector<Choice> dual_plans(const IntegerLayer& layer) {
    std::vector<Choice> choices;
    for (const Plan& plan : guaranteed_dual_plans(layer.shape, layer.precision))
        choices.push_back({plan, true, 0});
    for (const Product product : kDual) {
        const int guaranteed = guaranteed_bits(product, layer.precision);
        const bool more = product == Product::DualChannels;
        for (int bits = guaranteed + (more ? 1 : 0); bits >= std::max(guaranteed, 2); --bits) {
            for (const bool biased : {false, true}) {
                Plan plan = dual_plan(product, layer.shape, layer.precision, bits);
                plan.biased = biased;
                if (const auto found = deepest(plan, layer)) choices.push_back({*found, false, 0});
            }
        }
    }
    if (const auto found = deepest(outer_plan(layer.shape, layer.precision), layer))
        choices.push_back({*found, false, 0});
    for (Choice& choice : choices) choice.cycles = estimated_cycles(choice.plan);
    std::ranges::stable_sort(choices, {}, &Choice::cycles);
    return choices;
}

std::string why_no_dual_plan(const IntegerLayer& layer) {
    if (layer.shape.kind == traces::LayerKind::Depthwise) return "its layer is depthwise";
    const int bits = std::max(2, guaranteed_bits(Product::DualChannels, layer.precision));
    Plan plan = dual_plan(Product::DualChannels, layer.shape, layer.precision, bits);
    plan.biased = true;
    const int pairs = static_cast<int>(taps_of(plan).size());
    plan.depth = (pairs + kMostBlocks - 1) / kMostBlocks;
    const std::string failure = prove(*shaped(plan), layer).failure;
    return failure.empty() ? "segmentation takes longer than the products" : failure;
}

Plan int8_plan(const traces::Layer& shape, traces::Precision precision, bool wide) {
    Plan plan;
    plan.wide = wide;
    plan.shape = shape;
    plan.precision = precision;
    plan.depth = INT32_MAX;
    return *shaped(plan);
}

}  // namespace mixq::kernels::packed_gemm
