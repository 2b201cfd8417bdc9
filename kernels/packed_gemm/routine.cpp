// Loops over lines, groups and tiles.
#include "kernels/packed_gemm/routine.h"

#include "kernels/packed_gemm/lines.h"
#include "kernels/packed_gemm/tile.h"

namespace mixq::kernels::packed_gemm {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

const std::vector<Reg> kPool{r0, r1, r2, r3, r4, r5};

int output_step(const Plan& plan, const Requantise& requantise, Layout output) {
    return (output == Layout::Planar ? 1 : plan.shape.out_channels) *
           (requantise.output_bits == 0 ? 4 : 1);
}

void emit_setup(Body& body, const Plan& plan, const std::string& layer, const Frame& frame) {
    Code code;
    store(code, r0, frame.input);
    store(code, r1, frame.output);
    store(code, r2, frame.scratch);
    store(code, r1, frame.line_output);
    code.address(r3, "mixq_weights_" + layer);
    store(code, r3, frame.weights);
    code.mov(r3, static_cast<std::uint32_t>(plan.lines.flat ? 0 : -plan.shape.padding_y));
    store(code, r3, frame.line);
    body.straight(code, {});
}

// Rows follow each other; the last run of pixels begins early enough to be a whole one.
void emit_next_line(
    Body& body, const Plan& plan, const Requantise& requantise, Layout output, const Frame& frame) {
    if (plan.lines.lines == 1) return;
    const int step = output_step(plan, requantise, output);
    Code code;
    const Reg line = code.value();
    const Reg place = code.value();
    load(code, line, frame.line);
    if (!plan.lines.flat) {
        add_any(code, line, line, plan.shape.stride);
        load(code, place, frame.line_output);
        add_any(code, place, place, plan.lines.positions * step);
    } else {
        add_any(code, line, line, plan.lines.positions);
        const int last = plan.shape.height * plan.shape.width - plan.lines.positions;
        if (last % plan.lines.positions != 0) {
            const Reg over = code.value();
            const Reg sign = code.value();
            add_any(code, over, line, -last);
            code.shift(sign, over, asr(31));
            code.bic(over, over, sign);
            code.sub(line, line, over);
        }
        const Reg bytes = code.value();
        load(code, place, frame.output);
        code.mov(bytes, static_cast<std::uint32_t>(step));
        code.mla(place, line, bytes, place);
    }
    store(code, line, frame.line);
    store(code, place, frame.line_output);
    body.straight(code, kPool);
}

}  // namespace

int bias_words(const Plan& plan) {
    return plan.biased ? (plan.words * plan.registers() + 1) / 2 * 2 : 0;
}

int start_words(const Plan& plan) {
    if (plan.blocks() == 1) return bias_words(plan);
    return bias_words(plan) +
           (plan.product == Product::Outer ? kOuterStarts * plan.words : bias_words(plan));
}

int closing_words(const Plan& plan) {
    if (plan.blocks() > 1) return 0;
    return plan.product == Product::Outer ? kOuterStarts * plan.words : bias_words(plan);
}

int group_words(const Plan& plan) {
    const int words = start_words(plan) + (plan.blocks() - 1) * bias_words(plan) +
                      plan.stored_pairs() * plan.pair_words() + GroupConstants::words(plan) +
                      closing_words(plan);
    return (words + 1) / 2 * 2;
}

std::unique_ptr<Routine> build_routine(const std::string& layer,
                                       const Plan& plan,
                                       const Requantise& requantise,
                                       Layout output,
                                       int groups) {
    auto made = std::make_unique<Routine>("mixq_kernel_" + layer);
    Routine& routine = *made;
    const Frame frame(routine);
    emit_setup(routine.body(), plan, layer, frame);
    // Lanes of paired positions overwrite the borders.
    const bool clears_once = !plan.pairs_positions();
    if (clears_once) emit_borders(routine.body(), plan, frame);
    Body& lines = routine.body().loop(plan.lines.lines, routine.slot(), kPool, "lines");
    if (!clears_once) emit_borders(lines, plan, frame);
    emit_lines(routine, lines, plan, frame);
    Code first;
    const Reg weights = first.value();
    load(first, weights, frame.weights);
    store(first, weights, frame.group_weights);
    lines.straight(first, kPool);
    Body& each = lines.loop(groups, routine.slot(), kPool, "output channels");
    Code zero;
    const Reg tile = zero.value();
    zero.mov(tile, 0);
    store(zero, tile, frame.tile);
    each.straight(zero, kPool);
    Body& tiles = each.loop(plan.tiles(), routine.slot(), {r0, r1, r2, lr}, "tiles");
    emit_tile(routine, tiles, plan, requantise, output, frame);
    Code next;
    if (groups > 1) {
        const Reg group = next.value();
        load(next, group, frame.group_weights);
        add_any(next, group, group, 4 * group_words(plan));
        store(next, group, frame.group_weights);
        each.straight(next, kPool);
    }
    emit_next_line(lines, plan, requantise, output, frame);
    return made;
}

}  // namespace mixq::kernels::packed_gemm
