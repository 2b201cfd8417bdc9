// The code of smlad-dw.
#include <algorithm>
#include <array>
#include <vector>

#include "kernels/generate/far.h"
#include "kernels/int8/smlad_dw.h"
#include "kernels/packed_dw/planes.h"
#include "kernels/packed_dw/row_writer.h"

namespace mixq::kernels::int8 {

using namespace generate;
using packed_dw::Planes;
using packed_dw::RowGroup;
using packed_dw::RowWriter;

namespace {

constexpr int kLaneBits = 16;
constexpr int kQuadsAtOnce = 4;  // of outputs in one piece

class Generator {
  public:
    Generator(const SmladDwPlan& plan, const std::string& layer, Layout output)
        : plan_(plan),
          shape_(plan.shape),
          planes_(plan.shape, plan.output_bits, layer, output),
          format_{plan.output_bits,
                  plan.shift,
                  output == Layout::Planar,
                  plan.shape.out_width(),
                  planes_.pixel_step()} {}

    void in_pieces(int columns) { planes_.in_pieces(columns); }

    const Routine& generated(int rows_at_once) {
        planes_.generate(4 * SmladDwRecord::kWords,
                         rows_at_once,
                         [this](Body& body, const RowGroup& group) { rows(body, group); });
        return planes_.routine();
    }

  private:
    int strips() const { return (shape_.width + 3) / 4; }

    void rows(Body& body, const RowGroup& group) {
        const int end = group.last_column;
        for (int row = 0; row < group.rows; ++row) {
            for (int first = group.first_column; first < end; first += 4 * kQuadsAtOnce) {
                Code code;
                const int last = std::min(end, first + 4 * kQuadsAtOnce);
                RowWriter writer(code, format_, Reg{}, row * planes_.row_step());
                Reg last_pair;
                for (int x = first; x < last; x += 4) {
                    const int count = std::min(4, last - x);
                    if (shape_.stride == 1 && shape_.padding_x == 1) {
                        aligned_quad(code, group, row, writer, x, count, last_pair);
                    } else {
                        quad(code, group, row, writer, x, count);
                    }
                }
                if (row + 1 == group.rows && last == end) planes_.next_rows(code, group);
                body.straight(code, Planes::pool());
            }
        }
    }

    using Sums = std::array<Reg, 4>;

    static void add_pairs(Code& code, Reg& sum, Reg activations, Reg weights) {
        if (sum.exists()) return code.smlad(sum, activations, weights, sum);
        sum = code.value();
        code.smuad(sum, activations, weights);
    }

    bool has_column(int column) const { return column >= 0 && column < 4 * strips(); }

    Reg byte_at(Code& code, int row, int column) const {
        const Reg reg = code.value();
        At at = planes_.input(code, row, column / 4);
        at.offset += column % 4;
        code.ldrb(reg, at);
        return reg;
    }

    // Two rows below one another: a column of both is a pair, so three taps of both are three SMLAD.
    // `last_pair`: of column first - 1, if there is one already; then of column first + 3.
    void add_two_rows(
        Code& code, int row, int k, int first, int count, Sums& sums, Reg& last_pair) {
        std::array<Reg, 6> pairs;  // of columns -1 to 4
        const auto single = [&](int column) {
            if (!has_column(column)) return Reg{};
            const Reg above = byte_at(code, row, column);
            const Reg below = byte_at(code, row + 1, column);
            code.pkhbt(above, above, below, kLaneBits);
            return above;
        };
        pairs[0] = last_pair.exists() ? last_pair : single(first - 1);
        const Reg above = code.value();
        const Reg below = code.value();
        code.ldr(above, planes_.input(code, row, first / 4));
        code.ldr(below, planes_.input(code, row + 1, first / 4));
        for (const std::size_t odd : {0, 1}) {
            const Reg a = code.value();
            const Reg b = code.value();
            code.uxtb16(a, above, odd != 0 ? 8 : 0);
            code.uxtb16(b, below, odd != 0 ? 8 : 0);
            pairs[1 + odd] = code.value();
            code.pkhbt(pairs[1 + odd], a, b, kLaneBits);
            pairs[3 + odd] = code.value();
            code.pkhtb(pairs[3 + odd], b, a, kLaneBits);
        }
        if (count == 4) pairs[5] = single(first + 4);
        // Of the six orders this one is scheduled best.
        for (const std::size_t tap : {2, 0, 1}) {
            const Reg weights = code.value();
            constant(code, weights, SmladDwRecord::kVertical + 3 * k + static_cast<int>(tap));
            for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
                if (pairs[i + tap].exists()) add_pairs(code, sums[i], pairs[i + tap], weights);
            }
        }
        last_pair = pairs[4];
    }

    void add_row(Code& code, int row, int k, int first, int count, Sums& sums) {
        const Reg sides = code.value();
        const Reg middle = code.value();
        constant(code, sides, SmladDwRecord::kSides + k);
        constant(code, middle, SmladDwRecord::kMiddle + k);
        const Reg o = code.value();
        const Reg e = code.value();
        code.ldr(o, planes_.input(code, row, first / 4));
        code.uxtb16(e, o);
        code.uxtb16(o, o, 8);
        for (std::size_t at = 0; at < static_cast<std::size_t>(count); ++at) {
            if (!sums[at].exists()) start(code, sums[at]);
        }
        if (has_column(first - 1)) {
            const Reg left = byte_at(code, row, first - 1);
            code.pkhbt(left, o, left, kLaneBits);
            code.smladx(sums[0], left, sides, sums[0]);
        } else {
            code.smlabt(sums[0], o, sides, sums[0]);
        }
        code.smlabb(sums[0], e, middle, sums[0]);
        if (count > 1) {
            code.smlad(sums[1], e, sides, sums[1]);
            code.smlabb(sums[1], o, middle, sums[1]);
        }
        if (count > 2) {
            code.smlad(sums[2], o, sides, sums[2]);
            code.smlatb(sums[2], e, middle, sums[2]);
        }
        if (count > 3) {
            if (has_column(first + 4)) {
                const Reg right = byte_at(code, row, first + 4);
                code.pkhbt(right, right, e);
                code.smladx(sums[3], right, sides, sums[3]);
            } else {
                code.smlatb(sums[3], e, sides, sums[3]);
            }
            code.smlatb(sums[3], o, middle, sums[3]);
        }
    }

    // Four outputs centred at the columns of a word, stride 1.
    void aligned_quad(Code& code,
                      const RowGroup& group,
                      int row,
                      RowWriter& writer,
                      int first,
                      int count,
                      Reg& last_pair) {
        std::vector<int> rows;  // of the kernel, that are inside
        for (int k = 0; k < 3; ++k) {
            if (group.inside(shape_, row + k)) rows.push_back(k);
        }
        Sums sums;
        if (rows.size() >= 2)
            add_two_rows(code, row + rows[0], rows[0], first, count, sums, last_pair);
        if (rows.size() % 2 != 0) add_row(code, row + rows.back(), rows.back(), first, count, sums);
        finish(code, writer, first, count, sums);
    }

    void quad(Code& code, const RowGroup& group, int row, RowWriter& writer, int first, int count) {
        std::array<Reg, 4> sums;
        const auto centre = [&](int i) {
            return (first + i) * shape_.stride + 1 - shape_.padding_x;
        };
        const auto strip_of = [](int column) { return (column + 4) / 4 - 1; };  // from -1
        for (int strip = strip_of(centre(0)); strip <= strip_of(centre(count - 1)); ++strip) {
            std::array<int, 4> output_at{-1, -1, -1, -1};
            for (int i = 0; i < count; ++i) {
                if (strip_of(centre(i)) == strip)
                    output_at[static_cast<std::size_t>(centre(i) - 4 * strip)] = i;
            }
            for (int k = 0; k < 3; ++k) {
                const int input_row = row * shape_.stride + k;
                if (group.inside(shape_, input_row))
                    products(code, input_row, strip, k, output_at, sums);
            }
        }
        finish(code, writer, first, count, sums);
    }

    void finish(Code& code, RowWriter& writer, int first, int count, Sums& sums) {
        writer.use(planes_.output(code));
        const Reg multiplier = code.value();
        const Reg bias = code.value();
        if (plan_.output_bits != 0) constant(code, multiplier, SmladDwRecord::kMultiplier);
        constant(code, bias, SmladDwRecord::kMultiplier + 1);
        for (int i = 0; i < count; ++i) {
            Reg& sum = sums[static_cast<std::size_t>(i)];
            if (!sum.exists()) start(code, sum);
            scale(code, sum, multiplier, bias);
            writer.put(first + i, sum);
        }
    }

    static void constant(Code& code, Reg to, int word) {
        code.ldr(to, {Planes::kRecord, 4 * word, kConstantSpace});
    }

    static void start(Code& code, Reg& sum) {
        sum = code.value();
        code.mov(sum, 0);
    }

    // One kernel row's part in the outputs that are centred in a strip of four columns.
    void products(Code& code,
                  int input_row,
                  int strip,
                  int k,
                  const std::array<int, 4>& output_at,
                  std::array<Reg, 4>& sums) {
        const bool inside = strip >= 0 && strip < strips();
        const Reg sides = code.value();
        constant(code, sides, SmladDwRecord::kSides + k);
        const auto sum_at = [&](std::size_t column) {
            Reg& sum = sums[static_cast<std::size_t>(output_at[column])];
            if (!sum.exists()) start(code, sum);
            return sum;
        };
        // The first product of a sum needs no zero to be added to.
        const auto first_at = [&](std::size_t column) -> Reg* {
            Reg& sum = sums[static_cast<std::size_t>(output_at[column])];
            if (sum.exists()) return nullptr;
            sum = code.value();
            return &sum;
        };
        const auto neighbour = [&](int column) {
            Reg reg{};
            if (column < 0 || column >= 4 * strips()) return reg;
            reg = code.value();
            At at = planes_.input(code, input_row, column / 4);
            at.offset += column % 4;
            code.ldrb(reg, at);
            return reg;
        };
        const bool wants_left = output_at[0] >= 0;
        const bool wants_right = output_at[3] >= 0;
        if (!inside) {
            if (wants_left && strip == strips()) {
                const Reg sum = sum_at(0);
                code.smlabb(sum, neighbour(4 * strip - 1), sides, sum);
            }
            if (wants_right && strip == -1) {
                const Reg sum = sum_at(3);
                code.smlabt(sum, neighbour(0), sides, sum);
            }
            return;
        }
        const Reg o = code.value();
        const Reg e = code.value();
        code.ldr(o, planes_.input(code, input_row, strip));
        const Reg middle = code.value();
        constant(code, middle, SmladDwRecord::kMiddle + k);
        code.uxtb16(e, o);
        code.uxtb16(o, o, 8);
        if (wants_left) {
            const Reg left = neighbour(4 * strip - 1);
            if (const Reg* sum = first_at(0)) {
                code.smulbb(*sum, e, middle);
            } else {
                code.smlabb(sum_at(0), e, middle, sum_at(0));
            }
            const Reg sum = sum_at(0);
            if (left.exists()) {
                code.pkhbt(left, o, left, 16);
                code.smladx(sum, left, sides, sum);
            } else {
                code.smlabt(sum, o, sides, sum);
            }
        }
        if (output_at[1] >= 0) {
            if (const Reg* sum = first_at(1)) {
                code.smuad(*sum, e, sides);
            } else {
                code.smlad(sum_at(1), e, sides, sum_at(1));
            }
            code.smlabb(sum_at(1), o, middle, sum_at(1));
        }
        if (output_at[2] >= 0) {
            if (const Reg* sum = first_at(2)) {
                code.smuad(*sum, o, sides);
            } else {
                code.smlad(sum_at(2), o, sides, sum_at(2));
            }
            code.smlatb(sum_at(2), e, middle, sum_at(2));
        }
        if (wants_right) {
            const Reg sum = sum_at(3);
            const Reg right = neighbour(4 * strip + 4);
            code.smlatb(sum, o, middle, sum);
            if (right.exists()) {
                code.pkhbt(right, right, e);
                code.smladx(sum, right, sides, sum);
            } else {
                code.smlatb(sum, e, sides, sum);
            }
        }
    }

    void scale(Code& code, Reg sum, Reg multiplier, Reg bias) const {
        if (plan_.output_bits == 0) {
            code.add(sum, sum, bias);
        } else if (!plan_.wide) {
            code.smmla(sum, sum, multiplier, bias);
        } else {
            const Reg high = code.value();
            const Reg low = code.value();
            code.smull(low, high, sum, multiplier);
            code.shift(low, low, lsr(16));
            code.orr(low, low, high, lsl(16));
            code.add(sum, low, bias);
        }
    }

    SmladDwPlan plan_;
    traces::Layer shape_;
    Planes planes_;
    packed_dw::RowFormat format_;
};

}  // namespace

Lowered smlad_dw_code(const SmladDwPlan& plan,
                      const std::string& layer,
                      Layout output,
                      Scheduling how) {
    // Two rows at a time take fewer loops, and twice the code; pieces of rows, the code of a piece.
    Generator pairs(plan, layer, output);
    const Routine& routine = pairs.generated(2);
    if (estimate(routine).code_bytes <= packed_dw::kInstructionCache) return lower(routine, how);
    Generator single(plan, layer, output);
    const Routine& one = single.generated(1);
    if (estimate(one).code_bytes <= packed_dw::kInstructionCache) return lower(one, how);
    Generator pieces(plan, layer, output);
    pieces.in_pieces(24);
    return lower(pieces.generated(1), how);
}

}  // namespace mixq::kernels::int8
