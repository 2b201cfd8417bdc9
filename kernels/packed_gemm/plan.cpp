// Shapes of lines and tiles.
#include "kernels/packed_gemm/plan.h"

#include <algorithm>

namespace mixq::kernels::packed_gemm {

namespace {

constexpr int kAccumulators = 8;  // of 14 registers: two pointers and four for operands beside them
constexpr int kOffset = 4000;     // bytes a load reaches from its base
constexpr int kFlatPositions = 16;  // of a line of pixels: its lanes stay small, its loop long
// Instructions of straight code: products that need no loop, and the body of a loop. Both leave room for the outputs' code in an
// instruction cache of 4 KB, segmentation and the last block being code of their own.
constexpr int kUnrolled = 640;
constexpr int kLoopBody = 440;
constexpr int kBlockLoopBody = 300;
constexpr double kFlushPerAccumulator = 2.5;  // cycles: five instructions
constexpr double kOuterFlush = 7;             // fourteen
constexpr double kOutputCycles = 2.6;
constexpr double kStartCycles = 0.25;     // taking its start off every other output
constexpr double kNarrowStoreCycles = 1;  // where outputs do not make words
constexpr double kTileCycles = 14;        // pointers, accumulators, the loop
constexpr double kMispredict = 8;

int ceil_divide(int a, int b) {
    return (a + b - 1) / b;
}

bool is_flat(const traces::Layer& layer) {
    return layer.kernel_height == 1 && layer.kernel_width == 1 && layer.stride == 1 &&
           layer.padding_x == 0 && layer.padding_y == 0;
}

// Pixels in the fewest lines of at most kFlatPositions or a little more, all of one length, of whole words where that is possible.
int flat_positions(int pixels) {
    if (pixels <= kFlatPositions) return pixels;
    int best = kFlatPositions;
    for (int length = kFlatPositions + 8; length >= kFlatPositions - 8; length -= 4) {
        const auto waste = [&](int l) { return ceil_divide(pixels, l) * l - pixels; };
        // A line does not reach beyond the last pixel.
        if (length <= pixels && waste(length) < waste(best)) best = length;
    }
    return best;
}

// Blocks of one length, each of pieces of one length.
void cut(Plan& plan) {
    plan.piece_pairs = 1;
    const int per_pair = plan.piece_instructions();
    const int looped = plan.depth < plan.pairs ? kBlockLoopBody : kLoopBody;
    const int instructions = per_pair * plan.pairs <= kUnrolled ? kUnrolled : looped;
    const int most = std::max(1, instructions / per_pair);
    for (int blocks = ceil_divide(plan.pairs, plan.depth);; ++blocks) {
        const int block = ceil_divide(plan.pairs, blocks);
        plan.piece_pairs = ceil_divide(block, ceil_divide(block, most));
        plan.pieces = ceil_divide(block, plan.piece_pairs);
        // A single block's surplus has no weights.
        if (blocks == 1 || plan.block_pairs() <= plan.depth) return;
    }
}

// Four positions of one channel, or four channels of a layer's only position.
bool words_of_outputs(const Plan& plan) {
    return plan.positions == 4 || plan.shape.out_height() * plan.shape.out_width() == 1;
}

double pair_cycles(const Plan& plan) {
    const int multiplies = plan.accumulators();
    const int expansions = plan.wide ? 0 : plan.words;
    const int loads = plan.operands() + plan.pair_words();
    // Expanding takes a register that loading ahead would need.
    const double late = plan.wide ? 0 : 1;
    return std::max<double>(multiplies, (multiplies + loads + expansions) / 2.0) + late;
}

}  // namespace

int Plan::channels() const {
    return std::min(room(), shape.out_channels);
}

int Plan::groups() const {
    return ceil_divide(shape.out_channels, channels());
}

int Plan::first_channel(int group) const {
    return std::min(group * channels(), shape.out_channels - channels());
}

bool Plan::unrolled() const {
    return blocks() * pieces * piece_instructions() <= kUnrolled;
}

std::uint32_t Plan::scratch_bytes() const {
    // Blocks of whole pieces read on, into words that meet weights of zero.
    const int beyond = 4 * (stored_pairs() - pairs);
    return static_cast<std::uint32_t>((lines.bytes() + std::max(beyond, 0) + 7) / 8 * 8);
}

Lines lines_of(const traces::Layer& layer, Product product) {
    Lines lines;
    if (layer.kind == traces::LayerKind::FullyConnected) {
        // Two pairs to a word of the input: channels 0 with 2, 1 with 3.
        lines.channel_pairs = lines.column = 2 * ceil_divide(layer.in_channels, 4);
        return lines;
    }
    lines.channel_pairs =
        product == Product::Outer ? layer.in_channels : ceil_divide(layer.in_channels, 2);
    lines.column = layer.kernel_height * lines.channel_pairs;
    if (is_flat(layer)) {
        const int pixels = layer.height * layer.width;
        lines.flat = true;
        lines.positions = lines.columns = flat_positions(pixels);
        lines.lines = ceil_divide(pixels, lines.positions);
        return lines;
    }
    lines.lines = layer.out_height();
    lines.positions = layer.out_width();
    if (layer.kernel_width == 1 && layer.padding_x == 0) {
        lines.columns = lines.positions;
        lines.source_step = layer.stride;
    } else {
        lines.columns = layer.width + 2 * layer.padding_x;
        lines.position_step = layer.stride;
    }
    return lines;
}

int most_positions(const Lines& lines) {
    int most = 4;
    while (most > lines.positions ||
           (most > 1 && 4 * (most - 1) * lines.position_step * lines.column > kOffset / 2)) {
        most /= 2;
    }
    return most;
}

std::vector<Taps> taps_of(const Plan& plan) {
    const traces::Layer& layer = plan.shape;
    std::vector<Taps> taps;
    if (layer.kind == traces::LayerKind::FullyConnected) {
        const auto input = [&](int c) { return c < layer.in_channels ? c : -1; };
        for (int quad = 0; quad < layer.in_channels; quad += 4) {
            taps.push_back({input(quad), input(quad + 2)});
            taps.push_back({input(quad + 1), input(quad + 3)});
        }
        return taps;
    }
    const int kernel = layer.kernel_height * layer.kernel_width;
    for (int kx = 0; kx < layer.kernel_width; ++kx) {
        for (int ky = 0; ky < layer.kernel_height; ++ky) {
            const int step = plan.product == Product::Outer ? 1 : 2;
            for (int c = 0; c < layer.in_channels; c += step) {
                const int at = c * kernel + ky * layer.kernel_width + kx;
                const bool both = step == 2 && c + 1 < layer.in_channels;
                taps.push_back({at, both ? at + kernel : -1});
            }
        }
    }
    return taps;
}

int pair_count(const Plan& plan) {
    const traces::Layer& layer = plan.shape;
    if (layer.kind == traces::LayerKind::FullyConnected)
        return 2 * ceil_divide(layer.in_channels, 4);
    const int together = plan.product == Product::Outer ? 1 : 2;
    return layer.kernel_height * layer.kernel_width * ceil_divide(layer.in_channels, together);
}

double estimated_cycles(const Plan& plan) {
    const double tile = kTileCycles + plan.stored_pairs() * pair_cycles(plan) +
                        (plan.blocks() - 1) * plan.accumulators() *
                            (plan.product == Product::Outer ? kOuterFlush : kFlushPerAccumulator) +
                        plan.positions * plan.channels() *
                            (kOutputCycles + (plan.biased ? kStartCycles : 0) +
                             (words_of_outputs(plan) ? 0 : kNarrowStoreCycles));
    return plan.lines.lines * plan.groups() * (plan.tiles() * tile + kMispredict);
}

std::optional<Plan> shaped(Plan plan) {
    plan.lines = lines_of(plan.shape, plan.product);
    plan.pairs = pair_count(plan);
    plan.depth = std::min(plan.depth, plan.pairs);
    std::optional<Plan> best;
    double least = 0;
    const int least_positions = plan.pairs_positions() ? 2 : 1;
    for (int positions = most_positions(plan.lines); positions >= least_positions; positions /= 2) {
        plan.positions = positions;
        for (plan.words = kAccumulators / (plan.operands() * plan.registers()); plan.words >= 1;
             --plan.words) {
            Plan candidate = plan;
            cut(candidate);
            const double cycles = estimated_cycles(candidate);
            if (best && cycles >= least) continue;
            least = cycles;
            best = candidate;
        }
    }
    return best;
}

}  // namespace mixq::kernels::packed_gemm
