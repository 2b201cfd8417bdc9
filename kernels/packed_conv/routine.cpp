// The routine of rp-conv: packs the input, then for every two output rows and every filter accumulates group by group and finishes.
// Rolling, it packs for every two output rows what they are the first to read.
#include "kernels/packed_conv/routine.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <stdexcept>

#include "kernels/packed_conv/input.h"
#include "kernels/packed_conv/outputs.h"
#include "kernels/packed_conv/sums.h"

namespace mixq::kernels::packed_conv {

namespace {

using generate::At;
using generate::Body;
using generate::Code;
using generate::kConstantSpace;
using generate::Reg;
using generate::Routine;
using generate::Slot;

constexpr Reg kBand = generate::r0;
constexpr Reg kWeights = generate::r1;
constexpr Reg kSums = generate::r2;
constexpr Reg kCounter = generate::r7;
const std::vector<Reg> kPool{
    generate::r8, generate::r9, generate::r10, generate::r11, generate::r12, generate::lr};

std::vector<Reg> with(std::vector<Reg> pool, Reg more) {
    pool.push_back(more);
    return pool;
}

int strip_bytes(const Plan& plan, int rows) {
    return 4 * rows * plan.sum_words();
}

class Emitter {
  public:
    Emitter(const Plan& plan, const Output& output)
        : plan_(plan), output_(output), routine_("mixq_kernel_" + output.name) {}

    const Routine& write() {
        Body& body = routine_.body();
        band_ = routine_.slot();
        out_ = routine_.slot();
        out_channel_ = routine_.slot();
        rows_left_ = routine_.slot();
        channels_left_ = routine_.slot();
        groups_left_ = routine_.slot();
        Code entry;
        entry.str(generate::r1, {generate::sp, out_.offset, generate::kStackSpace});
        add_constant(entry, generate::r3, generate::r2, sum_bytes(plan_));
        entry.str(generate::r3, {generate::sp, band_.offset, generate::kStackSpace});
        if (plan_.rolling) {
            roll(body, entry);
            return routine_;
        }
        body.straight(entry, kPool);
        pack_rows(body, plan_, all_rows(plan_));
        const int height = plan_.geometry.layer.out_height();
        if (height / 2 > 0)
            rows(body.loop(height / 2, rows_left_, kPool, "pairs of output rows"), 2);
        if (height % 2 > 0) rows(body, 1);
        return routine_;
    }

    // A multiple of 8: what follows is aligned.
    static int sum_bytes(const Plan& plan) {
        return (plan.strips() * strip_bytes(plan, 2) + 7) / 8 * 8;
    }

  private:
    std::vector<Accumulator> accumulators(int rows) const {
        std::vector<Accumulator> all{{generate::r3, generate::r4}, {generate::r5, generate::r6}};
        all.resize(static_cast<std::size_t>(rows));
        return all;
    }

    // Two output rows at a time, each time packing the input rows that they are the first to read. Those that read beyond the
    // input's end are written out.
    void roll(Body& body, Code& entry) {
        const traces::Layer& layer = plan_.geometry.layer;
        in_ = routine_.slot();
        const InputRows first{layer.padding_y, plan_.rows_shared() - layer.padding_y, 0};
        const Reg next = entry.value();
        add_constant(entry, next, generate::r0, first.rows * layer.width);
        entry.str(next, {generate::sp, in_.offset, generate::kStackSpace});
        body.straight(entry, kPool);
        pack_rows(body, plan_, first);
        const int of_two = 2 * layer.stride;
        const int whole = std::min((layer.height - first.rows) / of_two, layer.out_height() / 2);
        if (whole > 0) {
            Body& pair = body.loop(whole, rows_left_, kPool, "pairs of output rows");
            pack_next(pair, {0, of_two, 0});
            rows(pair, 2);
            roll_back(pair);
        }
        int left = layer.height - first.rows - whole * of_two;
        for (int row = 2 * whole; row < layer.out_height(); row += 2) {
            const int count = std::min(2, layer.out_height() - row);
            const int wanted = count * layer.stride;
            const int there = std::clamp(left, 0, wanted);
            pack_next(body, {0, there, wanted - there});
            rows(body, count);
            left -= there;
            if (row + 2 < layer.out_height()) roll_back(body);
        }
    }

    void pack_next(Body& body, const InputRows& next) const {
        Code begin;
        begin.ldr(generate::r0, {generate::sp, in_.offset, generate::kStackSpace});
        const Reg after = begin.value();
        add_constant(begin, after, generate::r0, next.rows * plan_.geometry.layer.width);
        begin.str(after, {generate::sp, in_.offset, generate::kStackSpace});
        begin.ldr(generate::r3, {generate::sp, band_.offset, generate::kStackSpace});
        add_constant(begin, generate::r3, generate::r3, plan_.rows_shared() * plan_.row_bytes());
        body.straight(begin, kPool);
        pack_rows(body, plan_, next);
    }

    void roll_back(Body& body) const {
        Code begin;
        begin.ldr(generate::r3, {generate::sp, band_.offset, generate::kStackSpace});
        body.straight(begin, kPool);
        roll_rows(body, plan_);
    }

    At constants() const { return {kWeights, 4 * plan_.multiply_words(), kConstantSpace}; }

    void rows(Body& body, int rows) {
        const traces::Layer& layer = plan_.geometry.layer;
        Code first;
        first.address(kWeights, "mixq_weights_" + output_.name);
        const Reg out = first.value();
        first.ldr(out, {generate::sp, out_.offset, generate::kStackSpace});
        first.str(out, {generate::sp, out_channel_.offset, generate::kStackSpace});
        body.straight(first, kPool);
        const int filters = output_.filters == 0 ? layer.out_channels : output_.filters;
        filter(body.loop(filters, channels_left_, kPool, "filters"), rows);
        Code next;
        if (!plan_.rolling) {
            const Reg band = next.value();
            next.ldr(band, {generate::sp, band_.offset, generate::kStackSpace});
            add_constant(next, band, band, rows * layer.stride * plan_.row_bytes());
            next.str(band, {generate::sp, band_.offset, generate::kStackSpace});
        }
        const Reg after = next.value();
        next.ldr(after, {generate::sp, out_.offset, generate::kStackSpace});
        add_constant(next, after, after, rows * output_row_bytes(plan_, output_));
        next.str(after, {generate::sp, out_.offset, generate::kStackSpace});
        body.straight(next, kPool);
    }

    void filter(Body& body, int rows) {
        Code begin;
        begin.ldr(kBand, {generate::sp, band_.offset, generate::kStackSpace});
        std::vector<Reg> starts;
        for (int k = 0; k < plan_.sum_words(); ++k) {
            starts.push_back(begin.value());
            begin.ldr(starts.back(), {kWeights, 4 * k, kConstantSpace});
        }
        for (int word = 0; word < plan_.strips() * rows * plan_.sum_words(); ++word) {
            begin.str(starts[static_cast<std::size_t>(word % plan_.sum_words())],
                      {kSums, 4 * word, kSumSpace});
        }
        add_constant(begin, kWeights, kWeights, 4 * plan_.start_words());
        body.straight(begin, kPool);
        groups(body, rows);
        finish_filter(body, plan_, output_, rows, out_channel_);
    }

    // One strip of all rows: multiplies, adds complete fields to the sums, carries.
    void strip(Code& code, int index, std::vector<Accumulator>& acc) const {
        for (int channel = 0; channel < plan_.depth; ++channel) {
            for (int phase = 0; phase < plan_.geometry.phases; ++phase)
                multiply(code, channel * plan_.geometry.phases + phase, index, acc);
        }
    }

    void multiply(Code& code, int channel, int strip, const std::vector<Accumulator>& acc) const {
        const traces::Layer& layer = plan_.geometry.layer;
        const int height = layer.kernel_height;
        const int rows = static_cast<int>(acc.size());
        for (int chunk = 0; chunk < plan_.chunks; ++chunk) {
            std::map<int, Reg> weights;
            const auto weight = [&](int ky) {
                const auto [known, added] = weights.try_emplace(ky);
                if (added) {
                    known->second = code.value();
                    const int word = (channel * height + ky) * plan_.chunks + chunk;
                    code.ldr(known->second, {kWeights, 4 * word, kConstantSpace});
                }
                return known->second;
            };
            for (int row = 0; row < (rows - 1) * layer.stride + height; ++row) {
                Reg activations;
                for (int k = 0; k < rows; ++k) {
                    const int ky = row - k * layer.stride;
                    if (ky < 0 || ky >= height) continue;
                    if (!activations.exists()) {
                        activations = code.value();
                        const int word =
                            channel * plan_.row_words() + strip - chunk + plan_.chunks - 1;
                        code.ldr(activations,
                                 {kBand, row * plan_.row_bytes() + 4 * word, kConstantSpace});
                    }
                    const Accumulator& to = acc[static_cast<std::size_t>(k)];
                    code.smlal(to.lo, to.hi, activations, weight(ky));
                }
            }
        }
    }

    void empty_all(Code& code, int strip, const std::vector<Accumulator>& acc) const {
        const int rows = static_cast<int>(acc.size());
        for (int k = 0; k < rows; ++k) {
            empty(code,
                  plan_,
                  acc[static_cast<std::size_t>(k)],
                  {kSums, strip * strip_bytes(plan_, rows) + 4 * k * plan_.sum_words(), kSumSpace});
        }
    }

    int strip_instructions(int rows) const {
        Code code;
        std::vector<Accumulator> acc = accumulators(rows);
        strip(code, 0, acc);
        empty_all(code, 0, acc);
        carry(code, plan_, acc, constants(), true);
        return static_cast<int>(code.insns.size());
    }

    void groups(Body& body, int rows) {
        const int strips = plan_.multiplied_strips();
        const int one = strip_instructions(rows);
        if (strips * one <= kMostGroup) {
            straight_group(body.loop(plan_.groups, kCounter, "groups"), rows);
        } else {
            int unrolled = std::max(1, kMostGroup / one);
            while (strips % unrolled != 0) --unrolled;
            looped_group(body.loop(plan_.groups, groups_left_, kPool, "groups"), rows, unrolled);
        }
    }

    std::vector<Reg> group_pool() const {
        return plan_.groups == 1 ? with(kPool, kCounter) : kPool;
    }

    void next_group(Code& code, int band_moved) const {
        add_constant(code, kBand, kBand, plan_.group_bytes() - band_moved);
        add_constant(code, kWeights, kWeights, 4 * plan_.group_words());
    }

    void straight_group(Body& body, int rows) const {
        Code code;
        std::vector<Accumulator> acc = accumulators(rows);
        start(code, plan_, acc, constants());
        const int strips = plan_.multiplied_strips();
        for (int k = 0; k < plan_.strips(); ++k) {
            if (k < strips) strip(code, k, acc);
            empty_all(code, k, acc);
            if (k + 1 < plan_.strips()) carry(code, plan_, acc, constants(), true);
        }
        next_group(code, 0);
        body.straight(code, group_pool());
    }

    void looped_group(Body& body, int rows, int unrolled) const {
        const std::vector<Accumulator> acc = accumulators(rows);
        const int strips = plan_.multiplied_strips();
        Code begin;
        start(begin, plan_, acc, constants());
        body.straight(begin, kPool);
        Body& each = body.loop(strips / unrolled, kCounter, "strips");
        Code code;
        std::vector<Accumulator> moving = acc;
        for (int k = 0; k < unrolled; ++k) {
            strip(code, k, moving);
            empty_all(code, k, moving);
            const bool exchange = k + 1 < unrolled || unrolled % 2 == 0;
            carry(code, plan_, moving, constants(), exchange);
        }
        add_constant(code, kBand, kBand, 4 * unrolled);
        add_constant(code, kSums, kSums, unrolled * strip_bytes(plan_, rows));
        each.straight(code, kPool);
        Code end;
        if (plan_.strips() > strips) empty_all(end, 0, acc);
        add_constant(end, kSums, kSums, -strips * strip_bytes(plan_, rows));
        next_group(end, 4 * strips);
        body.straight(end, kPool);
    }

    Plan plan_;
    Output output_;
    Routine routine_;
    Slot in_;  // rolling: the input row that is packed next
    Slot band_;
    Slot out_;
    Slot out_channel_;
    Slot rows_left_;
    Slot channels_left_;
    Slot groups_left_;
};

}  // namespace

std::uint32_t scratch_bytes(const Plan& plan) {
    return static_cast<std::uint32_t>(Emitter::sum_bytes(plan) + plan.groups * plan.group_bytes());
}

generate::Estimate estimated(const Plan& plan, const Output& output) {
    return generate::estimate(Emitter(plan, output).write());
}

generate::Lowered lowered(const Plan& plan, const Output& output, generate::Scheduling how) {
    return generate::lower(Emitter(plan, output).write(), how);
}

}  // namespace mixq::kernels::packed_conv
