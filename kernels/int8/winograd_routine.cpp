// Generates integer Winograd: per band of tiles, copy four input rows; per pair of tiles, transform the patches, multiply position
// by position for four filters at a time, transform back.
//
// What the core allows: 16 positions x (8 SMLAD per word of two channels + 8 stores) per pair and four filters, as multiplies
// and stores share one slot a cycle: 4.5 multiply-accumulates of the convolution per SMLAD.
#include <algorithm>
#include <vector>

#include "kernels/generate/far.h"
#include "kernels/int8/winograd.h"

namespace mixq::kernels::int8 {

using namespace generate;

namespace {

constexpr Space kInput = 1;
constexpr Space kOutput = 2;
constexpr Space kBand = 3;
constexpr Space kPositions = 4;

// Consecutive bands that read the same rows of their patches from the input and write as many output rows.
struct Bands {
    std::array<bool, 4> inside{};
    int rows = 2;
    int count = 0;
};

class Generator {
  public:
    Generator(const WinogradPlan& plan, const std::string& layer, Layout output)
        : plan_(plan), shape_(plan.shape), layer_(layer), routine_("mixq_kernel_" + layer) {
        const int element = plan.output_bits == 0 ? 4 : 1;
        const int plane = shape_.out_height() * shape_.out_width();
        const bool planar = output == Layout::Planar;
        pixel_step_ = element * (planar ? 1 : shape_.out_channels);
        channel_step_ = element * (planar ? plane : 1);
        row_step_ = pixel_step_ * shape_.out_width();
        for (Slot* slot : {&input_,
                           &output_,
                           &scratch_,
                           &band_column_,
                           &pair_output_,
                           &group_output_,
                           &filters_,
                           &multipliers_,
                           &biases_,
                           &bands_left_,
                           &pairs_left_,
                           &groups_left_,
                           &inner_left_,
                           &chunks_left_})
            *slot = routine_.slot();
    }

    const Routine& generated() {
        Code setup;
        move_on(setup, r0, -shape_.padding_y * shape_.width * shape_.in_channels);
        store(setup, r0, input_);
        store(setup, r1, output_);
        store(setup, r2, scratch_);
        setup.mov(r3, 0);
        routine_.body().straight(setup, {r4});
        clear(routine_.body(), r2, plan_.scratch_bytes() / 4);
        for (const Bands& bands : classes()) {
            Body& body = routine_.body().loop(bands.count, bands_left_, {r3}, "bands");
            band(body, bands);
        }
        return routine_;
    }

  private:
    std::vector<Bands> classes() const {
        std::vector<Bands> all;
        for (int y = 0; y < shape_.out_height(); y += 2) {
            Bands one;
            one.rows = std::min(2, shape_.out_height() - y);
            for (int row = 0; row < 4; ++row) {
                const int from = y + row - shape_.padding_y;
                one.inside[static_cast<std::size_t>(row)] = from >= 0 && from < shape_.height;
            }
            if (all.empty() || all.back().inside != one.inside || all.back().rows != one.rows)
                all.push_back(one);
            ++all.back().count;
        }
        return all;
    }

    // Words of zeros (r3) from a pointer that moves on.
    static void clear(Body& body, Reg pointer, int words) {
        constexpr int kAtOnce = 32;
        if (words >= kAtOnce) {
            Body& loop = body.loop(words / kAtOnce, r4, "zeros");
            Code code;
            for (int k = 0; k < kAtOnce; ++k) code.str(r3, {pointer, 4 * k, kBand});
            code.add(pointer, pointer, 4 * kAtOnce);
            loop.straight(code, {});
        }
        if (words % kAtOnce == 0) return;
        Code rest;
        for (int k = 0; k < words % kAtOnce; ++k) rest.str(r3, {pointer, 4 * k, kBand});
        body.straight(rest, {});
    }

    // `bytes` of one pixel, input to band; the band's padding channels stay zero.
    static void copy_pixel(
        Code& code, Reg from, int from_offset, Reg to, int to_offset, int bytes) {
        for (int at = 0; at < bytes; at += 4) {
            const Reg word = code.value();
            const int left = bytes - at;
            if (left >= 4) {
                code.ldr(word, place(code, from, from_offset + at, kInput));
            } else if (left == 1) {
                code.ldrb(word, place(code, from, from_offset + at, kInput));
            } else {
                code.ldrh(word, place(code, from, from_offset + at, kInput));
            }
            if (left == 3) {
                const Reg third = code.value();
                code.ldrb(third, place(code, from, from_offset + at + 2, kInput));
                code.orr(word, word, third, lsl(16));
            }
            code.str(word, place(code, to, to_offset + at, kBand));
        }
    }

    // One input row, or zeros where a row of the input has been before.
    void band_row(Body& body, int row, bool inside) {
        const int pixel = plan_.pixel_bytes();
        const int bytes = shape_.in_channels;
        if (!inside && !dirty_[static_cast<std::size_t>(row)]) return;
        dirty_[static_cast<std::size_t>(row)] = inside;
        Code setup;
        load(setup, r0, input_);
        move_on(setup, r0, row * shape_.width * bytes);
        load(setup, r1, scratch_);
        move_on(setup, r1, plan_.band_offset() + (4 * shape_.padding_x + row) * pixel);
        if (!inside) setup.mov(r3, 0);
        body.straight(setup, {r4});
        constexpr int kWordsAtOnce = 16;
        const int pixels =
            std::min(shape_.width, std::max(1, kWordsAtOnce / plan_.quads));  // unrolled
        const auto some = [&](int count) {
            Code code;
            for (int k = 0; k < count; ++k) {
                if (inside) {
                    copy_pixel(code, r0, k * bytes, r1, k * 4 * pixel, bytes);
                } else {
                    for (int at = 0; at < pixel; at += 4)
                        code.str(r3, place(code, r1, k * 4 * pixel + at, kBand));
                }
            }
            move_on(code, r0, count * bytes);
            move_on(code, r1, count * 4 * pixel);
            return code;
        };
        body.loop(shape_.width / pixels, r2, "pixels").straight(some(pixels), kRowPool);
        if (shape_.width % pixels != 0) body.straight(some(shape_.width % pixels), kRowPool);
    }

    void band(Body& body, const Bands& bands) {
        for (int row = 0; row < 4; ++row)
            band_row(body, row, bands.inside[static_cast<std::size_t>(row)]);
        Code start;
        const Reg at = start.value();
        load(start, at, scratch_);
        move_on(start, at, plan_.band_offset());
        store(start, at, band_column_);
        const Reg to = start.value();
        load(start, to, output_);
        store(start, to, pair_output_);
        move_on(start, to, 2 * row_step_);
        store(start, to, output_);
        const Reg from = start.value();
        load(start, from, input_);
        move_on(start, from, 2 * shape_.width * shape_.in_channels);
        store(start, from, input_);
        body.straight(start, {r0, r1, r2, r3});
        const int full = shape_.out_width() / 4;
        if (full > 0) pair(body.loop(full, pairs_left_, {r3}, "pairs of tiles"), bands.rows, 4);
        if (shape_.out_width() % 4 != 0) pair(body, bands.rows, shape_.out_width() % 4);
    }

    void pair(Body& body, int rows, int columns) {
        transform(body);
        Code start;
        const Reg at = start.value();
        load(start, at, pair_output_);
        store(start, at, group_output_);
        move_on(start, at, 4 * pixel_step_);
        store(start, at, pair_output_);
        const auto symbol = [&](const char* what, Slot slot) {
            const Reg where = start.value();
            start.address(where, std::string("mixq_") + what + "_" + layer_);
            store(start, where, slot);
        };
        symbol("weights", filters_);
        symbol("multiplier", multipliers_);
        symbol("bias", biases_);
        body.straight(start, {r0, r1, r2, r3});
        const int groups = shape_.out_channels / kWinogradFilters;
        const int rest = shape_.out_channels % kWinogradFilters;
        if (groups > 0) {
            group(body.loop(groups, groups_left_, {r3}, "groups of filters"),
                  kWinogradFilters,
                  rows,
                  columns);
        }
        if (rest > 0) group(body, rest, rows, columns);
    }

    // --- the input transform, in two pieces per four channels: bytes 0 and 2, bytes 1 and 3

    void transform(Body& body) {
        Code start;
        load(start, r0, band_column_);
        start.add(r2, r0, 0);
        move_on(start, r2, 16 * plan_.pixel_bytes());
        store(start, r2, band_column_);
        load(start, r1, scratch_);
        body.straight(start, {r3});
        Body& quads = body.loop(plan_.quads, inner_left_, {r3}, "four channels");
        for (const int odd : {0, 1}) {
            Code code;
            for (const bool middle : {true, false}) two_rows(code, odd, middle);
            if (odd == 1) {
                code.add(r0, r0, 4);
                code.add(r1, r1, 16);
            }
            quads.straight(code, {r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr});
        }
    }

    // Rows 1 and 2 of the transformed patches, which need input rows 1 and 2; or rows 0 and 3, which need all four.
    void two_rows(Code& code, int odd, bool middle) {
        std::array<std::array<Reg, 6>, 2> columns;
        for (std::size_t c = 0; c < 6; ++c) {
            const auto lanes = [&](int row) {
                const Reg word = code.value();
                code.ldr(
                    word,
                    place(code, r0, (static_cast<int>(c) * 4 + row) * plan_.pixel_bytes(), kBand));
                code.uxtb16(word, word, 8 * odd);
                return word;
            };
            for (auto& row : columns) row[c] = code.value();
            const Reg d1 = lanes(1);
            const Reg d2 = lanes(2);
            if (middle) {
                code.sadd16(columns[0][c], d1, d2);
                code.ssub16(columns[1][c], d2, d1);
            } else {
                code.ssub16(columns[0][c], lanes(0), d2);
                code.ssub16(columns[1][c], d1, lanes(3));
            }
            if (c != 3 && c != 5) continue;
            for (std::size_t k = 0; k < 2; ++k) {
                const int row = middle ? 1 + static_cast<int>(k) : 3 * static_cast<int>(k);
                across(code, std::span(columns[k]).subspan(c - 3, 4), row, c == 5 ? 1 : 0, odd);
            }
        }
    }

    void across(Code& code, std::span<const Reg> w, int row, int tile, int odd) {
        const auto put = [&](int column, void (Code::*combine)(Reg, Reg, Reg), Reg a, Reg b) {
            const Reg v = code.value();
            (code.*combine)(v, a, b);
            const int position = 4 * row + column;
            code.str(
                v,
                place(
                    code, r1, position * plan_.position_bytes() + 8 * odd + 4 * tile, kPositions));
        };
        put(0, &Code::ssub16, w[0], w[2]);
        put(1, &Code::sadd16, w[1], w[2]);
        put(2, &Code::ssub16, w[2], w[1]);
        put(3, &Code::ssub16, w[1], w[3]);
    }

    // --- the products: r12 walks over the positions, lr over the filters, r0..r7 accumulate [filter][tile]

    void group(Body& body, int filters, int rows, int columns) {
        Code start;
        load(start, r12, scratch_);
        load(start, lr, filters_);
        body.straight(start, {});
        Body& positions = body.loop(16, inner_left_, {r8}, "positions");
        const bool once = plan_.chunks == 1;
        if (once) {
            Code code = products(filters, true);
            put_sums(code, filters, 8 * plan_.words());
            move_on(code, r12, plan_.position_bytes());
            move_on(code, lr, 4 * filters * plan_.words());
            positions.straight(code, {r8, r9, r10, r11});
        } else {
            Code zero;
            for (int k = 0; k < 2 * filters; ++k) zero.mov(Reg{k}, 0);
            positions.straight(zero, {});
            Code code = products(filters, false);
            move_on(code, r12, 8 * plan_.chunk);
            move_on(code, lr, 4 * filters * plan_.chunk);
            positions.loop(plan_.chunks, chunks_left_, {r8}, "chunks")
                .straight(code, {r8, r9, r10, r11});
            Code end;
            put_sums(end, filters, 0);
            end.add(r12, r12, 32);
            positions.straight(end, {});
        }
        outputs(body, filters, rows, columns);
    }

    Code products(int filters, bool first) const {
        Code code;
        for (int word = 0; word < plan_.chunk; ++word) {
            std::array<Reg, 2> v{code.value(), code.value()};
            code.ldr(v[0], {r12, 8 * word, kPositions});
            code.ldr(v[1], {r12, 8 * word + 4, kPositions});
            for (int filter = 0; filter < filters; ++filter) {
                const Reg u = code.value();
                code.ldr(u, {lr, 4 * (filters * word + filter), kConstantSpace});
                for (int tile = 0; tile < 2; ++tile) {
                    const Reg sum{2 * filter + tile};
                    if (first && word == 0) {
                        code.smuad(sum, u, v[static_cast<std::size_t>(tile)]);
                    } else {
                        code.smlad(sum, u, v[static_cast<std::size_t>(tile)], sum);
                    }
                }
            }
        }
        return code;
    }

    static void put_sums(Code& code, int filters, int offset) {
        for (int k = 0; k < 2 * filters; ++k)
            code.str(Reg{k}, place(code, r12, offset + 4 * k, kPositions + 1));
    }

    // --- the output transform of one filter after the other

    void outputs(Body& body, int filters, int rows, int columns) {
        Code start;
        store(start, lr, filters_);
        load(start, r9, scratch_);
        move_on(start, r9, 8 * plan_.words());
        load(start, r10, group_output_);
        load(start, r11, multipliers_);
        load(start, r12, biases_);
        body.straight(start, {r0});
        Code code;
        const Reg multiplier = code.value();
        const Reg bias = code.value();
        if (plan_.output_bits != 0) code.ldr_post(multiplier, r11, 4, kConstantSpace);
        code.ldr_post(bias, r12, 4, kConstantSpace);
        for (int tile = 0; 2 * tile < columns; ++tile) {
            const auto y = untransformed(code, tile, rows);
            for (int row = 0; row < rows; ++row) {
                for (int x = 0; x < std::min(2, columns - 2 * tile); ++x) {
                    finish(code,
                           y[static_cast<std::size_t>(2 * row + x)],
                           multiplier,
                           bias,
                           row * row_step_ + (2 * tile + x) * pixel_step_);
                }
            }
        }
        code.add(r9, r9, 8);
        move_on(code, r10, channel_step_);
        body.loop(filters, inner_left_, {r0}, "filters")
            .straight(code, {r0, r1, r2, r3, r4, r5, r6, r7, r8, lr});
        Code end;
        store(end, r10, group_output_);
        store(end, r11, multipliers_);
        store(end, r12, biases_);
        body.straight(end, {});
    }

    // Four times the four sums of one tile: A^T M A.
    std::array<Reg, 4> untransformed(Code& code, int tile, int rows) {
        std::array<Reg, 4> y{};
        for (int i = 0; i < (rows == 2 ? 4 : 3); ++i) {
            std::array<Reg, 4> m{};
            for (int j = 0; j < 4; ++j) {
                m[static_cast<std::size_t>(j)] = code.value();
                code.ldr(
                    m[static_cast<std::size_t>(j)],
                    place(code, r9, (4 * i + j) * plan_.position_bytes() + 4 * tile, kPositions));
            }
            code.add(m[0], m[0], m[1]);
            code.add(m[0], m[0], m[2]);
            code.sub(m[1], m[1], m[2]);
            code.sub(m[1], m[1], m[3]);
            for (std::size_t x = 0; x < 2; ++x) {
                if (i == 0) y[x] = m[x];
                if (i == 1 || i == 2) code.add(y[x], y[x], m[x]);
                if (rows < 2) continue;
                if (i == 1) y[2 + x] = m[x];
                if (i == 2 || i == 3) code.sub(y[2 + x], y[2 + x], m[x]);
            }
        }
        return y;
    }

    void finish(Code& code, Reg sum, Reg multiplier, Reg bias, int offset) {
        if (plan_.output_bits == 0) {
            code.add(sum, bias, sum, asr(2));
            code.str(sum, place(code, r10, offset, kOutput));
            return;
        }
        if (plan_.up < 0) {
            const Reg high = code.value();
            const Reg low = code.value();
            code.smull(low, high, sum, multiplier);
            code.shift(low, low, lsr(18));
            code.orr(low, low, high, lsl(14));
            code.add(sum, low, bias);
        } else {
            if (plan_.up > 0) code.shift(sum, sum, lsl(plan_.up));
            code.smmla(sum, sum, multiplier, bias);
        }
        code.usat(sum, plan_.output_bits, sum, asr(plan_.shift));
        code.strb(sum, place(code, r10, offset, kOutput));
    }

    inline static const std::vector<Reg> kRowPool{r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr};

    WinogradPlan plan_;
    traces::Layer shape_;
    std::string layer_;
    Routine routine_;
    int pixel_step_ = 0;
    int channel_step_ = 0;
    int row_step_ = 0;
    std::array<bool, 4> dirty_{};  // rows of the band that the input has been in
    Slot input_, output_, scratch_, band_column_, pair_output_, group_output_, filters_,
        multipliers_, biases_, bands_left_, pairs_left_, groups_left_, inner_left_, chunks_left_;
};

}  // namespace

Lowered winograd_code(const WinogradPlan& plan,
                      const std::string& layer,
                      Layout output,
                      Scheduling how) {
    return lower(Generator(plan, layer, output).generated(), how);
}

}  // namespace mixq::kernels::int8
