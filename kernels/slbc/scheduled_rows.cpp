// The common structure of the scheduled row kernels.
#include "kernels/slbc/scheduled_rows.h"

#include "kernels/baselines/requantised.h"

namespace mixq::kernels::slbc {

using baselines::add_constant;
using generate::Body;
using generate::Code;
using generate::kConstantSpace;
using generate::kStackSpace;
using generate::lr;
using generate::lsl;
using generate::lsr;
using generate::Reg;
using generate::Routine;
using generate::Slot;
using generate::sp;

namespace {

constexpr generate::Space kInputSpace = 0;
constexpr generate::Space kRowSpace = 1;
constexpr generate::Space kSumSpace = 2;
// Where the pointers live; everything else is the pool.
constexpr Reg kRow = generate::r0;
constexpr Reg kWeights = generate::r1;
constexpr Reg kSums = generate::r2;
constexpr Reg kCounter = generate::r3;
constexpr int kOutputsPerPiece = 16;  // of straight code that finishes outputs

int padded_rows(const traces::Layer& layer) {
    return layer.height + 2 * layer.padding_y;
}

int sums_of(const RowKernel& kernel) {
    return kernel.strips * kernel.shape.elements + kernel.shape.taps - 1;
}

struct Builder {
    const IntegerLayer& layer;
    const RowKernel& kernel;
    const baselines::Finish finish;
    Routine& routine;
    const int row_bytes = 4 * kernel.strips;
    const int channels = layer.shape.in_channels;
    const int kernel_rows = layer.shape.kernel_height * channels;
    const std::vector<Reg> pool = row_pool();
    Slot input = routine.slot(), output = routine.slot(), scratch = routine.slot();
    Slot row = routine.slot();  // of the first row under the kernel
    Slot multipliers = routine.slot(), biases = routine.slot();
    Slot outer = routine.slot(), inner = routine.slot();

    static void load(Code& code, Reg reg, Slot slot) {
        code.ldr(reg, {sp, slot.offset, kStackSpace});
    }

    static void save(Code& code, Reg reg, Slot slot) {
        code.str(reg, {sp, slot.offset, kStackSpace});
    }

    void zero_rows(Body& body, int count) const {
        if (count == 0) return;
        Body& rows = body.loop(count, kCounter, "rows of padding");
        Code code;
        const Reg zero = code.value();
        code.mov(zero, 0);
        for (int s = 0; s < kernel.strips; ++s) code.str(zero, {kRow, 4 * s, kRowSpace});
        add_constant(code, kRow, kRow, row_bytes);
        rows.straight(code, pool);
    }

    // r1 reads, r0 writes.
    void pack(Body& body) const {
        const traces::Layer& shape = layer.shape;
        const int plane = shape.height * shape.width;
        Code begin;
        save(begin, generate::r0, input);
        save(begin, generate::r1, output);
        save(begin, generate::r2, scratch);
        save(begin, generate::r2, row);
        begin.mov(generate::r1, generate::r0);
        begin.mov(kRow, generate::r2);
        body.straight(begin, pool);
        zero_rows(body, shape.padding_y * channels);
        Body& lines = body.loop(shape.height, outer, pool, "input rows");
        Body& planes = lines.loop(channels, kCounter, "channels");
        Code code;
        for (int s = 0; s < kernel.strips; ++s) {
            const Reg word = code.value();
            code.ldrb(word, {generate::r1, s * kernel.shape.elements, kInputSpace});
            for (int i = 1; i < kernel.shape.elements; ++i) {
                const int x = s * kernel.shape.elements + i;
                if (x >= shape.width) break;
                const Reg byte = code.value();
                code.ldrb(byte, {generate::r1, x, kInputSpace});
                code.orr(word, word, byte, lsl(i * kernel.shape.bits));
            }
            code.str(word, {kRow, 4 * s, kRowSpace});
        }
        add_constant(code, kRow, kRow, row_bytes);
        add_constant(code, generate::r1, generate::r1, plane);
        planes.straight(code, pool);
        Code next;
        add_constant(next, generate::r1, generate::r1, shape.width - channels * plane);
        lines.straight(next, pool);
        zero_rows(body, shape.padding_y * channels);
    }

    // All rows under the kernel times one filter.
    void filter(Body& body) const {
        const int passes = kernel_rows / kernel.rows_per_pass;
        const int rest = kernel_rows % kernel.rows_per_pass;
        const auto rows = [&](Body& at, int count) {
            kernel.add_rows(at, count, kRow, kWeights, kSums);
            Code code;
            add_constant(code, kRow, kRow, count * row_bytes);
            add_constant(code, kWeights, kWeights, count * kernel.weight_row_bytes);
            at.straight(code, pool);
        };
        if (passes > 0) rows(body.loop(passes, kCounter, "rows of weights"), kernel.rows_per_pass);
        if (rest > 0) rows(body, rest);
    }

    void finish_outputs(Body& body, Layout layout) const {
        const int first = kernel.shape.taps - 1 - layer.shape.padding_x;
        const int width = layer.shape.out_width();
        const int step = baselines::pixel_step(layer, layout);
        for (int x = 0; x < width;) {
            Code code;
            const Reg to = code.value();
            const Reg multiplier = code.value();
            const Reg bias = code.value();
            load(code, to, output);
            if (finish.output_bits != 0) {
                const Reg at = code.value();
                load(code, at, multipliers);
                code.ldr(multiplier, {at, 0, kConstantSpace});
            }
            const Reg at = code.value();
            load(code, at, biases);
            code.ldr(bias, {at, 0, kConstantSpace});
            int base = x * step;
            add_constant(code, to, to, base);
            for (int k = 0; k < kOutputsPerPiece && x < width && x * step - base <= 4095;
                 ++k, ++x) {
                const Reg sum = code.value();
                code.ldr(sum, {kSums, 4 * (first + x), kSumSpace});
                finish.store(code, sum, multiplier, bias, to, x * step - base);
            }
            body.straight(code, pool);
        }
        Code next;
        step_slot(next, output, baselines::channel_step(layer, layout));
        step_slot(next, biases, 4);
        if (finish.output_bits != 0) step_slot(next, multipliers, 4);
        load(next, kRow, row);
        body.straight(next, pool);
    }

    static void step_slot(Code& code, Slot slot, int by) {
        const Reg value = code.value();
        load(code, value, slot);
        add_constant(code, value, value, by);
        save(code, value, slot);
    }

    void window_sums(Body& body) const {
        Code clear;
        const Reg zero = clear.value();
        clear.mov(zero, 0);
        for (int n = 0; n < sums_of(kernel); ++n) clear.str(zero, {kSums, 4 * n, kSumSpace});
        body.straight(clear, pool);
        filter(body);
        Code negate;
        const Reg none = negate.value();
        negate.mov(none, 0);
        for (int n = 0; n < sums_of(kernel); ++n) {
            const Reg sum = negate.value();
            negate.ldr(sum, {kSums, 4 * n, kSumSpace});
            negate.sub(sum, none, sum);
            negate.str(sum, {kSums, 4 * (sums_of(kernel) + n), kSumSpace});
        }
        load(negate, kRow, row);
        body.straight(negate, pool);
    }

    void build(Layout layout) const {
        const traces::Layer& shape = layer.shape;
        Body& body = routine.body();
        pack(body);
        Body& lines = body.loop(shape.out_height(), outer, pool, "output rows");
        Code begin;
        load(begin, kRow, row);
        load(begin, kSums, scratch);
        add_constant(begin, kSums, kSums, padded_rows(shape) * channels * row_bytes);
        begin.address(kWeights, "mixq_weights_" + layer.name);
        const Reg at = begin.value();
        begin.address(at, "mixq_bias_" + layer.name);
        save(begin, at, biases);
        if (finish.output_bits != 0) {
            const Reg of = begin.value();
            begin.address(of, "mixq_multiplier_" + layer.name);
            save(begin, of, multipliers);
        }
        lines.straight(begin, pool);
        if (kernel.window_sums) window_sums(lines);
        Body& filters = lines.loop(shape.out_channels, inner, pool, "output channels");
        Code start;
        kernel.start(start, kSums, kWeights);
        filters.straight(start, pool);
        filter(filters);
        finish_outputs(filters, layout);
        Code next;
        const int channel = baselines::channel_step(layer, layout);
        step_slot(next,
                  output,
                  shape.out_width() * baselines::pixel_step(layer, layout) -
                      shape.out_channels * channel);
        step_slot(next, row, channels * row_bytes);
        lines.straight(next, pool);
    }
};

}  // namespace

std::vector<Reg> row_pool() {
    return {generate::r4,
            generate::r5,
            generate::r6,
            generate::r7,
            generate::r8,
            generate::r9,
            generate::r10,
            generate::r11,
            generate::r12,
            lr};
}

void add_field(Code& code,
               Reg sum,
               Reg low,
               Reg high,
               int field,
               const packing::FieldShape& shape,
               bool topmost) {
    const int from = field * shape.bits;
    const int to = from + shape.bits;
    const bool straddles = from < 32 && to > 32;
    const Reg word = from < 32 ? low : high;
    const int lsb = from % 32;
    if (straddles) {
        code.add(sum, sum, low, lsr(lsb));
        Reg rest = high;
        if (!topmost) {
            rest = code.value();
            code.ubfx(rest, high, 0, to - 32);
        }
        code.add(sum, sum, rest, lsl(32 - lsb));
    } else if (lsb > 0 && (topmost || to % 32 == 0)) {
        code.add(sum, sum, word, lsr(lsb));
    } else if (lsb == 0 && topmost) {
        code.add(sum, sum, word);
    } else {
        const Reg value = code.value();
        code.ubfx(value, word, lsb, shape.bits);
        code.add(sum, sum, value);
    }
}

std::uint32_t row_scratch_bytes(const traces::Layer& layer, const RowKernel& kernel) {
    const int sums = sums_of(kernel) * (kernel.window_sums ? 2 : 1);
    return static_cast<std::uint32_t>(
        4 * (padded_rows(layer) * layer.in_channels * kernel.strips + sums));
}

generate::Lowered lower_rows(const IntegerLayer& layer,
                             const PackedLayer& packed,
                             const RowKernel& kernel,
                             Layout output,
                             generate::Scheduling how) {
    Routine routine("mixq_kernel_" + layer.name);
    Builder{layer, kernel, baselines::Finish(layer, packed), routine}.build(output);
    return lower(routine, how);
}

}  // namespace mixq::kernels::slbc
