// slbc and rp-slbc, generated and scheduled: the packing of kernels/slbc/literal.cpp, the structure of slbc/row.h.
#include <map>
#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/slbc/literal.h"
#include "kernels/slbc/scheduled_rows.h"

namespace mixq::kernels {

namespace {

using generate::Body;
using generate::Code;
using generate::kConstantSpace;
using generate::lsl;
using generate::lsr;
using generate::Reg;
using packing::FieldShape;

constexpr generate::Space kRowSpace = 1;
constexpr generate::Space kSumSpace = 2;
// As slbc/row.h reads them: a start of 8 bytes, then per row taps, the start under a carry, the 64-bit start.
constexpr int kStartBytes = 8;
constexpr int kRowBytes = 16;
constexpr int kCarriedBias = 4;
constexpr int kLowBias = 8;
constexpr int kHighBias = 12;
constexpr int kRowsInOnePass = 3;  // code of one pass stays below half an instruction cache of 4 KB
constexpr int kStripsInOnePass = 12;

// Elements of the sums in registers, from their first addition to their last.
class Sums {
  public:
    Sums(Code& code, Reg base) : code_(code), base_(base) {}

    Reg of(int index) {
        if (const auto found = open_.find(index); found != open_.end()) return found->second;
        const Reg sum = code_.value();
        code_.ldr(sum, {base_, 4 * index, kSumSpace});
        return open_[index] = sum;
    }

    void close(int index) {
        const auto found = open_.find(index);
        code_.str(found->second, {base_, 4 * index, kSumSpace});
        open_.erase(found);
    }

  private:
    Code& code_;
    Reg base_;
    std::map<int, Reg> open_;
};

struct Row {
    const slbc::RowPlan& plan;
    Code& code;
    Reg row, weights;
    int row_at, weights_at;  // offsets
    Sums sums;

    Reg constant(int offset) const {
        const Reg value = code.value();
        code.ldr(value, {weights, weights_at + offset, kConstantSpace});
        return value;
    }

    void multiply(Reg low, Reg high, int strip, Reg taps) const {
        const Reg word = code.value();
        code.ldr(word, {row, row_at + 4 * strip, kRowSpace});
        code.smlal(low, high, word, taps);
    }

    // Algorithm 1. Where two products overlap, their fields meet in a register.
    void literal() {
        const FieldShape& shape = plan.shape;
        const Reg taps = constant(0);
        const Reg low_bias = constant(kLowBias);
        const Reg high_bias = constant(kHighBias);
        for (int s = 0; s < plan.strips; ++s) {
            const Reg low = code.value();
            const Reg high = code.value();
            code.mov(low, low_bias);
            code.mov(high, high_bias);
            multiply(low, high, s, taps);
            for (int n = 0; n < shape.fields(); ++n) {
                const int index = s * shape.elements + n;
                slbc::add_field(code, sums.of(index), low, high, n, shape, n + 1 == shape.fields());
                if (n < shape.elements || s + 1 == plan.strips) sums.close(index);
            }
        }
    }

    // Algorithm 2. They meet in the packed accumulator.
    void reordered() {
        const FieldShape& shape = plan.shape;
        const int taken = shape.elements * shape.bits;
        const Reg taps = constant(0);
        Reg low = constant(kLowBias);
        Reg high = constant(kHighBias);
        const Reg carried_bias = constant(kCarriedBias);
        const Reg high_bias = code.value();
        code.mov(high_bias, high);
        for (int s = 0; s < plan.strips; ++s) {
            multiply(low, high, s, taps);
            const bool last = s + 1 == plan.strips;
            Reg next_low;
            Reg next_high;
            if (!last) {
                next_low = code.value();
                next_high = code.value();
                if (taken > 32) {
                    code.add(next_low, carried_bias, high, lsr(taken - 32));
                } else if (taken == 32) {
                    code.add(next_low, carried_bias, high);
                } else {
                    code.add(next_low, carried_bias, low, lsr(taken));
                    code.add(next_low, next_low, high, lsl(32 - taken));
                }
                code.mov(next_high, high_bias);
            }
            for (int n = 0; n < (last ? shape.fields() : shape.elements); ++n) {
                const int index = s * shape.elements + n;
                slbc::add_field(code, sums.of(index), low, high, n, shape, n + 1 == shape.fields());
                sums.close(index);
            }
            low = next_low;
            high = next_high;
        }
    }
};

// Where two products overlap, the start comes twice in the literal kernel.
void start_sums(Code& code, Reg sums, Reg weights, const slbc::RowPlan& plan, bool reordered) {
    const FieldShape& shape = plan.shape;
    std::map<int, int> products;
    for (int s = 0; s < plan.strips; ++s) {
        for (int n = 0; n < shape.fields(); ++n) ++products[s * shape.elements + n];
    }
    std::map<int, Reg> starts;  // by how often
    Reg last = code.value();
    code.ldr_post(last, weights, kStartBytes, kConstantSpace);
    starts[1] = last;
    for (const auto& [index, count] : products) {
        const int times = reordered ? 1 : count;
        for (int k = 2; k <= times; ++k) {
            if (starts.contains(k)) continue;
            const Reg more = code.value();
            code.add(more, starts[k - 1], starts[1]);
            starts[k] = more;
        }
        code.str(starts[times], {sums, 4 * index, kSumSpace});
    }
}

slbc::RowKernel row_kernel(const slbc::RowPlan& plan, bool reordered) {
    slbc::RowKernel kernel;
    kernel.shape = plan.shape;
    kernel.strips = plan.strips;
    kernel.rows_per_pass = std::max(1, std::min(kRowsInOnePass, kStripsInOnePass / plan.strips));
    kernel.weight_row_bytes = kRowBytes;
    kernel.start = [plan, reordered](Code& code, Reg sums, Reg weights) {
        start_sums(code, sums, weights, plan, reordered);
    };
    kernel.add_rows = [plan, reordered](Body& body, int rows, Reg row, Reg weights, Reg sums) {
        for (int k = 0; k < rows; ++k) {
            Code code;
            Row one{plan, code, row, weights, k * 4 * plan.strips, k * kRowBytes, Sums(code, sums)};
            reordered ? one.reordered() : one.literal();
            body.straight(code, slbc::row_pool());
        }
    };
    return kernel;
}

PackedLayer pack_scheduled(const IntegerLayer& layer, std::string_view name, bool reordered) {
    PackedLayer packed = slbc::pack_row(layer, name, "");
    const slbc::RowPlan plan = *slbc::plan_row(layer.shape, layer.precision);
    // From [channel][kernel row] to [kernel row][channel].
    const std::vector<std::uint8_t> before = packed.weights;
    const traces::Layer& shape = layer.shape;
    const int rows = shape.in_channels * shape.kernel_height;
    for (int out = 0; out < shape.out_channels; ++out) {
        const int filter = out * (kStartBytes + rows * kRowBytes) + kStartBytes;
        for (int c = 0; c < shape.in_channels; ++c) {
            for (int ky = 0; ky < shape.kernel_height; ++ky) {
                const int from = filter + (c * shape.kernel_height + ky) * kRowBytes;
                const int to = filter + (ky * shape.in_channels + c) * kRowBytes;
                std::copy_n(before.begin() + from, kRowBytes, packed.weights.begin() + to);
            }
        }
    }
    packed.scratch_bytes = slbc::row_scratch_bytes(shape, row_kernel(plan, reordered));
    const PackedLayer constants = packed;
    packed.generate = [layer, plan, reordered, constants](Layout output) {
        return slbc::lower_rows(
            layer, constants, row_kernel(plan, reordered), output, generate::Scheduling::List);
    };
    return packed;
}

class SlbcScheduled final : public Kernel {
  public:
    std::string_view name() const override { return "slbc-scheduled"; }

    std::string_view summary() const override {
        return "slbc, generated and scheduled for the core: what scheduling alone brings";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        return slbc_kernel().refuses(layer, precision);
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        return pack_scheduled(layer, name(), false);
    }
};

class RpSlbcScheduled final : public Kernel {
  public:
    std::string_view name() const override { return "rp-slbc-scheduled"; }

    std::string_view summary() const override {
        return "rp-slbc, generated and scheduled for the core: what scheduling alone brings";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        return rp_slbc_kernel().refuses(layer, precision);
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        if (const auto why = refuses(layer.shape, layer.precision)) {
            throw std::runtime_error("layer " + layer.name +
                                     ": rp-slbc-scheduled cannot run it: " + *why);
        }
        return pack_scheduled(layer, name(), true);
    }
};

}  // namespace

const Kernel& slbc_scheduled_kernel() {
    static const SlbcScheduled kKernel;
    return kKernel;
}

const Kernel& rp_slbc_scheduled_kernel() {
    static const RpSlbcScheduled kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
