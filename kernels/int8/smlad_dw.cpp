// The kernel smlad-dw: depthwise 3x3 at any bits with 32-bit sums. Four columns of a row are parted into even and odd lanes; the side
// taps of a kernel row are one SMLAD, the middle tap one SMLAxy.
//
// What the core allows for four outputs: 24 multiplies, 4 more to requantise and a store share one slot a cycle: 29 cycles, 1.24
// multiply-accumulates a cycle; about 64 instructions are 32.
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
constexpr int kRecordBytes = 32;

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

// Words of a channel: (k0, k2) of the three kernel rows, their k1, multiplier, bias.
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
            kRecordBytes, 2, [this](Body& body, const RowGroup& group) { rows(body, group); });
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
                for (int x = first; x < last; x += 4)
                    quad(code, group, row, writer, x, std::min(4, last - x));
                if (row + 1 == group.rows && last == width) planes_.next_rows(code, group);
                body.straight(code, Planes::pool());
            }
        }
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
