// Generates packed depthwise convolution: channel by channel, two output rows at a time. A piece first runs SMLAL over the strips of
// both rows and leaves their field words on the stack, then parts, scales, clamps and stores them.
//
// What the core allows for four outputs: S = 8  7 + 13 instructions, 10 cycles; S = 16  28 + 12, of which 14 multiplies and stores
// that share one slot a cycle, 20 cycles.
#include <algorithm>
#include <map>

#include "kernels/generate/far.h"
#include "kernels/packed_dw/plan.h"
#include "kernels/packed_dw/planes.h"

namespace mixq::kernels::packed_dw {

using namespace generate;

namespace {

constexpr int kSegment =
    32;  // outputs of a row in one piece: a few hundred instructions, a kilobyte or two

// What one piece of a row computes.
struct Segment {
    int first = 0;                        // outputs
    int last = 0;                         // one past
    int first_word = 0, last_word = 0;    // field words that hold them, last included
    int first_strip = 0, last_strip = 0;  // input words they need, one past
};

class Generator {
  public:
    Generator(const Plan& plan, const std::string& layer, Layout output)
        : plan_(plan),
          shape_(plan.shape),
          planes_(plan.shape, plan.output_bits, layer, output),
          is_bytes_(plan.field_bits == 8) {
        format_ = {plan.output_bits,
                   plan.shift,
                   output == Layout::Planar,
                   shape_.out_width(),
                   planes_.pixel_step()};
        const int words = 2 * (is_bytes_ ? 1 : 2) * (plan.strips() + 1);
        for (int k = 0; k < words; ++k) {
            const Slot slot = planes_.routine().slot();
            if (k == 0) fields_ = slot.offset;
        }
    }

    const Routine& generated() {
        planes_.generate(is_bytes_ ? Record::kBytes8 : Record::kBytes16,
                         2,
                         [this](Body& body, const RowGroup& group) { rows(body, group); });
        return planes_.routine();
    }

  private:
    int centre(int x) const { return x * shape_.stride + 1 - shape_.padding_x; }

    // S = 8: byte centre + 1 of the stream of field words. S = 16: odd centres lie one column further in their stream.
    int word_of(int at) const { return (is_bytes_ || at % 2 != 0 ? at + 1 : at) / 4; }

    Segment segment(int first) const {
        Segment s;
        s.first = first;
        s.last = std::min(first + kSegment, shape_.out_width());
        s.first_word = 1 << 30;
        for (int x = s.first; x < s.last; ++x) {
            s.first_word = std::min(s.first_word, word_of(centre(x)));
            s.last_word = std::max(s.last_word, word_of(centre(x)));
        }
        s.first_strip = std::max(0, s.first_word - 1);
        s.last_strip = std::min(plan_.strips(), s.last_word + 1);
        return s;
    }

    void rows(Body& body, const RowGroup& group) {
        for (int first = 0; first < shape_.out_width(); first += kSegment) {
            const Segment s = segment(first);
            Code products;
            if (is_bytes_) {
                byte_products(products, group, s);
                body.straight(products, Planes::pool());
                products = Code{};
            } else {
                for (int row = 0; row < group.rows; ++row) {
                    lane_products(products, group, s, row);
                    body.straight(products, Planes::pool());
                    products = Code{};
                }
            }
            Code finish;
            const Reg record = Planes::kRecord;
            const int constants = is_bytes_ ? 4 : 10;
            const Reg minus = finish.value();
            const Reg multiplier = finish.value();
            const Reg bias = finish.value();
            if (is_bytes_ || !plan_.folded)
                finish.ldr(minus, {record, 4 * constants, kConstantSpace});
            finish.ldr(multiplier, {record, 4 * constants + 4, kConstantSpace});
            finish.ldr(bias, {record, 4 * constants + 8, kConstantSpace});
            for (int row = 0; row < group.rows; ++row)
                row_outputs(finish, s, row, minus, multiplier, bias);
            if (s.last == shape_.out_width()) planes_.next_rows(finish, group);
            body.straight(finish, Planes::pool());
        }
    }

    // Where a row's field word lies on the stack.
    At field(int row, bool odd, int word) const {
        const int streams = is_bytes_ ? 1 : 2;
        const int index = (row * streams + (odd ? 1 : 0)) * (plan_.strips() + 1) + word;
        return {sp, fields_ + 4 * index, kStackSpace};
    }

    struct Sum {
        Reg low, high;
    };

    static void constant(Code& code, Reg to, int word) {
        code.ldr(to, {Planes::kRecord, 4 * word, kConstantSpace});
    }

    // Both rows together: they share input words.
    void byte_products(Code& code, const RowGroup& group, const Segment& s) const {
        std::array<Reg, 3> weights{};
        for (std::size_t k = 0; k < 3; ++k) {
            weights[k] = code.value();
            constant(code, weights[k], static_cast<int>(k));
        }
        const Reg start = code.value();
        constant(code, start, 3);
        std::array<Sum, 2> sums;
        const auto begin = [&](Reg& reg) {
            reg = code.value();
            code.mov(reg, start);
        };
        for (Sum& sum : sums) {
            begin(sum.low);
            begin(sum.high);
        }
        for (int strip = s.first_strip; strip < s.last_strip; ++strip) {
            for (int row = 0; row < group.input_rows(shape_); ++row) {
                if (!group.inside(shape_, row)) continue;
                const Reg bytes = code.value();
                code.ldr(bytes, planes_.input(code, row, strip));
                for (int out = 0; out < group.rows; ++out) {
                    const int k = row - out * shape_.stride;
                    if (k < 0 || k > 2) continue;
                    Sum& sum = sums[static_cast<std::size_t>(out)];
                    code.smlal(sum.low, sum.high, bytes, weights[static_cast<std::size_t>(k)]);
                }
            }
            for (int out = 0; out < group.rows; ++out) {
                Sum& sum = sums[static_cast<std::size_t>(out)];
                if (strip >= s.first_word) code.str(sum.low, field(out, false, strip));
                sum.low = sum.high;
                if (strip + 1 < s.last_strip) begin(sum.high);
            }
        }
        if (s.last_word >= s.last_strip) {
            for (int out = 0; out < group.rows; ++out)
                code.str(sums[static_cast<std::size_t>(out)].low, field(out, false, s.last_strip));
        }
    }

    // Which of the lanes' streams a segment needs at all: with stride 2 only one.
    bool needs(const Segment& s, bool odd) const {
        for (int x = s.first; x < s.last; ++x) {
            if ((centre(x) % 2 != 0) == odd) return true;
        }
        return false;
    }

    void lane_products(Code& code, const RowGroup& group, const Segment& s, int out) const {
        std::array<Reg, 3> middle{};
        for (std::size_t k = 0; k < 3; ++k) {
            if (!group.inside(shape_, out * shape_.stride + static_cast<int>(k))) continue;
            middle[k] = code.value();
            constant(code, middle[k], 3 + static_cast<int>(k));
        }
        const bool needs_even = needs(s, false);
        const bool needs_odd = needs(s, true);
        std::array<Sum, 2> sums;  // even, odd
        const auto begin = [&](Reg& reg) {
            reg = code.value();
            constant(code, reg, 9);
        };
        for (const bool odd : {false, true}) {
            if (!needs(s, odd)) continue;
            begin(sums[odd ? 1 : 0].low);
            begin(sums[odd ? 1 : 0].high);
        }
        for (int strip = s.first_strip; strip < s.last_strip; ++strip) {
            for (int k = 0; k < 3; ++k) {
                const int row = out * shape_.stride + k;
                if (!group.inside(shape_, row)) continue;
                const Reg o = code.value();
                const Reg e = code.value();
                code.ldr(o, planes_.input(code, row, strip));
                code.uxtb16(e, o);
                code.uxtb16(o, o, 8);
                const Reg sides = code.value();
                constant(code, sides, k);
                if (needs_even) {
                    code.smlal(sums[0].low, sums[0].high, o, sides);
                    code.smlal(sums[0].low, sums[0].high, e, middle[static_cast<std::size_t>(k)]);
                }
                if (needs_odd) {
                    code.smlal(sums[1].low, sums[1].high, e, sides);
                    const Reg shifted = code.value();
                    constant(code, shifted, 6 + k);
                    code.smlal(sums[1].low, sums[1].high, o, shifted);
                }
            }
            for (const bool odd : {false, true}) {
                if (!needs(s, odd)) continue;
                Sum& sum = sums[odd ? 1 : 0];
                if (strip >= s.first_word) code.str(sum.low, field(out, odd, strip));
                sum.low = sum.high;
                if (strip + 1 < s.last_strip) begin(sum.high);
            }
        }
        if (s.last_word < s.last_strip) return;
        for (const bool odd : {false, true}) {
            if (needs(s, odd)) code.str(sums[odd ? 1 : 0].low, field(out, odd, s.last_strip));
        }
    }

    // --- from field words to outputs

    void row_outputs(Code& code, const Segment& s, int row, Reg minus, Reg multiplier, Reg bias) {
        RowWriter writer(code, format_, planes_.output(code), row * planes_.row_step());
        std::map<int, Reg> parted;  // lanes by stream and word
        for (int x = s.first; x < s.last; ++x) {
            const int at = centre(x);
            const int word = word_of(at);
            const bool odd = at % 2 != 0;
            Reg& lanes = parted[2 * word + (odd ? 1 : 0)];
            if (!lanes.exists()) lanes = part(code, parted, row, odd, word, minus);
            const int place = is_bytes_ ? (at + 1) % 4 : (odd ? at + 1 : at) % 4;
            const Reg value = code.value();
            if (place / 2 == 0) {
                code.smlawb(value, multiplier, lanes, bias);
            } else {
                code.smlawt(value, multiplier, lanes, bias);
            }
            writer.put(x, value);
        }
    }

    // S = 8: bytes 0 and 2 of a field word are centred at odd columns, bytes 1 and 3 at even ones.
    Reg part(Code& code, std::map<int, Reg>& parted, int row, bool odd, int word, Reg minus) const {
        const Reg lanes = code.value();
        if (!is_bytes_) {
            code.ldr(lanes, field(row, odd, word));
            if (!plan_.folded) code.ssub16(lanes, lanes, minus);
            return lanes;
        }
        Reg& bytes = parted[-1 - word];
        if (!bytes.exists()) {
            bytes = code.value();
            code.ldr(bytes, field(row, false, word));
        }
        code.uxtab16(lanes, minus, bytes, odd ? 0 : 8);
        return lanes;
    }

    Plan plan_;
    traces::Layer shape_;
    Planes planes_;
    bool is_bytes_;
    RowFormat format_;
    int fields_ = 0;
};

}  // namespace

double estimated_cycles(const Plan& plan, const std::string& layer) {
    return estimate(Generator(plan, layer, Layout::Planar).generated()).cycles;
}

Lowered code(const Plan& plan, const std::string& layer, Layout output, Scheduling how) {
    return lower(Generator(plan, layer, output).generated(), how);
}

}  // namespace mixq::kernels::packed_dw
