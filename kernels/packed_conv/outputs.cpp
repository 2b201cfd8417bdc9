// Finishes output rows.
#include "kernels/packed_conv/outputs.h"

#include <algorithm>
#include <numeric>

#include "kernels/packed_conv/input.h"
#include "kernels/packed_conv/sums.h"

namespace mixq::kernels::packed_conv {

namespace {

using generate::asr;
using generate::Body;
using generate::Code;
using generate::kConstantSpace;
using generate::lsl;
using generate::lsr;
using generate::Reg;

constexpr generate::Space kOutputSpace = 2;
constexpr Reg kWeights = generate::r1;
constexpr Reg kSums = generate::r2;
constexpr Reg kMultiplier = generate::r3;
constexpr Reg kBias = generate::r4;
constexpr Reg kOut = generate::r5;
constexpr Reg kCounter = generate::r7;
const std::vector<Reg> kPool{generate::r0,
                             generate::r6,
                             generate::r8,
                             generate::r9,
                             generate::r10,
                             generate::r11,
                             generate::r12,
                             generate::lr};
constexpr int kHalf = 16;
constexpr int kQuad = 4;           // outputs of a word
constexpr int kMostStraight = 64;  // outputs written out
constexpr int kMostOffset = 4095;

// Bytes from one output column to the next.
int column_bytes(const Plan& plan, const Output& output) {
    const int element = output.bits == 0 ? 4 : 1;
    return output.layout == Layout::Planar ? element : element * plan.geometry.layer.out_channels;
}

int filter_bytes(const Plan& plan, const Output& output) {
    const int element = output.bits == 0 ? 4 : 1;
    const traces::Layer& layer = plan.geometry.layer;
    return output.layout == Layout::Planar ? element * layer.out_height() * layer.out_width()
                                           : element;
}

class Finisher {
  public:
    Finisher(const Plan& plan, const Output& output, int rows, Code& code)
        : plan_(plan), output_(output), rows_(rows), code_(code) {}

    // Columns 0 .. count - 1 from where the pointers stand.
    void columns(int count) {
        for (int row = 0; row < rows_; ++row) {
            strip_ = -1;
            for (int x = 0; x < count;) {
                const int to =
                    row * output_row_bytes(plan_, output_) + x * column_bytes(plan_, output_);
                if (output_.bits > 0 && output_.layout == Layout::Planar && x + kQuad <= count) {
                    quad(row, x, to);
                    x += kQuad;
                } else {
                    single(row, x, to);
                    ++x;
                }
            }
        }
        add_constant(code_, kOut, kOut, -moved_);
        moved_ = 0;
    }

  private:
    generate::At at(int offset) {
        if (offset - moved_ > kMostOffset) {
            add_constant(code_, kOut, kOut, offset - moved_);
            moved_ = offset;
        }
        return {kOut, offset - moved_, kOutputSpace};
    }

    Sum sum(int row, int x) {
        const int position = plan_.geometry.first + x;
        const int strip = position / plan_.elements();
        if (strip != strip_) {
            strip_ = strip;
            std::vector<bool> wanted(static_cast<std::size_t>(plan_.elements()), true);
            // Nothing before the first output is read.
            for (int n = 0; n < position % plan_.elements(); ++n)
                wanted[static_cast<std::size_t>(n)] = false;
            const int word = (strip * rows_ + row) * plan_.sum_words();
            sums_ = read_sums(code_, plan_, {kSums, 4 * word, kSumSpace}, wanted);
        }
        return sums_[static_cast<std::size_t>(position % plan_.elements())];
    }

    // (multiplier * sum >> 16) + bias.
    Reg scaled(const Sum& sum) {
        const Reg value = code_.value();
        const Finish& finish = output_.finish;
        if (sum.part == Sum::Bottom) {
            code_.smlawb(value, kMultiplier, sum.reg, kBias);
        } else if (sum.part == Sum::Top) {
            code_.smlawt(value, kMultiplier, sum.reg, kBias);
        } else if (finish.long_product) {
            const Reg high = code_.value();
            code_.smull(value, high, kMultiplier, sum.reg);
            const Reg middle = code_.value();
            code_.shift(middle, value, lsr(kHalf));
            const Reg joined = code_.value();
            code_.orr(joined, middle, high, lsl(kHalf));
            const Reg result = code_.value();
            code_.add(result, joined, kBias);
            return result;
        } else {
            Reg shifted = sum.reg;
            if (finish.sum_shift > 0) {
                shifted = code_.value();
                code_.shift(shifted, sum.reg, lsl(finish.sum_shift));
            }
            code_.smmla(value, kMultiplier, shifted, kBias);
        }
        return value;
    }

    Reg clamped(Reg scaled) {
        const int shift = output_.finish.halves ? kHalf : output_.finish.shift;
        const Reg value = code_.value();
        code_.usat(value, output_.bits, scaled, shift > 0 ? asr(shift) : generate::Shift{});
        return value;
    }

    void single(int row, int x, int to) {
        const Sum from = sum(row, x);
        if (output_.bits > 0) {
            code_.strb(clamped(scaled(from)), at(to));
            return;
        }
        Reg whole = from.reg;
        if (from.part != Sum::Whole) {
            whole = code_.value();
            if (from.part == Sum::Bottom) {
                code_.sxth(whole, from.reg);
            } else {
                code_.shift(whole, from.reg, asr(kHalf));
            }
        }
        const Reg logit = code_.value();
        code_.add(logit, whole, kBias);
        code_.str(logit, at(to));
    }

    // Two results whose high halves count.
    Reg pair(Reg bottom, Reg top) {
        const Reg both = code_.value();
        code_.pkhtb(both, top, bottom, kHalf);
        const Reg value = code_.value();
        code_.usat16(value, output_.bits, both);
        return value;
    }

    void quad(int row, int x, int to) {
        Reg word = code_.value();
        if (output_.finish.halves) {
            Reg results[kQuad];
            for (int k = 0; k < kQuad; ++k) results[k] = scaled(sum(row, x + k));
            const Reg even = pair(results[0], results[2]);
            const Reg odd = pair(results[1], results[3]);
            code_.orr(word, even, odd, lsl(8));
        } else {
            word = clamped(scaled(sum(row, x)));
            for (int k = 1; k < kQuad; ++k) {
                const Reg more = code_.value();
                code_.orr(more, word, clamped(scaled(sum(row, x + k))), lsl(8 * k));
                word = more;
            }
        }
        code_.str(word, at(to));
    }

    const Plan& plan_;
    const Output& output_;
    int rows_;
    Code& code_;
    int strip_ = -1;
    std::vector<Sum> sums_;
    int moved_ = 0;
};

}  // namespace

int output_row_bytes(const Plan& plan, const Output& output) {
    return plan.geometry.layer.out_width() * column_bytes(plan, output);
}

void finish_filter(
    Body& body, const Plan& plan, const Output& output, int rows, generate::Slot out) {
    const int width = plan.geometry.layer.out_width();
    const generate::At slot{generate::sp, out.offset, generate::kStackSpace};
    Code begin;
    begin.ldr(kMultiplier, {kWeights, 0, kConstantSpace});
    begin.ldr(kBias, {kWeights, 4, kConstantSpace});
    add_constant(begin, kWeights, kWeights, 8);
    begin.ldr(kOut, slot);
    const auto next_filter = [&](Code& code) {
        const Reg next = code.value();
        code.ldr(next, slot);
        add_constant(code, next, next, filter_bytes(plan, output));
        code.str(next, slot);
    };
    std::vector<Reg> pool = kPool;
    // Steps of whole words and whole strips.
    const int step = std::lcm(kQuad, plan.elements());
    const int passes = rows * width > kMostStraight ? width / step : 0;
    if (passes < 2) {
        pool.push_back(kCounter);
        Finisher(plan, output, rows, begin).columns(width);
        next_filter(begin);
        body.straight(begin, pool);
        return;
    }
    body.straight(begin, pool);
    Body& each = body.loop(passes, kCounter, "output columns");
    Code code;
    Finisher(plan, output, rows, code).columns(step);
    const int strips_bytes = 4 * step / plan.elements() * rows * plan.sum_words();
    add_constant(code, kOut, kOut, step * column_bytes(plan, output));
    add_constant(code, kSums, kSums, strips_bytes);
    each.straight(code, pool);
    Code end;
    if (width % step > 0) Finisher(plan, output, rows, end).columns(width % step);
    add_constant(end, kSums, kSums, -passes * strips_bytes);
    next_filter(end);
    body.straight(end, pool);
}

}  // namespace mixq::kernels::packed_conv
