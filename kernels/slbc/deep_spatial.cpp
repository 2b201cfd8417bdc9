// Packs 3x3 layers for slbc_deep.c.
#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "kernels/packing/requantise.h"
#include "kernels/slbc/deep.h"

namespace mixq::kernels::slbc {
namespace {

using packing::FieldShape;

constexpr int kTaps = 9;           // of one input channel
constexpr int kLargestGroup = 16;  // slbc_deep.c unrolls a group
constexpr int kLoadOffset = 4096;  // bytes of the band a group may span: 12-bit offsets
constexpr int kBandRows = 4;       // input rows two output rows need
constexpr std::int64_t kLaneLeast = INT16_MIN;
constexpr std::int64_t kLaneGreatest = INT16_MAX;

// Issue cycles of one segmentation of both rows with its loop, counted in slbc_deep.c; 7 more per channel. They only rank
// the shapes.
struct Candidate {
    FieldShape shape;
    int segment_cycles;
};

constexpr std::array kCandidates{
    Candidate{{8, 4, 3}, 14},
    Candidate{{9, 4, 3}, 24},
    Candidate{{12, 3, 3}, 22},
    Candidate{{11, 3, 3}, 22},
    Candidate{{14, 2, 3}, 18},
    Candidate{{13, 2, 3}, 18},
};
constexpr int kChannelCycles = 7;

int ceil_divide(int a, int b) {
    return (a + b - 1) / b;
}

// Channels evenly over the fewest groups of at most `most`.
SpatialPlan divide(const traces::Layer& layer, const FieldShape& shape, int most) {
    SpatialPlan plan;
    plan.shape = shape;
    plan.strips = ceil_divide(layer.width, shape.elements);
    most = std::min({most, kLargestGroup, kLoadOffset / (kBandRows * 4 * plan.strips)});
    if (most < 1) return plan;
    plan.groups = ceil_divide(layer.in_channels, most);
    plan.group = ceil_divide(layer.in_channels, plan.groups);
    return plan;
}

int cycles(const SpatialPlan& plan, int segment_cycles) {
    return plan.strips * plan.groups * (kChannelCycles * plan.group + segment_cycles);
}

// The fastest plan when depth(shape) channels may be added up.
template <typename Depth>
std::optional<SpatialPlan> fastest(const traces::Layer& layer,
                                   traces::Precision precision,
                                   const Depth& depth) {
    std::optional<SpatialPlan> best;
    int best_cycles = 0;
    for (const Candidate& candidate : kCandidates) {
        if (!packing::registers_fit(candidate.shape, precision)) continue;
        const SpatialPlan plan = divide(layer, candidate.shape, depth(candidate.shape));
        if (plan.group < 1) continue;
        const int plan_cycles = cycles(plan, candidate.segment_cycles);
        if (!best || plan_cycles < best_cycles) {
            best = plan;
            best_cycles = plan_cycles;
        }
    }
    return best;
}

std::span<const std::int8_t> filter_weights(const IntegerLayer& layer,
                                            int out,
                                            int first,
                                            int channels) {
    const int in = layer.shape.in_channels;
    const int count = std::max(0, std::min(channels, in - first));
    return std::span(layer.weights)
        .subspan(static_cast<std::size_t>(out * in + std::min(first, in)) * kTaps,
                 static_cast<std::size_t>(count) * kTaps);
}

// The largest field of any group, and the filter it is in.
struct Worst {
    std::int64_t field = 0;
    int filter = 0;
};

Worst worst_field(const IntegerLayer& layer, int group) {
    Worst worst;
    for (int out = 0; out < layer.shape.out_channels; ++out) {
        for (int first = 0; first < layer.shape.in_channels; first += group) {
            const auto reach = packing::actual_reach(filter_weights(layer, out, first, group),
                                                     layer.precision.activation_bits);
            if (reach.most > worst.field) worst = {reach.most, out};
        }
    }
    return worst;
}

int proved_depth(const IntegerLayer& layer, const FieldShape& shape) {
    for (int group = std::min(kLargestGroup, layer.shape.in_channels); group > 0; --group) {
        if (worst_field(layer, group).field <= packing::field_limit(shape.bits)) return group;
    }
    return 0;
}

// The fewest chunks of whole groups whose sums fit 16-bit lanes.
int chunks_for_lanes(const IntegerLayer& layer, const SpatialPlan& plan) {
    for (int chunks = 1; chunks < plan.groups; ++chunks) {
        const int channels = ceil_divide(plan.groups, chunks) * plan.group;
        bool fits = true;
        for (int out = 0; out < layer.shape.out_channels && fits; ++out) {
            for (int first = 0; first < layer.shape.in_channels && fits; first += channels) {
                const auto reach = packing::actual_reach(
                    filter_weights(layer, out, first, channels), layer.precision.activation_bits);
                fits = -reach.bias >= kLaneLeast && reach.most - reach.bias <= kLaneGreatest;
            }
        }
        if (fits) return chunks;
    }
    return plan.groups;
}

void append(std::vector<std::uint8_t>& bytes, std::uint32_t word) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
}

// The three taps of one kernel row, right to left: field n = s[n] k[0] + s[n - 1] k[1] + ...
std::uint32_t weight_word(std::span<const std::int8_t> row, int field_bits) {
    std::int64_t word = 0;
    for (int j = 0; j < 3; ++j) word += row[2 - j] * (std::int64_t{1} << (j * field_bits));
    return static_cast<std::uint32_t>(word);
}

void append_group(std::vector<std::uint8_t>& bytes,
                  std::span<const std::int8_t> weights,
                  const SpatialPlan& plan,
                  std::uint64_t bias) {
    const int bits = plan.shape.bits;
    for (int channel = 0; channel < plan.group; ++channel) {
        for (int row = 0; row < 3; ++row) {
            const std::size_t at = static_cast<std::size_t>(channel * kTaps + row * 3);
            append(bytes, at < weights.size() ? weight_word(weights.subspan(at, 3), bits) : 0);
        }
    }
    if (bits == 8) {
        append(bytes, static_cast<std::uint32_t>(bias * 0x01010101u));
        return;
    }
    std::uint64_t upper = 0;
    for (int field = 2; field < plan.shape.fields(); ++field) upper += bias << (field * bits);
    append(bytes, static_cast<std::uint32_t>(upper));
    append(bytes, static_cast<std::uint32_t>(upper >> 32));
    append(bytes, static_cast<std::uint32_t>(upper + bias + (bias << bits)));
}

std::vector<std::uint8_t> pack_weights(const IntegerLayer& layer,
                                       const SpatialPlan& plan,
                                       int chunks) {
    const int groups = ceil_divide(plan.groups, chunks);
    std::vector<std::uint8_t> bytes;
    for (int out = 0; out < layer.shape.out_channels; ++out) {
        for (int chunk = 0; chunk < chunks; ++chunk) {
            std::vector<std::uint8_t> body;
            std::int64_t biases = 0;
            for (int group = 0; group < groups; ++group) {
                const auto weights =
                    filter_weights(layer, out, (chunk * groups + group) * plan.group, plan.group);
                const auto reach = packing::actual_reach(weights, layer.precision.activation_bits);
                biases += reach.bias;
                append_group(body, weights, plan, static_cast<std::uint64_t>(reach.bias));
            }
            append(bytes, static_cast<std::uint16_t>(-biases) * 0x10001u);
            bytes.insert(bytes.end(), body.begin(), body.end());
        }
    }
    return bytes;
}

SpatialPlan choose(const IntegerLayer& layer) {
    if (auto plan = plan_spatial(layer.shape, layer.precision)) return *plan;
    const auto plan = fastest(layer.shape, layer.precision, [&](const FieldShape& shape) {
        return proved_depth(layer, shape);
    });
    if (plan) return *plan;
    const Worst worst = worst_field(layer, 1);
    throw std::runtime_error("layer " + layer.name + ": slbc-deep cannot pack filter " +
                             std::to_string(worst.filter) + " at " + to_string(layer.precision) +
                             ": one of its channels reaches " + std::to_string(worst.field) +
                             " and no field that fits the registers holds it");
}

}  // namespace

std::optional<SpatialPlan> plan_spatial(const traces::Layer& layer, traces::Precision precision) {
    return fastest(layer, precision, [&](const FieldShape& shape) {
        return static_cast<int>(std::min<std::int64_t>(
            kLargestGroup, packing::guaranteed_depth(shape.bits, precision, kTaps)));
    });
}

PackedLayer pack_spatial(const IntegerLayer& layer) {
    packing::check_layer(layer);
    const SpatialPlan plan = choose(layer);
    const int chunks = chunks_for_lanes(layer, plan);
    const int groups = ceil_divide(plan.groups, chunks);
    PackedLayer packed;
    packed.kernel = "slbc-deep";
    packed.source = "slbc/slbc_deep.c";
    packed.weights = pack_weights(layer, plan, chunks);
    packing::set_requantisation16(layer, packed);
    if (chunks > 1) packing::set_requantisation(layer, packed);
    packed.proof_largest_field = worst_field(layer, plan.group).field;
    packed.proof_field_limit = packing::field_limit(plan.shape.bits);
    packed.proof = std::to_string(plan.shape.elements) + " activations x 3 taps in fields of " +
                   std::to_string(plan.shape.bits) + " bits, " + std::to_string(plan.group) +
                   " channels deep: the largest field reaches " +
                   std::to_string(packed.proof_largest_field) + " of " +
                   std::to_string(packed.proof_field_limit);
    const auto define = [&](const char* name, int value) {
        packed.defines.emplace_back(name, std::to_string(value));
    };
    define("MIXQ_FIELD_BITS", plan.shape.bits);
    define("MIXQ_FIELDS", plan.shape.elements);
    define("MIXQ_STRIPS", plan.strips);
    define("MIXQ_GROUP", plan.group);
    define("MIXQ_GROUPS", groups);
    define("MIXQ_CHUNKS", chunks);
    const int lane_words = (plan.strips + 1) * 2 * (plan.shape.elements > 2 ? 2 : 1);
    const int sums = chunks > 1 ? (plan.strips + 1) * 2 * plan.shape.elements : 0;
    const int band = plan.group * groups * chunks * kBandRows * plan.strips;
    packed.scratch_bytes = static_cast<std::uint32_t>(4 * (band + lane_words + sums));
    return packed;
}

}  // namespace mixq::kernels::slbc
