// Packs input rows.
#include "kernels/packed_conv/input.h"

#include <algorithm>

namespace mixq::kernels::packed_conv {

namespace {

using generate::Body;
using generate::Code;
using generate::lsl;
using generate::Reg;

constexpr generate::Space kInput = 3;
constexpr generate::Space kPacked = 4;
constexpr Reg kFrom = generate::r0;
constexpr Reg kTo = generate::r3;
constexpr Reg kGroups = generate::r4;
constexpr Reg kChannels = generate::r5;
constexpr Reg kRows = generate::r6;
const std::vector<Reg> kPool{generate::r7,
                             generate::r8,
                             generate::r9,
                             generate::r10,
                             generate::r11,
                             generate::r12,
                             generate::lr};
constexpr int kMostUnrolledWords = 32;

// Of four activations from aligned memory.
bool whole_words(const Plan& plan) {
    return plan.form() == Form::Bytes && plan.geometry.phases == 1 &&
           plan.geometry.layer.width % 4 == 0;
}

void pack_word(Code& code, const Plan& plan, int phase, int word, int to) {
    const Geometry& geometry = plan.geometry;
    const int first = word * plan.elements();
    const Reg packed = code.value();
    if (whole_words(plan) && first + 4 <= geometry.length) {
        code.ldr(packed, {kFrom, first, kInput});
        code.str(packed, {kTo, to, kPacked});
        return;
    }
    bool empty = true;
    for (int i = 0; i < plan.elements() && first + i < geometry.length; ++i) {
        const int column = geometry.column(phase, first + i);
        if (column < 0 || column >= geometry.layer.width) continue;
        const int up = i * plan.bits() + plan.placement.activation_shift;
        if (empty && up == 0) {
            code.ldrb(packed, {kFrom, column, kInput});
        } else {
            const Reg one = code.value();
            code.ldrb(one, {kFrom, column, kInput});
            if (empty) {
                code.shift(packed, one, lsl(up));
            } else {
                code.orr(packed, packed, one, up > 0 ? lsl(up) : generate::Shift{});
            }
        }
        empty = false;
    }
    if (empty) code.mov(packed, 0);
    code.str(packed, {kTo, to, kPacked});
}

// One row of one channel, all phases; zero words in front where the taps of a row are more words.
void pack_row(Code& code, const Plan& plan) {
    int to = 0;
    for (int phase = 0; phase < plan.geometry.phases; ++phase) {
        for (int word = 1 - plan.chunks; word < plan.multiplied_strips(); ++word, to += 4) {
            if (word >= 0) {
                pack_word(code, plan, phase, word, to);
                continue;
            }
            const Reg zero = code.value();
            code.mov(zero, 0);
            code.str(zero, {kTo, to, kPacked});
        }
    }
}

void clear(Body& body, int words, Reg counter) {
    if (words < 1) return;
    Code zero;
    zero.mov(generate::r7, 0);
    body.straight(zero, {});
    const auto stores = [](int count) {
        Code code;
        for (int k = 0; k < count; ++k) code.str(generate::r7, {kTo, 4 * k, kPacked});
        add_constant(code, kTo, kTo, 4 * count);
        return code;
    };
    const int passes = words / kMostUnrolledWords;
    if (passes > 0)
        body.loop(passes, counter, "zero rows")
            .straight(stores(kMostUnrolledWords), {generate::r8});
    if (words % kMostUnrolledWords > 0)
        body.straight(stores(words % kMostUnrolledWords), {generate::r8});
}

}  // namespace

void add_constant(Code& code, Reg d, Reg n, int constant) {
    const auto magnitude = static_cast<std::uint32_t>(constant < 0 ? -constant : constant);
    if (constant == 0 && d == n) return;
    if (magnitude <= 4095 || generate::modified_constant(magnitude) >= 0) {
        code.add(d, n, constant);
        return;
    }
    const Reg value = code.value();
    code.mov(value, magnitude);
    if (constant < 0) {
        code.sub(d, n, value);
    } else {
        code.add(d, n, value);
    }
}

InputRows all_rows(const Plan& plan) {
    const Geometry& geometry = plan.geometry;
    InputRows all;
    all.above = std::min(geometry.layer.padding_y, geometry.rows);
    all.rows = std::min(geometry.layer.height, geometry.rows - all.above);
    all.below = geometry.rows - all.above - all.rows;
    return all;
}

void pack_rows(Body& body, const Plan& plan, const InputRows& wanted) {
    const Geometry& geometry = plan.geometry;
    const traces::Layer& layer = geometry.layer;
    const int row_words = plan.row_bytes() / 4;
    const int channel_words = geometry.phases * plan.row_words();
    const int rows = wanted.rows;
    const auto pack_channels = [&](Body& to, int channels) {
        clear(to, wanted.above * row_words, kRows);
        if (rows > 0) {
            Body& each = to.loop(channels, kChannels, "channels of a group");
            Body& row = each.loop(rows, kRows, "rows of a channel");
            Code one;
            pack_row(one, plan);
            add_constant(one, kFrom, kFrom, layer.width);
            add_constant(one, kTo, kTo, 4 * row_words);
            row.straight(one, kPool);
            Code next;
            add_constant(next, kFrom, kFrom, (layer.height - rows) * layer.width);
            add_constant(next, kTo, kTo, 4 * (channel_words - rows * row_words));
            each.straight(next, kPool);
            Code end;
            add_constant(end, kTo, kTo, 4 * (rows * row_words - channels * channel_words));
            to.straight(end, kPool);
        }
        clear(to, wanted.below * row_words, kRows);
        Code next_group;
        const int written = 4 * row_words * (wanted.above + rows + wanted.below);
        add_constant(next_group, kTo, kTo, plan.group_bytes() - written);
        to.straight(next_group, kPool);
    };
    const int full = layer.in_channels / plan.depth;
    const int rest = layer.in_channels % plan.depth;
    if (full > 0) pack_channels(body.loop(full, kGroups, "groups of channels"), plan.depth);
    if (rest > 0) pack_channels(body, rest);
}

void roll_rows(Body& body, const Plan& plan) {
    const int words = plan.rows_shared() * plan.row_bytes() / 4;
    if (words == 0) return;
    const int from = (plan.rows_kept() - plan.rows_shared()) * plan.row_bytes();
    constexpr int kAtOnce = 6;
    const auto copy = [&](int count) {
        Code code;
        for (int first = 0; first < count; first += kAtOnce) {
            std::vector<Reg> values;
            for (int k = first; k < std::min(count, first + kAtOnce); ++k) {
                values.push_back(code.value());
                code.ldr(values.back(), {kFrom, 4 * k, kInput});
            }
            for (int k = 0; const Reg value : values)
                code.str(value, {kTo, 4 * (first + k++), kPacked});
        }
        add_constant(code, kFrom, kFrom, 4 * count);
        add_constant(code, kTo, kTo, 4 * count);
        return code;
    };
    Body& group = plan.groups > 1 ? body.loop(plan.groups, kGroups, "groups of channels") : body;
    Code begin;
    add_constant(begin, kFrom, kTo, from);
    group.straight(begin, kPool);
    const int passes = words / kMostUnrolledWords;
    if (passes > 0)
        group.loop(passes, kRows, "rows to keep").straight(copy(kMostUnrolledWords), kPool);
    if (words % kMostUnrolledWords > 0) group.straight(copy(words % kMostUnrolledWords), kPool);
    Code end;
    add_constant(end, kTo, kTo, plan.group_bytes() - 4 * words);
    group.straight(end, kPool);
}

}  // namespace mixq::kernels::packed_conv
