// Generates packed depthwise convolution: channel by channel, two output rows at a time. Passes over the strips of both rows run SMLAL
// and leave field words on the stack; the last piece parts, scales, clamps and stores them.
//
// What the core allows for four outputs, in cycles, with multiplies and stores sharing one slot of each: Bytes 3.5 + 6.5, Digits 9 + 8,
// Mixed 6.5 + 5 + 6, Lanes 15.5 + 6.
#include <algorithm>
#include <map>
#include <stdexcept>

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

// What a pass multiplies words of activations by, and where its words of fields begin.
struct Stream {
    enum Operand : std::uint8_t { Whole, LowDigits, HighDigits };

    int index = 0;  // of its words on the stack
    Operand operand = Whole;
    int taps = 0;         // these, in words of the record
    int odd_taps = -1;    // of odd columns, which are parted
    int first_start = 0;  // of the first word, and of the others
    int start = 0;
    int less = -1;  // a constant: times the words of stream 0, it is added
};

class Generator {
  public:
    Generator(const Plan& plan, const std::string& layer, Layout output)
        : plan_(plan),
          record_(record_of(plan.packing)),
          shape_(plan.shape),
          planes_(plan.shape, plan.output_bits, layer, output),
          is_bytes_(plan.packing == Packing::Bytes || plan.packing == Packing::Digits) {
        format_ = {plan.output_bits,
                   plan.shift,
                   output == Layout::Planar,
                   shape_.out_width(),
                   planes_.pixel_step()};
        const int words = 2 * (plan.packing == Packing::Bytes ? 1 : 2) * (plan.strips() + 1);
        for (int k = 0; k < words; ++k) {
            const Slot slot = planes_.routine().slot();
            if (k == 0) fields_ = slot.offset;
        }
    }

    void edges_alone() { planes_.edges_alone(); }

    void in_pieces(int columns) { planes_.in_pieces(columns); }

    int pieces() const { return planes_.pieces(); }

    const Routine& generated() {
        planes_.generate(
            4 * record_.words, 2, [this](Body& body, const RowGroup& group) { rows(body, group); });
        return planes_.routine();
    }

  private:
    int centre(int x) const { return x * shape_.stride + 1 - shape_.padding_x; }

    // S = 8: byte centre + 1 of the stream of field words. S = 16: odd centres lie one column further in their stream.
    int word_of(int at) const { return (is_bytes_ || at % 2 != 0 ? at + 1 : at) / 4; }

    Segment segment(int first, int end) const {
        Segment s;
        s.first = first;
        s.last = std::min(first + kSegment, end);
        s.first_word = 1 << 30;
        for (int x = s.first; x < s.last; ++x) {
            s.first_word = std::min(s.first_word, word_of(centre(x)));
            s.last_word = std::max(s.last_word, word_of(centre(x)));
        }
        s.first_strip = std::max(0, s.first_word - 1);
        s.last_strip = std::min(plan_.strips(), s.last_word + 1);
        return s;
    }

    std::vector<Stream> streams(const Segment& s) const {
        const Record& at = record_;
        switch (plan_.packing) {
            case Packing::Bytes:
                return {{0, Stream::Whole, at.taps, -1, at.start, at.start}};
            case Packing::Digits:
                return {{0, Stream::LowDigits, at.taps, -1, at.start, at.start},
                        {1, Stream::HighDigits, at.taps, -1, at.high_start, at.high_start}};
            case Packing::Lanes:
                return {};
            case Packing::Mixed:
                break;
        }
        const Stream even{0, Stream::Whole, at.middle, at.sides, at.start, at.start};
        if (!needs(s, true)) return {even};
        return {even, {1, Stream::Whole, at.taps, -1, at.odd_start, at.odd_start + 1, at.less}};
    }

    // Whether a pass and what follows are scheduled together: it hides their latencies where registers suffice.
    bool joins_next(const Stream& stream) const {
        return plan_.packing == Packing::Bytes ||
               (plan_.packing == Packing::Digits && stream.index == 0);
    }

    void rows(Body& body, const RowGroup& group) {
        for (int first = group.first_column; first < group.last_column; first += kSegment) {
            const Segment s = segment(first, group.last_column);
            Code code;
            for (const Stream& stream : streams(s)) {
                pass(code, group, s, stream);
                if (joins_next(stream)) continue;
                body.straight(code, Planes::pool());
                code = Code{};
            }
            for (int row = 0; row < group.rows && plan_.packing == Packing::Lanes; ++row) {
                lane_products(code, group, s, row);
                body.straight(code, Planes::pool());
                code = Code{};
            }
            const Reg minus = code.value();
            const Reg multiplier = code.value();
            const Reg bias = code.value();
            const Reg mask = code.value();
            if (!plan_.folded) constant(code, minus, record_.minus);
            if (plan_.packing == Packing::Digits) code.mov(mask, 0x00ff'00ffu << plan_.digit_bits);
            constant(code, multiplier, record_.minus + 1);
            constant(code, bias, record_.minus + 2);
            for (int row = 0; row < group.rows; ++row)
                row_outputs(code, s, row, {minus, multiplier, bias, mask});
            if (s.last == group.last_column) planes_.next_rows(code, group);
            body.straight(code, Planes::pool());
        }
    }

    // Where a row's field word lies on the stack: beside the other row's.
    At field(int row, int stream, int word) const {
        const int index = 2 * (stream * (plan_.strips() + 1) + word) + row;
        return {sp, fields_ + 4 * index, kStackSpace};
    }

    struct Sum {
        Reg low, high;
    };

    static void constant(Code& code, Reg to, int word) {
        code.ldr(to, {Planes::kRecord, 4 * word, kConstantSpace});
    }

    void store_words(
        Code& code, int stream, int word, const std::array<Sum, 2>& sums, int rows) const {
        constexpr int kFarthestPair = 1020;
        const At at = field(0, stream, word);
        if (rows == 2 && at.offset <= kFarthestPair) return code.strd(sums[0].low, sums[1].low, at);
        for (int out = 0; out < rows; ++out)
            code.str(sums[static_cast<std::size_t>(out)].low, field(out, stream, word));
    }

    // What a stream multiplies a word of bytes by in one row. Words are used up.
    struct Operand {
        Reg bytes, odd;
    };

    Operand operand(Code& code, const Stream& stream, Reg mask, At at) const {
        Operand made{code.value(), {}};
        code.ldr(made.bytes, at);
        const std::uint32_t digits = ((1u << plan_.digit_bits) - 1) * 0x0101'0101u;
        if (stream.operand == Stream::LowDigits) code.and_(made.bytes, made.bytes, digits);
        if (stream.operand == Stream::HighDigits)
            code.and_(made.bytes, mask, made.bytes, lsr(plan_.digit_bits));
        if (stream.odd_taps >= 0) {
            made.odd = code.value();
            code.uxtb16(made.odd, made.bytes, 8);
        }
        return made;
    }

    // Both rows together: they share input words.
    void pass(Code& code, const RowGroup& group, const Segment& s, const Stream& stream) const {
        std::array<Reg, 3> taps{};
        std::array<Reg, 3> odd_taps{};
        // Loaded where they are needed first.
        const auto load = [&](Reg& reg, int word) {
            if (reg.exists()) return;
            reg = code.value();
            constant(code, reg, word);
        };
        const Reg mask = code.value();
        if (stream.operand == Stream::HighDigits)
            code.mov(mask, ((1u << plan_.digit_bits) - 1) * 0x0101'0101u);
        const Reg less = code.value();
        if (stream.less >= 0) constant(code, less, stream.less);
        std::array<Sum, 2> sums;
        const auto begin = [&](Reg& reg, int start) {
            reg = code.value();
            constant(code, reg, start);
        };
        const auto rows = static_cast<std::size_t>(group.rows);
        // The first of each constant is loaded; loads of the same word would queue at its bank.
        for (std::size_t out = 0; out < rows; ++out) {
            if (out > 0) {
                sums[out] = {code.value(), code.value()};
                code.mov(sums[out].low, sums[0].low);
                code.mov(sums[out].high, sums[0].high);
            } else {
                begin(sums[out].low, stream.first_start);
                begin(sums[out].high, stream.start);
            }
        }
        const auto subtract = [&](int word) {
            for (std::size_t out = 0; out < rows && stream.less >= 0; ++out) {
                const Reg even = code.value();
                code.ldr(even, field(static_cast<int>(out), 0, word));
                code.smlal(sums[out].low, sums[out].high, even, less);
            }
        };
        for (int strip = s.first_strip; strip < s.last_strip; ++strip) {
            for (int row = 0; row < group.input_rows(shape_); ++row) {
                if (!group.inside(shape_, row)) continue;
                const Operand made = operand(code, stream, mask, planes_.input(code, row, strip));
                for (std::size_t out = 0; out < rows; ++out) {
                    const int k = row - static_cast<int>(out) * shape_.stride;
                    if (k < 0 || k > 2) continue;
                    const auto at = static_cast<std::size_t>(k);
                    load(taps[at], stream.taps + k);
                    code.smlal(sums[out].low, sums[out].high, made.bytes, taps[at]);
                    if (!made.odd.exists()) continue;
                    load(odd_taps[at], stream.odd_taps + k);
                    code.smlal(sums[out].low, sums[out].high, made.odd, odd_taps[at]);
                }
            }
            subtract(strip);
            if (strip >= s.first_word || plan_.packing == Packing::Mixed)
                store_words(code, stream.index, strip, sums, group.rows);
            for (std::size_t out = 0; out < rows; ++out) {
                sums[out].low = sums[out].high;
                if (strip + 1 < s.last_strip || s.last_word >= s.last_strip)
                    begin(sums[out].high, stream.start);
            }
        }
        if (s.last_word < s.last_strip) return;
        subtract(s.last_strip);
        store_words(code, stream.index, s.last_strip, sums, group.rows);
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
            constant(code, middle[k], record_.middle + static_cast<int>(k));
        }
        const bool needs_even = needs(s, false);
        const bool needs_odd = needs(s, true);
        std::array<Sum, 2> sums;  // even, odd
        const auto begin = [&](Reg& reg) {
            reg = code.value();
            constant(code, reg, record_.start);
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
                constant(code, sides, record_.sides + k);
                if (needs_even) {
                    code.smlal(sums[0].low, sums[0].high, o, sides);
                    code.smlal(sums[0].low, sums[0].high, e, middle[static_cast<std::size_t>(k)]);
                }
                if (needs_odd) {
                    code.smlal(sums[1].low, sums[1].high, e, sides);
                    const Reg shifted = code.value();
                    constant(code, shifted, record_.shifted + k);
                    code.smlal(sums[1].low, sums[1].high, o, shifted);
                }
            }
            for (const bool odd : {false, true}) {
                if (!needs(s, odd)) continue;
                Sum& sum = sums[odd ? 1 : 0];
                if (strip >= s.first_word) code.str(sum.low, field(out, odd ? 1 : 0, strip));
                sum.low = sum.high;
                if (strip + 1 < s.last_strip) begin(sum.high);
            }
        }
        if (s.last_word < s.last_strip) return;
        for (const bool odd : {false, true}) {
            if (needs(s, odd))
                code.str(sums[odd ? 1 : 0].low, field(out, odd ? 1 : 0, s.last_strip));
        }
    }

    // --- from field words to outputs

    struct Constants {
        Reg minus, multiplier, bias, mask;
    };

    void row_outputs(Code& code, const Segment& s, int row, const Constants& with) {
        RowWriter writer(code, format_, planes_.output(code), row * planes_.row_step());
        std::map<int, Reg> parted;  // lanes by stream and word
        for (int x = s.first; x < s.last; ++x) {
            const int at = centre(x);
            const int word = word_of(at);
            const bool odd = at % 2 != 0;
            Reg& lanes = parted[2 * word + (odd ? 1 : 0)];
            if (!lanes.exists()) lanes = part(code, parted, row, odd, word, with);
            const int place = is_bytes_ ? (at + 1) % 4 : (odd ? at + 1 : at) % 4;
            const Reg value = code.value();
            if (place / 2 == 0) {
                code.smlawb(value, with.multiplier, lanes, with.bias);
            } else {
                code.smlawt(value, with.multiplier, lanes, with.bias);
            }
            writer.put(x, value);
        }
    }

    // Bytes 0 and 2 of a field word are centred at odd columns, bytes 1 and 3 at even ones.
    Reg part(Code& code,
             std::map<int, Reg>& parted,
             int row,
             bool odd,
             int word,
             const Constants& with) const {
        const Reg lanes = code.value();
        if (!is_bytes_) {
            code.ldr(lanes, field(row, odd ? 1 : 0, word));
            if (!plan_.folded) code.ssub16(lanes, lanes, with.minus);
            return lanes;
        }
        const auto bytes_of = [&](int stream) {
            Reg& bytes = parted[-1 - 2 * word - stream];
            if (!bytes.exists()) {
                bytes = code.value();
                code.ldr(bytes, field(row, stream, word));
            }
            return bytes;
        };
        const Reg bytes = bytes_of(0);
        const int from = odd ? 0 : 8;
        if (plan_.packing == Packing::Bytes) {
            code.uxtab16(lanes, with.minus, bytes, from);
            return lanes;
        }
        // High digits count 2^digit_bits times as much.
        const int up = plan_.digit_bits - from;
        code.and_(lanes, with.mask, bytes_of(1), up > 0 ? lsl(up) : lsr(-up));
        code.uxtab16(lanes, lanes, bytes, from);
        if (!plan_.folded) code.ssub16(lanes, lanes, with.minus);
        return lanes;
    }

    Plan plan_;
    Record record_;
    traces::Layer shape_;
    Planes planes_;
    bool is_bytes_;
    RowFormat format_;
    int fields_ = 0;
};

// Hands over the first routine whose code for a channel about stays in the instruction cache: pairs of rows everywhere; single rows where they
// meet padding; either of these in pieces of fewer columns.
template <typename Use>
auto with_routine(const Plan& plan, const std::string& layer, Layout output, Use use) {
    constexpr int kLeastColumns = 16;
    for (const int columns : {0, 32, 24, kLeastColumns}) {
        for (const bool alone : {false, true}) {
            Generator generator(plan, layer, output);
            if (alone) generator.edges_alone();
            if (columns != 0) generator.in_pieces(columns);
            const Routine& routine = generator.generated();
            // What meets padding runs once: a little more than the cache costs less than another piece.
            const auto fits =
                static_cast<std::uint32_t>(generator.pieces()) * kInstructionCache * 9 / 8;
            if (estimate(routine).code_bytes <= fits || (columns == kLeastColumns && alone))
                return use(routine);
        }
    }
    throw std::logic_error("the last form of a depthwise kernel is taken in any case");
}

}  // namespace

double estimated_cycles(const Plan& plan, const std::string& layer) {
    return with_routine(plan, layer, Layout::Planar, [](const Routine& routine) {
        return estimate(routine).cycles;
    });
}

Lowered code(const Plan& plan, const std::string& layer, Layout output, Scheduling how) {
    return with_routine(
        plan, layer, output, [how](const Routine& routine) { return lower(routine, how); });
}

}  // namespace mixq::kernels::packed_dw
