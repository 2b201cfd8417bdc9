// Generates pooling. Bytes are compared four at a time: max(a, b) = b + UQSUB8(a, b); nothing carries, so ADD does.
//
// Every piece reads all it reads before it stores: with input and output in one space the scheduler keeps that order, and the code is
// right in place.
#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include "kernels/generate/far.h"
#include "kernels/pooling/pooling.h"

namespace mixq::kernels::pooling {

using namespace generate;

namespace {

constexpr Space kTensor = 1;
constexpr std::uint32_t kLanes = 0x00ff'00ff;
const std::vector<Reg> kPool{r4, r5, r6, r7, r8, r9, r10, r11, r12, lr};

class Pooling {
  public:
    Pooling(const IntegerLayer& layer, Layout layout)
        : layer_(layer),
          channels_(layer.shape.out_channels),
          height_(layer.shape.out_height()),
          width_(layer.shape.out_width()),
          planar_(layout == Layout::Planar),
          routine_("mixq_pool_" + layer.name) {
        rows_left_ = routine_.slot();
        inner_left_ = routine_.slot();
    }

    const Routine& generated() {
        switch (layer_.pool) {
            case Pool::None:
                throw std::logic_error("layer " + layer_.name + " does not pool");
            case Pool::GlobalAverage:
                planar_ ? global_planes() : global_channels();
                break;
            case Pool::Max2x2:
            case Pool::Average2x2:
                windows();
                break;
        }
        return routine_;
    }

  private:
    bool is_max() const { return layer_.pool == Pool::Max2x2; }

    static Reg load_word(Code& code, Reg base, int offset) {
        const Reg word = code.value();
        code.ldr(word, place(code, base, offset, kTensor));
        return word;
    }

    static Reg load_byte(Code& code, Reg base, int offset) {
        const Reg byte = code.value();
        code.ldrb(byte, place(code, base, offset, kTensor));
        return byte;
    }

    // a becomes the larger of each byte.
    static void maximum(Code& code, Reg a, Reg b) {
        code.uqsub8(a, a, b);
        code.add(a, a, b);
    }

    // --- windows of 2x2: r0 reads the upper row, r1 the lower one, r2 writes

    void windows() {
        const int pixel = planar_ ? 1 : channels_;
        const int row = width_ * pixel;
        Code setup;
        setup.mov(r2, r1);
        setup.mov(r1, r0);
        move_on(setup, r1, row);
        if (!is_max()) {
            setup.mov(r3, 2);
            setup.orr(r3, r3, r3, lsl(16));  // halves of four, in both lanes
        }
        routine_.body().straight(setup, kPool);
        if (planar_) {
            Body& planes = routine_.body().loop(channels_, rows_left_, {r4}, "channels");
            Body& rows = planes.loop(height_ / 2, inner_left_, {r4}, "rows");
            planar_row(rows);
            move(rows, row + row - width_ / 2 * 2, 0);
            move(planes, height_ % 2 * row, 0);
        } else {
            Body& rows = routine_.body().loop(height_ / 2, rows_left_, {r4}, "rows");
            Body& pixels = rows.loop(width_ / 2, inner_left_, {r4}, "pixels");
            interleaved_pixel(pixels);
            move(rows, row + row - width_ / 2 * 2 * pixel, 0);
        }
    }

    static void move(Body& body, int input, int output) {
        Code code;
        move_on(code, r0, input);
        move_on(code, r1, input);
        move_on(code, r2, output);
        body.straight(code, kPool);
    }

    // Eight columns to four outputs; then column by column.
    void planar_row(Body& body) {
        const int outputs = width_ / 2;
        const auto four = [&](Code& code, int x) {
            std::array<Reg, 2> words{};
            for (std::size_t k = 0; k < 2; ++k)
                words[k] = pairs(code, 2 * x + 4 * static_cast<int>(k));
            const Reg even = code.value();
            code.pkhbt(even, words[0], words[1], 16);
            code.pkhtb(words[1], words[1], words[0], 16);
            code.orr(even, even, words[1], lsl(8));
            return even;
        };
        // Pieces of two words; the loop takes rows of any length.
        const int words = outputs / 4;
        const int twice = words / 2;
        const auto some = [&](int count) {
            Code code;
            std::vector<Reg> results;
            for (int k = 0; k < count; ++k) results.push_back(four(code, 4 * k));
            for (int k = 0; k < count; ++k)
                code.str(results[static_cast<std::size_t>(k)], {r2, 4 * k, kTensor});
            code.add(r0, r0, 8 * count);
            code.add(r1, r1, 8 * count);
            code.add(r2, r2, 4 * count);
            return code;
        };
        for (int k = 0; k < std::min(twice, kUnrolled); ++k) {
            if (twice <= kUnrolled) body.straight(some(2), kPool);
        }
        if (twice > kUnrolled)
            body.loop(twice, column_slot(), {r4}, "eight outputs").straight(some(2), kPool);
        if (words % 2 != 0) body.straight(some(1), kPool);
        for (int k = 0; k < outputs % 4; ++k) {
            Code code;
            const Reg result = window(code, 0, 1);
            code.strb(result, {r2, 0, kTensor});
            code.add(r0, r0, 2);
            code.add(r1, r1, 2);
            code.add(r2, r2, 1);
            body.straight(code, kPool);
        }
    }

    // Two outputs of four columns, in the lower bytes of both lanes.
    Reg pairs(Code& code, int column) {
        const Reg upper = load_word(code, r0, column);
        const Reg lower = load_word(code, r1, column);
        const Reg lanes = code.value();
        if (is_max()) {
            maximum(code, upper, lower);
            code.uxtb16(lanes, upper, 8);
            code.uxtb16(upper, upper);
            maximum(code, lanes, upper);
            return lanes;
        }
        code.uxtab16(lanes, r3, upper);
        code.uxtab16(lanes, lanes, upper, 8);
        code.uxtab16(lanes, lanes, lower);
        code.uxtab16(lanes, lanes, lower, 8);
        code.shift(lanes, lanes, lsr(2));
        code.and_(lanes, lanes, kLanes);
        return lanes;
    }

    // One output from four bytes, `step` from the left ones to the right ones.
    Reg window(Code& code, int offset, int step) {
        std::array<Reg, 4> bytes{};
        for (std::size_t k = 0; k < 4; ++k)
            bytes[k] = load_byte(code, k < 2 ? r0 : r1, offset + static_cast<int>(k % 2) * step);
        for (std::size_t k = 1; k < 4; ++k) {
            if (is_max()) {
                maximum(code, bytes[0], bytes[k]);
            } else {
                code.add(bytes[0], bytes[0], bytes[k]);
            }
        }
        if (!is_max()) {
            code.add(bytes[0], bytes[0], 2);
            code.shift(bytes[0], bytes[0], lsr(2));
        }
        return bytes[0];
    }

    Reg four_channels(Code& code, int channel) {
        std::array<Reg, 4> words{};
        for (std::size_t k = 0; k < 4; ++k)
            words[k] =
                load_word(code, k < 2 ? r0 : r1, channel + static_cast<int>(k % 2) * channels_);
        if (is_max()) {
            for (std::size_t k = 1; k < 4; ++k) maximum(code, words[0], words[k]);
            return words[0];
        }
        std::array<Reg, 2> lanes{code.value(), code.value()};
        for (std::size_t odd = 0; odd < 2; ++odd) {
            for (std::size_t k = 0; k < 4; ++k)
                code.uxtab16(lanes[odd], k == 0 ? r3 : lanes[odd], words[k], odd == 0 ? 0 : 8);
            code.shift(lanes[odd], lanes[odd], lsr(2));
            code.and_(lanes[odd], lanes[odd], kLanes);
        }
        code.orr(lanes[0], lanes[0], lanes[1], lsl(8));
        return lanes[0];
    }

    void interleaved_pixel(Body& body) {
        for (int c = 0; c + 4 <= channels_; c += 4) {
            Code code;
            const Reg result = four_channels(code, c);
            code.str(result, place(code, r2, c, kTensor));
            body.straight(code, kPool);
        }
        for (int c = channels_ / 4 * 4; c < channels_; ++c) {
            Code code;
            const Reg result = window(code, c, channels_);
            code.strb(result, place(code, r2, c, kTensor));
            body.straight(code, kPool);
        }
        move(body, 2 * channels_, channels_);
    }

    // --- averages of whole planes: (sum + n / 2) * ceil(2^32 / n) >> 32, exact for n below 4096 (256 n^2 < 2^32)

    int positions() const { return height_ * width_; }

    // r2 and r3: half of n, and 2^32 / n rounded up. One position is its own average.
    void reciprocal(Code& code) const {
        const auto n = static_cast<std::uint64_t>(positions());
        code.mov(r2, static_cast<std::uint32_t>(n / 2));
        if (n > 1) code.mov(r3, static_cast<std::uint32_t>(((std::uint64_t{1} << 32) + n - 1) / n));
    }

    void average(Code& code, Reg sum) const {
        if (positions() == 1) return;
        const Reg low = code.value();
        code.add(sum, sum, r2);
        code.umull(low, sum, sum, r3);
    }

    void global_planes() {
        constexpr int kWordsAtOnce = 8;
        const int words = positions() / 4;
        Code setup;
        reciprocal(setup);
        setup.mov(r5, 0x0001'0001u);
        routine_.body().straight(setup, {});
        const std::vector<Reg> pool{r6, r7, r8, r9, r10, r11, r12, lr};
        Body& planes = routine_.body().loop(channels_, rows_left_, {r6}, "channels");
        Code start;
        start.mov(r4, 0);
        planes.straight(start, {});
        const auto some = [&](int count) {
            Code code;
            for (int k = 0; k < count; ++k) {
                const Reg even = load_word(code, r0, 4 * k);
                const Reg odd = code.value();
                code.uxtb16(odd, even, 8);
                code.uxtab16(odd, odd, even);
                code.smlad(r4, odd, r5, r4);
            }
            code.add(r0, r0, 4 * count);
            return code;
        };
        if (words >= kWordsAtOnce) {
            planes.loop(words / kWordsAtOnce, inner_left_, {r6}, "eight words")
                .straight(some(kWordsAtOnce), pool);
        }
        Code end;
        if (words % kWordsAtOnce != 0) end = some(words % kWordsAtOnce);
        for (int k = 0; k < positions() % 4; ++k) end.add(r4, r4, load_byte(end, r0, k));
        if (positions() % 4 != 0) end.add(r0, r0, positions() % 4);
        average(end, r4);
        end.strb_post(r4, r1, 1, kTensor);
        planes.straight(end, pool);
    }

    void global_channels() {
        constexpr int kAtOnce = 6;  // channels that accumulate in registers
        Code setup;
        reciprocal(setup);
        routine_.body().straight(setup, {});
        const auto some = [&](Body& body, int count) {
            Code start;
            start.mov(r10, r0);
            for (int k = 0; k < count; ++k) start.mov(Reg{4 + k}, 0);
            body.straight(start, {});
            Code pixel;
            for (int k = 0; k < count; ++k)
                pixel.add(Reg{4 + k}, Reg{4 + k}, load_byte(pixel, r10, k));
            move_on(pixel, r10, channels_);
            body.loop(positions(), inner_left_, {r11}, "pixels").straight(pixel, {r11, r12, lr});
            Code end;
            for (int k = 0; k < count; ++k) average(end, Reg{4 + k});
            for (int k = 0; k < count; ++k) end.strb(Reg{4 + k}, {r1, k, kTensor});
            end.add(r0, r0, count);
            end.add(r1, r1, count);
            body.straight(end, {r11, r12, lr});
        };
        if (channels_ >= kAtOnce) {
            some(routine_.body().loop(channels_ / kAtOnce, rows_left_, {r11}, "channels"), kAtOnce);
        }
        if (channels_ % kAtOnce != 0) some(routine_.body(), channels_ % kAtOnce);
    }

    static constexpr int kUnrolled = 4;  // pieces of eight outputs before a row becomes a loop

    Slot column_slot() {
        if (!columns_made_) columns_left_ = routine_.slot();
        columns_made_ = true;
        return columns_left_;
    }

    const IntegerLayer& layer_;
    int channels_, height_, width_;
    bool planar_;
    Routine routine_;
    Slot rows_left_, inner_left_, columns_left_;
    bool columns_made_ = false;
};

}  // namespace

Lowered pool_code(const IntegerLayer& layer, Layout layout) {
    return lower(Pooling(layer, layout).generated(), Scheduling::List);
}

}  // namespace mixq::kernels::pooling
