// The kernel smlad-dw: depthwise 3x3 at any bits with 32-bit sums. Two kernel rows are packed column by column into pairs of lanes, one
// SMLAD for a tap of both. The third row's columns are parted into even and odd lanes: its side taps are one SMLAD, the middle one
// SMLAxy. So are all rows where columns of outputs are not those of words (padding other than 1, stride 2).
//
// What the core allows for four outputs: 20 multiplies, 4 more to requantise and a store share one slot a cycle: 25 cycles, 1.44
// multiply-accumulates a cycle; about 58 instructions are 29. One output row at a time keeps the code within the cache.
#include <algorithm>
#include <array>
#include <stdexcept>

#include "kernels/generate/far.h"
#include "kernels/kernel_list.h"
#include "kernels/packed_dw/planes.h"
#include "kernels/packed_dw/row_writer.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels::int8 {

using namespace generate;
using packed_dw::Planes;
using packed_dw::RowGroup;
using packed_dw::RowWriter;

namespace {

constexpr int kTaps = 9;
constexpr int kLaneBits = 16;
constexpr int kQuadsAtOnce = 4;  // of outputs in one piece
constexpr int kVertical = 8;     // words of a record before pairs of kernel rows
constexpr int kRecordBytes = 4 * (kVertical + 6);

struct Plan {
    traces::Layer shape;
    int output_bits = 8;
    int shift = 16;     // that requantisation leaves to do (see RowFormat)
    int scale = 0;      // biases are stored times 2^scale
    int up = 0;         // weights are stored times 2^up
    int left = 0;       // multipliers are stored times 2^left
    bool wide = false;  // the product of requantisation takes 64 bits
};

// (sum << up) * (multiplier << left) >> 32 is the scaled sum if up + left is 16 + scale.
bool fit(const IntegerLayer& layer, Plan& plan) {
    const std::int64_t multiplier =
        *std::max_element(layer.multiplier.begin(), layer.multiplier.end());
    const std::int64_t sum = packing::accumulator_range(layer).magnitude();
    for (plan.up = 0; plan.up <= kLaneBits - layer.precision.weight_bits; ++plan.up) {
        plan.left = 16 + plan.scale - plan.up;
        if (plan.left < 0 || plan.left > 30) continue;
        if (multiplier << plan.left <= INT32_MAX && sum << plan.up <= INT32_MAX) return true;
    }
    return false;
}

// Whether biases times 2^scale leave what is clamped inside 32 bits.
bool bounded(const IntegerLayer& layer, int scale) {
    for (int c = 0; c < layer.shape.out_channels; ++c) {
        const auto at = static_cast<std::size_t>(c);
        const packing::Range sums = packing::accumulator_range(layer, c);
        const auto value = [&](std::int64_t sum) {
            return (sum * layer.multiplier[at] >> (16 - scale)) +
                   (std::int64_t{layer.bias[at]} << scale);
        };
        if (value(sums.least) <= INT32_MIN || value(sums.greatest) >= INT32_MAX) return false;
    }
    return true;
}

Plan plan_for(const IntegerLayer& layer) {
    Plan plan;
    plan.shape = layer.shape;
    plan.output_bits = layer.output_bits;
    plan.shift = layer.shift;
    if (layer.output_bits == 0) return plan;
    plan.scale = 16 - layer.shift;
    if (plan.scale >= 0 && bounded(layer, plan.scale) && fit(layer, plan)) {
        plan.shift = 16;
        return plan;
    }
    plan.scale = 0;
    if (fit(layer, plan)) return plan;
    plan.up = plan.left = 0;
    plan.wide = true;
    return plan;
}

// Words of a channel: (k0, k2) of the three kernel rows, their k1, multiplier, bias; then every column's pairs of rows 0 and 1, then of rows 1 and 2.
std::vector<std::uint8_t> pack_records(const IntegerLayer& layer, const Plan& plan) {
    std::vector<std::uint8_t> bytes;
    const auto append = [&](std::int64_t word) {
        const auto bits = static_cast<std::uint32_t>(word);
        for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
    };
    for (int c = 0; c < layer.shape.out_channels; ++c) {
        const auto at = static_cast<std::size_t>(c);
        const auto tap = [&](std::size_t k) {
            return layer.weights[at * kTaps + k] * (std::int64_t{1} << plan.up);
        };
        for (std::size_t row = 0; row < kTaps; row += 3)
            append((tap(row) & 0xffff) | tap(row + 2) * 65536);
        for (std::size_t row = 0; row < kTaps; row += 3) append(tap(row + 1));
        append(layer.output_bits == 0 ? 0 : std::int64_t{layer.multiplier[at]} << plan.left);
        append(std::int64_t{layer.bias[at]} << plan.scale);
        for (const std::size_t row : {0, 3}) {
            for (std::size_t column = 0; column < 3; ++column)
                append((tap(row + column) & 0xffff) | tap(row + 3 + column) * 65536);
        }
    }
    return bytes;
}

class Generator {
  public:
    Generator(const Plan& plan, const std::string& layer, Layout output)
        : plan_(plan),
          shape_(plan.shape),
          planes_(plan.shape, plan.output_bits, layer, output),
          format_{plan.output_bits,
                  plan.shift,
                  output == Layout::Planar,
                  plan.shape.out_width(),
                  planes_.pixel_step()} {}

    const Routine& generated() {
        planes_.generate(
            kRecordBytes, 1, [this](Body& body, const RowGroup& group) { rows(body, group); });
        return planes_.routine();
    }

  private:
    int strips() const { return (shape_.width + 3) / 4; }

    void rows(Body& body, const RowGroup& group) {
        const int width = shape_.out_width();
        for (int row = 0; row < group.rows; ++row) {
            for (int first = 0; first < width; first += 4 * kQuadsAtOnce) {
                Code code;
                const int last = std::min(width, first + 4 * kQuadsAtOnce);
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
                if (row + 1 == group.rows && last == width) planes_.next_rows(code, group);
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
            constant(code, weights, kVertical + 3 * k + static_cast<int>(tap));
            for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
                if (pairs[i + tap].exists()) add_pairs(code, sums[i], pairs[i + tap], weights);
            }
        }
        last_pair = pairs[4];
    }

    void add_row(Code& code, int row, int k, int first, int count, Sums& sums) {
        const Reg sides = code.value();
        const Reg middle = code.value();
        constant(code, sides, k);
        constant(code, middle, 3 + k);
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
        if (plan_.output_bits != 0) constant(code, multiplier, 6);
        constant(code, bias, 7);
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
        constant(code, sides, k);
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
        constant(code, middle, 3 + k);
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

    Plan plan_;
    traces::Layer shape_;
    Planes planes_;
    packed_dw::RowFormat format_;
};

class SmladDepthwise final : public Kernel {
  public:
    Purpose purpose() const override { return Purpose::Deploy; }

    std::string_view name() const override { return "smlad-dw"; }

    std::string_view summary() const override {
        return "depthwise 3x3, SMLAD on even and odd columns, 32-bit sums; any bits";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision) const override {
        if (layer.kind != traces::LayerKind::Depthwise || layer.kernel_height != 3 ||
            layer.kernel_width != 3 || layer.stride > 2)
            return "it computes depthwise 3x3 of stride 1 or 2";
        return std::nullopt;
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        packing::check_layer(layer);
        if (const auto why = refuses(layer.shape, layer.precision))
            throw std::runtime_error("layer " + layer.name + ": smlad-dw cannot run it: " + *why);
        const Plan plan = plan_for(layer);
        PackedLayer packed;
        packed.kernel = name();
        packed.weights = pack_records(layer, plan);
        packed.scratch_bytes = static_cast<std::uint32_t>(Planes::scratch_bytes(layer.shape));
        packed.proof_largest_field = packing::accumulator_range(layer).magnitude() << plan.up;
        packed.proof_field_limit = INT32_MAX;
        packed.proof = "sums times " + std::to_string(1 << plan.up) + " reach " +
                       std::to_string(packed.proof_largest_field) + " of " +
                       std::to_string(packed.proof_field_limit);
        packed.generate = [plan, name = layer.name](Layout output) {
            return lower(Generator(plan, name, output).generated(), Scheduling::List);
        };
        return packed;
    }
};

}  // namespace

}  // namespace mixq::kernels::int8

namespace mixq::kernels {

const Kernel& smlad_dw_kernel() {
    static const int8::SmladDepthwise kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
