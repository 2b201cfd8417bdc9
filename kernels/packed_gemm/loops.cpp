// Tiles, pairs and outputs of the matrix products, by the plan that would be taken.
#include "kernels/loops.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>

#include "kernels/packed_gemm/pack.h"
#include "kernels/packed_gemm/plan.h"
#include "kernels/packing/packing.h"
#include "kernels/packing/typical.h"

namespace mixq::kernels::packed_gemm {

namespace {

constexpr int kMostBlocks = 32;  // as where packings are chosen
constexpr double kCertain = 0.01;
// Cycles, by issue slots of the code: see products.cpp, outputs.cpp and lines.cpp.
constexpr double kPass = 3;  // pointers, the counter and the branch
constexpr double kTile = 14;
constexpr double kSegment = 2.5;     // five instructions
constexpr double kOuterSegment = 7;  // fourteen
constexpr double kOutput = 2.6;
constexpr double kMispredict = 8;
// Of a word of lanes: of four columns two loads, two packs, four expansions and four stores; else two loads, a pack and a store.
constexpr double kLane = 1.75;
constexpr double kSingleLane = 2.5;
constexpr double kVectorLane = 1.5;
constexpr double kPairedLane = 1.5;  // more, to bring two positions together
constexpr double kLine = 30;

std::vector<WorkTerm> loops_of(const Plan& plan) {
    const double tiles = 1.0 * plan.lines.lines * plan.groups() * plan.tiles();
    const double multiplies = plan.accumulators();
    const double slots =
        multiplies + plan.operands() + plan.pair_words() + (plan.wide ? 0 : plan.words);
    const double pairs = tiles * plan.stored_pairs();
    const double outputs = tiles * plan.positions * plan.channels();
    const bool whole_words =
        plan.positions == 4 || plan.shape.out_height() * plan.shape.out_width() == 1;
    const double lanes = 1.0 * plan.lines.lines * plan.lines.columns * plan.lines.column;
    const bool rows_of_words = plan.shape.width % 4 == 0 || plan.lines.flat;
    const bool vector = plan.shape.kind == traces::LayerKind::FullyConnected;
    const bool strided = plan.lines.source_step > 1;
    const double segments = tiles * (plan.blocks() - 1) * plan.accumulators();
    const bool by_words = !vector && rows_of_words && !strided;
    const bool outer = plan.product == Product::Outer;
    return {{"pairs", pairs * std::max(multiplies, slots / 2)},
            {"expanded pairs", plan.wide ? 0 : pairs},
            {"passes", plan.unrolled() ? 0 : kPass * tiles * plan.blocks() * plan.pieces},
            {"tiles", kTile * tiles},
            {"segments", outer ? 0 : kSegment * segments},
            {"outer segments", outer ? kOuterSegment * segments : 0},
            {"outputs", outer ? 0 : kOutput * outputs},
            {"outer outputs", outer ? kOutput * outputs : 0},
            {"narrow outputs", whole_words ? 0 : outputs},
            {"groups", kMispredict * plan.lines.lines * plan.groups()},
            {"lanes", by_words ? kLane * lanes : 0},
            {"single lanes", by_words || vector ? 0 : kSingleLane * lanes},
            {"paired lanes", plan.product == Product::DualPositions ? kPairedLane * lanes : 0},
            {"vector lanes", vector ? kVectorLane * lanes : 0},
            {"lines", kLine * plan.lines.lines}};
}

// Whether every pair of channels fits a lane that has no bit to spare: a least weight above goes with low ones of one sign alone. Where
// that is nearly certain or impossible by their shares, no weight is looked at.
bool signs_fit(const Plan& plan, const packing::TypicalWeights& weights) {
    const int bits = plan.precision.weight_bits;
    const auto taps = static_cast<std::size_t>(plan.shape.filter_channels()) *
                      static_cast<std::size_t>(plan.shape.kernel_height) *
                      static_cast<std::size_t>(plan.shape.kernel_width);
    const auto channels = static_cast<std::size_t>(plan.shape.out_channels);
    const double least = static_cast<double>(taps) * weights.least_share();
    const double below = least * weights.negative_share();
    const double one = std::exp(-below) + std::exp(below - least) - std::exp(-least);
    const double all = std::pow(std::min(one, 1.0), static_cast<double>(channels) / 2);
    if (all < kCertain || all > 1 - kCertain) return all > kCertain;
    const std::span<const std::int8_t> sample = packing::sample_weights(bits, taps * channels);
    const int lowest = -(1 << (bits - 1));
    for (std::size_t low = 0; low + 1 < channels; low += 2) {
        bool with_negative = false;
        bool with_positive = false;
        for (std::size_t tap = 0; tap < taps; ++tap) {
            if (sample[(low + 1) * taps + tap] != lowest) continue;
            (sample[low * taps + tap] < 0 ? with_negative : with_positive) = true;
        }
        if (with_negative && with_positive) return false;
    }
    return true;
}

// The deepest plan of a product that holds typical weights; see choose.cpp for the same of actual ones.
std::optional<Plan> typical(Plan plan) {
    const packing::TypicalWeights& weights = packing::typical_weights(plan.precision.weight_bits);
    const auto top = static_cast<double>((1 << plan.precision.activation_bits) - 1);
    const std::int64_t taps = std::int64_t{plan.shape.filter_channels()} *
                              plan.shape.kernel_height * plan.shape.kernel_width;
    const int channels = plan.shape.out_channels;
    const bool outer = plan.product == Product::Outer;
    const double negative = weights.negative(taps, channels) * top;
    const double positive = weights.positive(taps, channels) * top;
    if (outer) {
        if (!packing::outer_fits(plan.field_bits, kOuterChannels, plan.precision)) return {};
        if (std::max(negative, positive) > INT16_MAX) return {};
    } else {
        const auto whole = [](double value) { return static_cast<std::int64_t>(value); };
        if (!packing::high_field_fits(-whole(negative), whole(positive), plan.field_bits))
            return {};
        if (plan.product == Product::DualPositions &&
            !packing::lane_fits(whole(top), whole(top), plan.field_bits))
            return {};
        const int spare = packing::kLaneBits - 1 - plan.precision.weight_bits;
        if (plan.product == Product::DualChannels && plan.field_bits > spare &&
            !signs_fit(plan, weights))
            return {};
    }
    const int lanes = outer ? 1 : 2;
    const int pairs = pair_count(plan);
    const int low = plan.product == Product::DualChannels ? (channels + 1) / 2 : channels;
    int last = 0;
    for (int blocks = 1; blocks <= kMostBlocks; ++blocks) {
        plan.depth = (pairs + blocks - 1) / blocks;
        if (plan.depth == last) continue;
        last = plan.depth;
        const std::int64_t met = std::min<std::int64_t>(taps, std::int64_t{lanes} * plan.depth);
        const std::int64_t sums = std::int64_t{blocks} * low;
        const auto limit = static_cast<double>(packing::field_limit(plan.field_bits));
        const bool fits =
            plan.biased
                ? weights.magnitudes(met, sums) * top <= limit
                : std::max(weights.negative(met, sums), weights.positive(met, sums)) * top <=
                      limit / 2;
        if (fits) return shaped(plan);
    }
    return std::nullopt;
}

}  // namespace

std::optional<Plan> typical_dual_plan(const traces::Layer& layer, traces::Precision precision) {
    if (layer.kind == traces::LayerKind::Depthwise) return std::nullopt;
    std::optional<Plan> best;
    double least = std::numeric_limits<double>::infinity();
    const auto take = [&](const std::optional<Plan>& plan) {
        if (!plan) return;
        const double cycles = estimated_cycles(*plan);
        if (cycles >= least) return;
        least = cycles;
        best = plan;
    };
    for (const Plan& plan : guaranteed_dual_plans(layer, precision)) take(plan);
    for (const Product product : {Product::DualChannels, Product::DualPositions, Product::Outer}) {
        Plan plan;
        plan.product = product;
        plan.shape = layer;
        plan.precision = precision;
        if (product == Product::Outer) {
            plan.field_bits = kOuterBits;
            plan.biased = true;
            take(typical(plan));
            continue;
        }
        const bool more = product == Product::DualChannels;
        const int spare =
            packing::kLaneBits - 1 - (more ? precision.weight_bits : precision.activation_bits);
        for (int bits = spare + (more ? 1 : 0); bits >= std::max(spare, 2); --bits) {
            plan.field_bits = bits;
            for (const bool biased : {false, true}) {
                plan.biased = biased;
                take(typical(plan));
            }
        }
    }
    return best;
}

std::vector<WorkTerm> dual_loops(const traces::Layer& layer, traces::Precision precision) {
    const std::optional<Plan> plan = typical_dual_plan(layer, precision);
    if (!plan) {
        throw std::runtime_error("dual-gemm packs no two products of typical weights of " +
                                 to_string(precision) + " into a lane");
    }
    return loops_of(*plan);
}

std::vector<WorkTerm> int8_loops(const traces::Layer& layer, traces::Precision precision) {
    if (layer.kind == traces::LayerKind::Depthwise)
        throw std::runtime_error("smlad-gemm adds up channels; the layer is depthwise");
    const Plan wide = int8_plan(layer, precision, true);
    const Plan narrow = int8_plan(layer, precision, false);
    return loops_of(estimated_cycles(narrow) < estimated_cycles(wide) ? narrow : wide);
}

}  // namespace mixq::kernels::packed_gemm
