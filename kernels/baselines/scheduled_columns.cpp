// The common structure of the scheduled column kernels.
#include "kernels/baselines/scheduled_columns.h"

#include "kernels/baselines/requantised.h"

namespace mixq::kernels::baselines {

using generate::Body;
using generate::Code;
using generate::kConstantSpace;
using generate::kStackSpace;
using generate::Reg;
using generate::Routine;
using generate::Slot;
using generate::sp;

namespace {

constexpr generate::Space kInputSpace = 0;
constexpr generate::Space kPaddedSpace = 1;
constexpr Reg kFrom = generate::r0;  // input while filling, the column while multiplying
constexpr Reg kTo = generate::r1;    // the column while filling, weights while multiplying
constexpr Reg kSum = generate::r2;   // of a column; the kernel's constant while multiplying
constexpr Reg kCounter = generate::r3;
constexpr int kWordsPerPass = 8;  // of copying loops

const std::vector<Reg>& accumulators() {
    static const std::vector<Reg> kRegs{generate::r4, generate::r5, generate::r6, generate::r7};
    return kRegs;
}

const std::vector<Reg>& multiplying_pool() {
    static const std::vector<Reg> kRegs{
        generate::r8, generate::r9, generate::r10, generate::r11, generate::r12, generate::lr};
    return kRegs;
}

std::vector<Reg> pool() {
    std::vector<Reg> all = accumulators();
    all.insert(all.end(), multiplying_pool().begin(), multiplying_pool().end());
    return all;
}

bool padded(const traces::Layer& layer) {
    return layer.padding_x > 0 || layer.padding_y > 0;
}

int padded_row_bytes(const traces::Layer& layer) {
    return (layer.width + 2 * layer.padding_x) * layer.in_channels;
}

int padded_bytes(const traces::Layer& layer) {
    return padded(layer) ? (layer.height + 2 * layer.padding_y) * padded_row_bytes(layer) : 0;
}

int most_pixels(const traces::Layer& layer) {
    return layer.out_width() > 1 ? 2 : 1;
}

std::uint32_t scratch_bytes(const traces::Layer& layer, const ColumnKernel& kernel) {
    return static_cast<std::uint32_t>(padded_bytes(layer) +
                                      4 * kernel.column_words * most_pixels(layer) +
                                      kernel.ahead.passes * kernel.ahead.to_bytes);
}

struct Builder {
    const IntegerLayer& layer;
    const ColumnKernel& kernel;
    const Finish finish;
    const Layout layout;
    Routine& routine;
    const traces::Layer& shape = layer.shape;
    Slot source = routine.slot(), output = routine.slot();
    Slot column = routine.slot(), pair = routine.slot();
    Slot multipliers = routine.slot(), biases = routine.slot();
    Slot starts[2] = {routine.slot(), routine.slot()};
    Slot outer = routine.slot(), inner = routine.slot(), innermost = routine.slot();
    Slot weights = kernel.ahead.passes > 0 ? routine.slot() : Slot{};

    static void load(Code& code, Reg reg, Slot slot) {
        code.ldr(reg, {sp, slot.offset, kStackSpace});
    }

    static void save(Code& code, Reg reg, Slot slot) {
        code.str(reg, {sp, slot.offset, kStackSpace});
    }

    static void step_slot(Code& code, Slot slot, int by) {
        if (by == 0) return;
        const Reg value = code.value();
        load(code, value, slot);
        add_constant(code, value, value, by);
        save(code, value, slot);
    }

    // `one(k)` emits word k of a pass; `end(words)` moves the pointers.
    template <typename One, typename End>
    void words(Body& body, int count, const std::string& what, One one, End end) const {
        const auto pass = [&](Body& at, int words) {
            Code code;
            for (int k = 0; k < words; ++k) one(code, k);
            end(code, words);
            at.straight(code, pool());
        };
        const int passes = count / kWordsPerPass;
        if (passes > 0) pass(body.loop(passes, kCounter, what), kWordsPerPass);
        if (count % kWordsPerPass > 0) pass(body, count % kWordsPerPass);
    }

    void clear(Body& body, int count) const {
        words(
            body,
            count,
            "padded words",
            [&](Code& code, int k) {
                const Reg zero = code.value();
                code.mov(zero, 0);
                code.str(zero, {kTo, 4 * k, kPaddedSpace});
            },
            [](Code& code, int words) { code.add(kTo, kTo, 4 * words); });
    }

    // r1 at the padded input, r0 at the input.
    void pad(Body& body) const {
        const int row = shape.width * shape.in_channels;
        clear(body, padded_bytes(shape) / 4);
        Code back;
        load(back, kTo, source);
        add_constant(
            back,
            kTo,
            kTo,
            shape.padding_y * padded_row_bytes(shape) + shape.padding_x * shape.in_channels);
        body.straight(back, pool());
        Body& rows = body.loop(shape.height, outer, pool(), "input rows");
        words(
            rows,
            row / 4,
            "words of a row",
            [](Code& code, int k) {
                const Reg word = code.value();
                code.ldr(word, {kFrom, 4 * k, kInputSpace});
                code.str(word, {kTo, 4 * k, kPaddedSpace});
            },
            [](Code& code, int words) {
                code.add(kFrom, kFrom, 4 * words);
                code.add(kTo, kTo, 4 * words);
            });
        Code next;
        add_constant(next, kTo, kTo, padded_row_bytes(shape) - row);
        rows.straight(next, pool());
    }

    void begin(Body& body) const {
        Code code;
        save(code, generate::r1, output);
        if (padded(shape)) {
            save(code, generate::r2, source);
        } else {
            save(code, generate::r0, source);
        }
        code.mov(kTo, generate::r2);
        const Reg at = code.value();
        add_constant(code, at, generate::r2, padded_bytes(shape));
        save(code, at, column);
        body.straight(code, pool());
        if (padded(shape)) pad(body);
        if (kernel.ahead.passes > 0) weights_ahead(body);
    }

    void weights_ahead(Body& body) const {
        Code begin;
        begin.address(kFrom, "mixq_weights_" + layer.name);
        load(begin, kTo, column);
        add_constant(begin, kTo, kTo, 4 * kernel.column_words * most_pixels(shape));
        save(begin, kTo, weights);
        begin.mov(kSum, kernel.constant);
        body.straight(begin, pool());
        Code code;
        kernel.ahead.pass(code, kFrom, kTo, kSum);
        code.add(kFrom, kFrom, kernel.ahead.from_bytes);
        code.add(kTo, kTo, kernel.ahead.to_bytes);
        body.loop(kernel.ahead.passes, kCounter, "weights").straight(code, pool());
    }

    // The column of pixel `pixel` of `pixels`, and its start.
    void fill(Body& body, int pixel, int pixels) const {
        const int run = shape.kernel_width * shape.in_channels;
        Code begin;
        load(begin, kFrom, source);
        add_constant(begin, kFrom, kFrom, pixel * shape.stride * shape.in_channels);
        load(begin, kTo, column);
        add_constant(begin, kTo, kTo, 4 * pixel);
        begin.mov(kSum, 0);
        body.straight(begin, pool());
        Body& rows = body.loop(shape.kernel_height, innermost, pool(), "kernel rows");
        words(
            rows,
            run / kernel.unit_bytes,
            "units of a kernel row",
            [&](Code& code, int k) {
                const int offset = kernel.unit_bytes * k;
                const std::vector<Reg> made =
                    kernel.expand(code,
                                  {kFrom, offset, padded(shape) ? kPaddedSpace : kInputSpace},
                                  kernel.offset != 0 ? kSum : Reg{});
                for (std::size_t i = 0; i < made.size(); ++i) {
                    const int word = k * kernel.unit_words + static_cast<int>(i);
                    code.str(made[i], {kTo, 4 * pixels * word, kColumnSpace});
                }
            },
            [&](Code& code, int words) {
                code.add(kFrom, kFrom, kernel.unit_bytes * words);
                add_constant(code, kTo, kTo, 4 * pixels * kernel.unit_words * words);
            });
        Code next;
        add_constant(next, kFrom, kFrom, padded_row_bytes(shape) - run);
        rows.straight(next, pool());
        const int filled = shape.kernel_height * (run / kernel.unit_bytes) * kernel.unit_words;
        Code start;
        for (int word = filled; word < kernel.column_words; ++word) {
            const Reg zero = start.value();
            start.mov(zero, 0);
            start.str(zero, {kTo, 4 * pixels * (word - filled), kColumnSpace});
        }
        if (kernel.offset == 0) return body.straight(start, pool());
        const Reg factor = start.value();
        const Reg value = start.value();
        start.mov(factor, static_cast<std::uint32_t>(-kernel.offset));
        start.mul(value, kSum, factor);
        save(start, value, starts[pixel]);
        body.straight(start, pool());
    }

    // A block of channels, of which `stored` exist.
    void block(Body& body, int pixels, int stored) const {
        const int channels = channel_block(shape);
        ColumnKernel::Block block{pixels, channels, kFrom, kTo, kSum, {}};
        Code begin;
        load(begin, kFrom, column);
        for (int i = 0; i < channels * pixels; ++i) {
            const Reg sum = accumulators()[static_cast<std::size_t>(i)];
            block.sums.push_back(sum);
            if (kernel.offset != 0) {
                load(begin, sum, starts[i % pixels]);
            } else {
                begin.mov(sum, 0);
            }
        }
        body.straight(begin, multiplying_pool());
        // Kernels without a constant need its register, and the counter's, for values.
        std::vector<Reg> free = multiplying_pool();
        if (kernel.constant == 0) free.insert(free.end(), {kSum, kCounter});
        Body& steps = kernel.constant == 0 ? body.loop(kernel.bodies, innermost, free, "steps")
                                           : body.loop(kernel.bodies, kCounter, "steps");
        Code code;
        kernel.multiply(code, block);
        add_constant(code, kFrom, kFrom, 4 * pixels * kernel.body_words);
        add_constant(code, kTo, kTo, 4 * channels * kernel.body_weights);
        steps.straight(code, free);
        std::vector<Reg> finishing = multiplying_pool();
        finishing.insert(finishing.end(), {kFrom, kCounter});
        Code end;
        const Reg to = end.value();
        const Reg bias_at = end.value();
        const Reg multiplier_at = end.value();
        load(end, to, output);
        load(end, bias_at, biases);
        if (finish.output_bits != 0) load(end, multiplier_at, multipliers);
        for (int c = 0; c < stored; ++c) {
            const Reg bias = end.value();
            const Reg multiplier = end.value();
            end.ldr(bias, {bias_at, 4 * c, kConstantSpace});
            if (finish.output_bits != 0)
                end.ldr(multiplier, {multiplier_at, 4 * c, kConstantSpace});
            for (int p = 0; p < pixels; ++p) {
                const int offset = c * channel_step(layer, layout) + p * pixel_step(layer, layout);
                Reg at = to;
                if (offset > 4095) {
                    at = end.value();
                    add_constant(end, at, to, offset);
                }
                finish.store(end,
                             block.sums[static_cast<std::size_t>(c * pixels + p)],
                             multiplier,
                             bias,
                             at,
                             offset > 4095 ? 0 : offset);
            }
        }
        add_constant(end, to, to, stored * channel_step(layer, layout));
        save(end, to, output);
        add_constant(end, bias_at, bias_at, 4 * stored);
        save(end, bias_at, biases);
        if (finish.output_bits != 0) {
            add_constant(end, multiplier_at, multiplier_at, 4 * stored);
            save(end, multiplier_at, multipliers);
        }
        body.straight(end, finishing);
    }

    // `pixels` neighbours, all output channels.
    void pixel_group(Body& body, int pixels) const {
        for (int p = 0; p < pixels; ++p) fill(body, p, pixels);
        Code begin;
        if (kernel.ahead.passes > 0) {
            load(begin, kTo, weights);
        } else {
            begin.address(kTo, "mixq_weights_" + layer.name);
        }
        begin.mov(kSum, kernel.constant);
        const Reg bias = begin.value();
        begin.address(bias, "mixq_bias_" + layer.name);
        save(begin, bias, biases);
        if (finish.output_bits != 0) {
            const Reg multiplier = begin.value();
            begin.address(multiplier, "mixq_multiplier_" + layer.name);
            save(begin, multiplier, multipliers);
        }
        body.straight(begin, pool());
        const int channels = channel_block(shape);
        const int whole = shape.out_channels / channels;
        if (whole > 0)
            block(body.loop(whole, inner, multiplying_pool(), "channels"), pixels, channels);
        if (shape.out_channels % channels != 0) block(body, pixels, shape.out_channels % channels);
        Code next;
        step_slot(next, source, pixels * shape.stride * shape.in_channels);
        step_slot(
            next,
            output,
            pixels * pixel_step(layer, layout) - shape.out_channels * channel_step(layer, layout));
        body.straight(next, pool());
    }

    void build() const {
        Body& body = routine.body();
        begin(body);
        Body& lines = body.loop(shape.out_height(), outer, pool(), "output rows");
        const int pairs = shape.out_width() / 2;
        if (pairs > 0) pixel_group(lines.loop(pairs, pair, pool(), "pairs of pixels"), 2);
        if (shape.out_width() % 2 != 0) pixel_group(lines, 1);
        Code next;
        step_slot(next,
                  source,
                  shape.stride * (padded_row_bytes(shape) - shape.out_width() * shape.in_channels));
        lines.straight(next, pool());
    }
};

}  // namespace

std::vector<Reg> expand_lanes(Code& code, Reg four, Reg sum) {
    std::vector<Reg> pairs{code.value(), code.value()};
    code.uxtb16(pairs[0], four);
    code.uxtb16(pairs[1], four, 8);
    if (sum.exists()) {
        const Reg ones = code.value();
        code.mov(ones, 0x00010001);
        code.smlad(sum, pairs[0], ones, sum);
        code.smlad(sum, pairs[1], ones, sum);
    }
    return pairs;
}

int channel_block(const traces::Layer& layer) {
    return layer.out_height() * layer.out_width() == 1 ? 4 : 2;
}

std::vector<Reg> load_column(Code& code, const ColumnKernel::Block& block, int k) {
    std::vector<Reg> words;
    for (int p = 0; p < block.pixels; ++p) {
        words.push_back(code.value());
        code.ldr(words.back(), {block.column, 4 * (k * block.pixels + p), kColumnSpace});
    }
    return words;
}

std::optional<std::string> refuses_columns(const traces::Layer& layer) {
    if (layer.kind == traces::LayerKind::Depthwise) {
        return "depthwise layers have one channel per filter, and columns go over channels";
    }
    if (layer.in_channels % 4 != 0) {
        return "input channels are no multiple of four: columns are made of whole words";
    }
    return std::nullopt;
}

void run_by_columns(const IntegerLayer& layer, const ColumnKernel& kernel, PackedLayer& packed) {
    packed.source.clear();
    packed.scratch_bytes = scratch_bytes(layer.shape, kernel);
    const Finish finish(layer, packed);
    packed.generate = [layer, kernel, finish](Layout output) {
        Routine routine("mixq_kernel_" + layer.name);
        Builder{layer, kernel, finish, output, routine}.build();
        return lower(routine, generate::Scheduling::List);
    };
}

}  // namespace mixq::kernels::baselines
