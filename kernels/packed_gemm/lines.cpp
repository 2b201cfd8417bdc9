// Where rows and pixels begin at multiples of four bytes, two channels of four positions take two loads, two packs, four
// expansions and four stores; elsewhere bytes are loaded one by one.
#include "kernels/packed_gemm/lines.h"

#include <algorithm>

namespace mixq::kernels::packed_gemm {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

constexpr int kOffset = 4000;

const std::vector<Reg> kPool{r7, r8, r9, r10, r11, lr};

// Outer's words can be made of four pixels at once.
bool direct_pairs(const Plan& plan) {
    return plan.product == Product::Outer && plan.lines.flat && plan.lines.positions % 4 == 0 &&
           plan.shape.height * plan.shape.width % 4 == 0 && 3 * 4 * plan.lines.column <= kOffset;
}

// r0 input row of the first channel of a pair, r1 of the second, r2 lanes, r3 mask of rows outside the image.
class LineCode {
  public:
    LineCode(Routine& routine, Body& body, const Plan& plan, const Frame& frame)
        : routine_(routine),
          body_(body),
          plan_(plan),
          frame_(frame),
          lines_(plan.lines),
          layer_(plan.shape) {}

    void emit() {
        if (layer_.kind == traces::LayerKind::FullyConnected) return fully_connected();
        channel_bytes_ = layer_.height * layer_.width;
        elements_ = lines_.columns - 2 * layer_.padding_x;
        masked_ = layer_.padding_y > 0;
        single_ = plan_.product == Product::Outer;
        words_ = lines_.source_step == 1 && elements_ % 4 == 0 && channel_bytes_ % 4 == 0 &&
                 (lines_.flat || layer_.width % 4 == 0);
        if (lines_.flat) {
            Code code;
            load(code, r0, frame_.input);
            load(code, r1, frame_.line);
            load(code, r2, frame_.scratch);
            code.add(r0, r0, r1);
            second_channel(code);
            body_.straight(code, kPool);
            channels(body_);
            return;
        }
        Code code;
        load(code, r4, frame_.line);
        load(code, r5, frame_.scratch);
        add_any(code, r5, r5, 4 * layer_.padding_x * lines_.column);
        body_.straight(code, kPool);
        Body& rows = body_.loop(layer_.kernel_height, r12, "kernel rows");
        rows.straight(row_start(), kPool);
        channels(rows);
        Code next;
        next.add(r4, r4, 1);
        next.add(r5, r5, 4 * lines_.channel_pairs);
        rows.straight(next, kPool);
    }

  private:
    void second_channel(Code& code) {
        if (layer_.in_channels > 1) add_any(code, r1, r0, channel_bytes_);
    }

    // Row r4 of the image, which may lie outside of it: its mask, and a row that can be read in any case.
    Code row_start() {
        Code code;
        const Reg width = code.value();
        const Reg offset = code.value();
        code.mov(width, static_cast<std::uint32_t>(layer_.width));
        code.mul(offset, r4, width);
        if (masked_) {
            const Reg below = code.value();
            add_any(code, below, r4, -layer_.height);
            code.bic(below, below, r4);
            code.shift(r3, below, asr(31));
            code.and_(offset, offset, r3);
        }
        load(code, r0, frame_.input);
        code.add(r0, r0, offset);
        second_channel(code);
        code.mov(r2, r5);
        return code;
    }

    void channels(Body& body) {
        const int together = single_ ? layer_.in_channels : layer_.in_channels / 2;
        if (together > 0) {
            Body& loop = body.loop(together, r6, "channels");
            columns(loop, !single_);
        }
        if (!single_ && layer_.in_channels % 2 != 0) columns(body, false);
    }

    // All columns of a pair of channels, or of the last one; then the registers stand at the next pair.
    void columns(Body& body, bool both) {
        const int column_bytes = 4 * lines_.column;
        int most = std::clamp(kOffset / column_bytes + 1, 1, words_ ? 16 : 8);
        if (words_ && most < 4) {
            words_ = false;
        } else if (words_) {
            most -= most % 4;
        }
        const int full = elements_ / most;
        const int rest = elements_ % most;
        if (full > 4) {
            Body& loop = body.loop(full, lr, "columns");
            Code code = piece(most, both);
            advance(code, most);
            loop.straight(code, {r7, r8, r9, r10, r11});
        } else {
            for (int k = 0; k < full; ++k) {
                Code code = piece(most, both);
                if (k + 1 < full || rest > 0) {
                    advance(code, most);
                } else {
                    next_pair(code, (full - 1) * most);
                }
                body.straight(code, kPool);
            }
            if (rest == 0) return;
        }
        Code code = rest > 0 ? piece(rest, both) : Code();
        next_pair(code, full * most);
        body.straight(code, kPool);
    }

    void advance(Code& code, int elements) {
        code.add(r0, r0, elements * lines_.source_step);
        if (layer_.in_channels > 1) code.add(r1, r1, elements * lines_.source_step);
        add_any(code, r2, r2, elements * 4 * lines_.column);
    }

    void next_pair(Code& code, int elements) {
        const int on = (single_ ? 1 : 2) * channel_bytes_ - elements * lines_.source_step;
        add_any(code, r0, r0, on);
        if (layer_.in_channels > 1) add_any(code, r1, r1, on);
        add_any(code, r2, r2, 4 - elements * 4 * lines_.column);
    }

    Code piece(int elements, bool both) {
        Code code;
        if (words_) {
            for (int x = 0; x < elements; x += 4) four(code, x, both);
        } else {
            for (int x = 0; x < elements; ++x) one(code, x, both);
        }
        return code;
    }

    void mask(Code& code, Reg value) {
        if (masked_) code.and_(value, value, r3);
    }

    void one(Code& code, int x, bool both) {
        const Reg lanes = code.value();
        code.ldrb(lanes, {r0, x * lines_.source_step, kInputSpace});
        if (both) {
            const Reg second = code.value();
            code.ldrb(second, {r1, x * lines_.source_step, kInputSpace});
            code.orr(lanes, lanes, second, lsl(16));
        }
        mask(code, lanes);
        code.str(lanes, {r2, x * 4 * lines_.column, kScratchSpace});
    }

    void four(Code& code, int x, bool both) {
        const Reg first = code.value();
        code.ldr(first, {r0, x, kInputSpace});
        const auto put = [&](int k, Reg from, int rotate) {
            const Reg lanes = code.value();
            code.uxtb16(lanes, from, rotate);
            code.str(lanes, {r2, (x + k) * 4 * lines_.column, kScratchSpace});
        };
        if (direct_pairs(plan_)) return pairs_of_four(code, x, first);
        const auto put_one = [&](int k, int rotate) {
            const Reg lanes = code.value();
            code.uxtb(lanes, first, rotate);
            code.str(lanes, {r2, (x + k) * 4 * lines_.column, kScratchSpace});
        };
        if (!both) {
            mask(code, first);
            for (int k = 0; k < 4; ++k) put_one(k, 8 * k);
            return;
        }
        const Reg second = code.value();
        code.ldr(second, {r1, x, kInputSpace});
        const Reg low = code.value();
        const Reg high = code.value();
        code.pkhbt(low, first, second, 16);
        code.pkhtb(high, second, first, 16);
        mask(code, low);
        mask(code, high);
        put(0, low, 0);
        put(1, low, 8);
        put(2, high, 0);
        put(3, high, 8);
    }

    // Outer's words for two pairs of positions: [p0 0 0 p1] and [p2 0 0 p3].
    void pairs_of_four(Code& code, int x, Reg four) {
        const Reg upper = code.value();
        const Reg third = code.value();
        code.shift(upper, four, lsl(16));
        const Reg one = code.value();
        code.uxtb(one, four);
        code.bfi(upper, one, 0, kOuterChannels * kOuterBits);
        code.ubfx(third, four, 16, 8);
        code.bfi(four, third, 0, kOuterChannels * kOuterBits);
        code.str(upper, {r2, x * 4 * lines_.column, kScratchSpace});
        code.str(four, {r2, (x + 2) * 4 * lines_.column, kScratchSpace});
    }

    // Words of four inputs: lanes 0 with 2, 1 with 3.
    void fully_connected() {
        constexpr int kUnrolled = 6;
        Code code;
        load(code, r0, frame_.input);
        load(code, r2, frame_.scratch);
        body_.straight(code, kPool);
        const int quads = layer_.in_channels / 4;
        const auto emit = [&](Code& out, int count) {
            for (int k = 0; k < count; ++k) {
                const Reg bytes = out.value();
                const Reg even = out.value();
                const Reg odd = out.value();
                out.ldr(bytes, {r0, 4 * k, kInputSpace});
                out.uxtb16(even, bytes);
                out.uxtb16(odd, bytes, 8);
                out.str(even, {r2, 8 * k, kScratchSpace});
                out.str(odd, {r2, 8 * k + 4, kScratchSpace});
            }
            out.add(r0, r0, 4 * count);
            out.add(r2, r2, 8 * count);
        };
        if (quads >= kUnrolled) {
            Body& loop = body_.loop(quads / kUnrolled, r6, "inputs");
            Code unrolled;
            emit(unrolled, kUnrolled);
            loop.straight(unrolled, kPool);
        }
        Code rest;
        if (quads % kUnrolled != 0) emit(rest, quads % kUnrolled);
        const int tail = layer_.in_channels % 4;
        if (tail > 0) {
            const Reg even = rest.value();
            const Reg odd = rest.value();
            rest.ldrb(even, {r0, 0, kInputSpace});
            if (tail > 1) {
                rest.ldrb(odd, {r0, 1, kInputSpace});
            } else {
                rest.mov(odd, 0);
            }
            if (tail > 2) {
                const Reg third = rest.value();
                rest.ldrb(third, {r0, 2, kInputSpace});
                rest.orr(even, even, third, lsl(16));
            }
            rest.str(even, {r2, 0, kScratchSpace});
            rest.str(odd, {r2, 4, kScratchSpace});
        }
        if (!rest.insns.empty()) body_.straight(rest, kPool);
    }

    Routine& routine_;
    Body& body_;
    const Plan& plan_;
    const Frame& frame_;
    const Lines& lines_;
    const traces::Layer& layer_;
    int channel_bytes_ = 0;
    int elements_ = 0;  // of a row of the input, or of a line
    bool masked_ = false;
    bool words_ = false;
    bool single_ = false;
};

// Lanes of every column become those of its position and of the next one.
void pair_positions(Body& body, const Plan& plan, const Frame& frame) {
    constexpr int kUnrolled = 8;
    const int shift =
        plan.product == Product::Outer ? kOuterChannels * kOuterBits : plan.field_bits;
    const int ahead = 4 * plan.lines.position_step * plan.lines.column;
    const int words = plan.lines.columns * plan.lines.column - ahead / 4;
    // What one pass reads ahead it does not write, if that is far enough away.
    const Space ahead_space = ahead >= 4 * kUnrolled ? kInputSpace : kScratchSpace;
    Code start;
    load(start, r0, frame.scratch);
    add_any(start, r1, r0, ahead);
    body.straight(start, kPool);
    const auto emit = [&](int count) {
        Code code;
        for (int k = 0; k < count; ++k) {
            const Reg here = code.value();
            const Reg next = code.value();
            code.ldr(here, {r0, 4 * k, kScratchSpace});
            code.ldr(next, {r1, 4 * k, ahead_space});
            code.add(here, here, next, lsl(shift));
            code.str(here, {r0, 4 * k, kScratchSpace});
        }
        code.add(r0, r0, 4 * count);
        code.add(r1, r1, 4 * count);
        return code;
    };
    if (words >= kUnrolled) {
        Body& loop = body.loop(words / kUnrolled, r6, "pairs of positions");
        loop.straight(emit(kUnrolled), kPool);
    }
    if (words % kUnrolled != 0) body.straight(emit(words % kUnrolled), kPool);
}

}  // namespace

void emit_borders(Body& body, const Plan& plan, const Frame& frame) {
    if (plan.shape.padding_x == 0) return;
    constexpr int kUnrolled = 8;
    const int words = plan.lines.bytes() / 4;
    Code start;
    load(start, r0, frame.scratch);
    start.mov(r1, 0);
    body.straight(start, kPool);
    const auto emit = [&](int count) {
        Code code;
        for (int k = 0; k < count; ++k) code.str(r1, {r0, 4 * k, kScratchSpace});
        code.add(r0, r0, 4 * count);
        return code;
    };
    if (words >= kUnrolled) {
        Body& loop = body.loop(words / kUnrolled, r6, "borders");
        loop.straight(emit(kUnrolled), kPool);
    }
    if (words % kUnrolled != 0) body.straight(emit(words % kUnrolled), kPool);
}

void emit_lines(Routine& routine, Body& body, const Plan& plan, const Frame& frame) {
    LineCode(routine, body, plan, frame).emit();
    if (plan.pairs_positions() && !direct_pairs(plan)) pair_positions(body, plan, frame);
}

}  // namespace mixq::kernels::packed_gemm
