// Packs 1x1 layers for slbc_pointwise.c.
#include <algorithm>
#include <stdexcept>

#include "kernels/packing/requantise.h"
#include "kernels/slbc/deep.h"

namespace mixq::kernels::slbc {
namespace {

constexpr int kLane = 16;                // bits of a weight lane
constexpr std::uint32_t kReadAhead = 8;  // bytes slbc_pointwise.c reads beyond what it needs
constexpr int kQuad = 4;                 // output channels side by side, two to a weight word

int ceil_divide(int a, int b) {
    return (a + b - 1) / b;
}

// The widest lower field that leaves a signed lane room for the upper weight: full-range weights borrow, hence one bit less
// than 16 - w.
int field_bits(traces::Precision precision) {
    return kLane - 1 - precision.weight_bits;
}

// Input channels evenly over the fewest blocks of at most `most`, in pairs.
std::optional<PointwisePlan> divide(const traces::Layer& layer, int bits, std::int64_t most) {
    const int pairs = ceil_divide(layer.in_channels, 2);
    const int most_pairs = static_cast<int>(std::min<std::int64_t>(pairs, most / 2));
    if (most_pairs < 1) return std::nullopt;
    const int blocks = ceil_divide(pairs, most_pairs);
    return PointwisePlan{
        .field_bits = bits, .depth = 2 * ceil_divide(pairs, blocks), .blocks = blocks};
}

std::span<const std::int8_t> block_weights(const IntegerLayer& layer,
                                           const PointwisePlan& plan,
                                           int out,
                                           int block) {
    const int in = layer.shape.in_channels;
    if (out >= layer.shape.out_channels) return {};
    const int first = std::min(block * plan.depth, in);
    return std::span(layer.weights)
        .subspan(static_cast<std::size_t>(out) * in + first,
                 static_cast<std::size_t>(std::min(plan.depth, in - first)));
}

// Lower fields belong to even output channels.
std::int64_t worst_field(const IntegerLayer& layer, const PointwisePlan& plan, int* filter) {
    std::int64_t worst = 0;
    for (int out = 0; out < layer.shape.out_channels; out += 2) {
        for (int block = 0; block < plan.blocks; ++block) {
            const auto reach = packing::actual_reach(block_weights(layer, plan, out, block),
                                                     layer.precision.activation_bits);
            if (reach.most > worst) {
                worst = reach.most;
                *filter = out;
            }
        }
    }
    return worst;
}

PointwisePlan choose(const IntegerLayer& layer) {
    if (const auto plan = plan_pointwise(layer.shape, layer.precision)) return *plan;
    const int bits = field_bits(layer.precision);
    int filter = 0;
    for (int depth = layer.shape.in_channels + 1; bits > 0 && depth >= 2; --depth) {
        const auto plan = divide(layer.shape, bits, depth);
        if (plan && worst_field(layer, *plan, &filter) <= packing::field_limit(bits)) return *plan;
    }
    throw std::runtime_error("layer " + layer.name + ": slbc-deep cannot pack filter " +
                             std::to_string(filter) + " at " + to_string(layer.precision) +
                             ": two of its channels overflow a field of " + std::to_string(bits) +
                             " bits");
}

void append(std::vector<std::uint8_t>& bytes, std::int64_t word) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
}

// Two input channels of two output channels.
std::int64_t weight_word(std::span<const std::int8_t> lower,
                         std::span<const std::int8_t> upper,
                         int channel,
                         int bits) {
    std::int64_t word = 0;
    for (int i = 0; i < 2; ++i) {
        const auto at = static_cast<std::size_t>(channel + i);
        const int low = at < lower.size() ? lower[at] : 0;
        const int high = at < upper.size() ? upper[at] : 0;
        word |= std::int64_t{static_cast<std::uint16_t>(low + high * (1 << bits))} << (kLane * i);
    }
    return word;
}

void append_quad(std::vector<std::uint8_t>& bytes,
                 const IntegerLayer& layer,
                 const PointwisePlan& plan,
                 int out) {
    std::int64_t biases[2] = {0, 0};
    std::vector<std::uint8_t> body;
    for (int block = 0; block < plan.blocks; ++block) {
        std::span<const std::int8_t> weights[kQuad];
        for (int i = 0; i < kQuad; ++i) weights[i] = block_weights(layer, plan, out + i, block);
        for (int word = 0; word < 2; ++word) {
            const auto reach =
                packing::actual_reach(weights[2 * word], layer.precision.activation_bits);
            append(body, reach.bias);
            biases[word] += reach.bias;
        }
        for (int channel = 0; channel < plan.depth; channel += 2) {
            append(body, weight_word(weights[0], weights[1], channel, plan.field_bits));
            append(body, weight_word(weights[2], weights[3], channel, plan.field_bits));
        }
    }
    append(bytes, -biases[0]);
    append(bytes, -biases[1]);
    bytes.insert(bytes.end(), body.begin(), body.end());
}

}  // namespace

std::optional<PointwisePlan> plan_pointwise(const traces::Layer& layer,
                                            traces::Precision precision) {
    const int bits = field_bits(precision);
    // The upper field must hold the sum over all channels in the rest of the accumulator.
    if (packing::guaranteed_reach(precision, layer.in_channels) > packing::field_limit(31 - bits)) {
        return std::nullopt;
    }
    return divide(layer, bits, packing::guaranteed_depth(bits, precision, 1));
}

PackedLayer pack_pointwise(const IntegerLayer& layer) {
    packing::check_layer(layer);
    const PointwisePlan plan = choose(layer);
    PackedLayer packed;
    packed.kernel = "slbc-deep";
    packed.source = "slbc/slbc_pointwise.c";
    for (int out = 0; out < layer.shape.out_channels; out += kQuad) {
        append_quad(packed.weights, layer, plan, out);
    }
    packed.weights.insert(packed.weights.end(), kReadAhead, 0);
    packing::set_requantisation(layer, packed);
    int filter = 0;
    packed.proof_largest_field = worst_field(layer, plan, &filter);
    packed.proof_field_limit = packing::field_limit(plan.field_bits);
    packed.proof = "two output channels to a lane, " + std::to_string(plan.depth) +
                   " input channels deep: the lower field of " + std::to_string(plan.field_bits) +
                   " bits reaches " + std::to_string(packed.proof_largest_field) + " of " +
                   std::to_string(packed.proof_field_limit);
    packed.defines.emplace_back("MIXQ_FIELD_BITS", std::to_string(plan.field_bits));
    packed.defines.emplace_back("MIXQ_DEPTH", std::to_string(plan.depth));
    packed.defines.emplace_back("MIXQ_BLOCKS", std::to_string(plan.blocks));
    packed.scratch_bytes =
        static_cast<std::uint32_t>(plan.depth / 2 * plan.blocks * 4 * 4) + kReadAhead;
    return packed;
}

}  // namespace mixq::kernels::slbc
