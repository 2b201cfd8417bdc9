// Loops over channels and rows, and copies of planes whose rows are no whole words.
#include "kernels/packed_dw/planes.h"

#include <algorithm>

#include "kernels/generate/far.h"

namespace mixq::kernels::packed_dw {

using namespace generate;

namespace {

constexpr Space kInputSpace = 1;
constexpr Space kPlaneSpace = 3;
constexpr int kColumns = 8;  // a multiple of these begins a word, of outputs and of input

int words(int bytes) {
    return (bytes + 3) / 4;
}

bool must_copy(const traces::Layer& shape) {
    return shape.width % 4 != 0;
}

// One row of any width and alignment to whole words with zeros behind.
void copy_row(Code& code, Reg from, Reg to, int bytes) {
    for (int at = 0; at < bytes; at += 4) {
        const int left = bytes - at;
        const Reg word = code.value();
        const At source = place(code, from, at, kInputSpace);
        if (left >= 4) code.ldr(word, source);
        if (left == 1) code.ldrb(word, source);
        if (left == 2 || left == 3) code.ldrh(word, source);
        if (left == 3) {
            const Reg third = code.value();
            code.ldrb(third, place(code, from, at + 2, kInputSpace));
            code.orr(word, word, third, lsl(16));
        }
        code.str(word, place(code, to, at, kPlaneSpace));
    }
}

}  // namespace

const std::vector<Reg>& Planes::pool() {
    static const std::vector<Reg> kPool{r1, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr};
    return kPool;
}

Planes::Planes(const traces::Layer& shape, int output_bits, std::string layer, Layout output)
    : shape_(shape),
      layer_(std::move(layer)),
      routine_("mixq_kernel_" + layer_),
      planar_(output == Layout::Planar),
      element_(output_bits == 0 ? 4 : 1),
      pixel_step_(element_ * (planar_ ? 1 : shape.out_channels)),
      pitch_(4 * words(shape.width)),
      copies_(must_copy(shape)) {
    for (Slot* slot : {&input_,
                       &first_output_,
                       &plane_,
                       &scratch_,
                       &output_,
                       &channel_output_,
                       &channels_,
                       &rows_left_})
        *slot = routine_.slot();
}

int Planes::scratch_bytes(const traces::Layer& shape) {
    return must_copy(shape) ? 4 * words(shape.width) * shape.height : 0;
}

std::vector<RowGroup> Planes::groups(int rows_at_once) const {
    std::vector<RowGroup> all;
    const auto meets_padding = [&](const RowGroup& group) {
        for (int row = 0; row < group.input_rows(shape_); ++row) {
            if (!group.inside(shape_, row)) return true;
        }
        return false;
    };
    for (int y = 0; y < shape_.out_height(); y += all.back().rows) {
        RowGroup one{y, std::min(rows_at_once, shape_.out_height() - y), 1};
        if (edges_alone_ && meets_padding(one)) one.rows = 1;
        const auto alike = [&](const RowGroup& other) {
            if (other.rows != one.rows) return false;
            for (int row = 0; row < one.input_rows(shape_); ++row) {
                if (other.inside(shape_, row) != one.inside(shape_, row)) return false;
            }
            return true;
        };
        if (!all.empty() && alike(all.back())) {
            ++all.back().count;
        } else {
            all.push_back(one);
        }
    }
    return all;
}

void Planes::generate(int record_bytes,
                      int rows_at_once,
                      const std::function<void(Body&, const RowGroup&)>& rows) {
    const int width = shape_.out_width();
    for (int first = 0; first < width; first += piece_columns()) {
        begin(routine_.body(), first > 0);
        Body& channels = routine_.body().loop(shape_.in_channels, channels_, {r3}, "channels");
        if (copies_) copy_plane(channels);
        for (RowGroup group : groups(rows_at_once)) {
            group.first_column = first;
            group.last_column = std::min(first + piece_columns(), width);
            rows(channels.loop(group.count, rows_left_, {r3}, "rows"), group);
        }
        next_channel(channels, record_bytes);
    }
}

void Planes::begin(Body& body, bool again) const {
    Code setup;
    if (pieces() > 1) {
        if (again) {
            load(setup, r0, input_);
            load(setup, r1, first_output_);
        } else {
            store(setup, r0, input_);
            store(setup, r1, first_output_);
        }
    }
    if (copies_) {
        store(setup, r0, plane_);
        if (!again) store(setup, r2, scratch_);
    } else {
        move_on(setup, kInput, -shape_.padding_y * pitch_);
    }
    store(setup, r1, output_);
    store(setup, r1, channel_output_);
    setup.address(kRecord, "mixq_weights_" + layer_);
    body.straight(setup, {r3});
}

void Planes::next_channel(Body& channels, int record_bytes) const {
    Code next;
    next.add(kRecord, kRecord, record_bytes);
    if (!copies_)
        move_on(next, kInput, (shape_.height - shape_.out_height() * shape_.stride) * pitch_);
    if (!planar_) {
        const Reg output = next.value();
        load(next, output, channel_output_);
        next.add(output, output, element_);
        store(next, output, channel_output_);
        store(next, output, output_);
    }
    channels.straight(next, {r3, r4});
}

int Planes::pieces() const {
    return (shape_.out_width() + piece_columns() - 1) / piece_columns();
}

// As many in each piece as in any other, but for what is left of words.
int Planes::piece_columns() const {
    const int width = shape_.out_width();
    if (most_columns_ == 0) return width;
    const int pieces = (width + most_columns_ - 1) / most_columns_;
    return ((width + pieces - 1) / pieces + kColumns - 1) / kColumns * kColumns;
}

void Planes::copy_plane(Body& body) {
    Code start;
    load(start, r3, plane_);
    load(start, kInput, scratch_);
    body.straight(start, {});
    Code row;
    copy_row(row, r3, kInput, shape_.width);
    move_on(row, r3, shape_.width);
    row.add(kInput, kInput, pitch_);
    body.loop(shape_.height, rows_left_, {r4}, "rows copied")
        .straight(row, {r4, r5, r6, r7, r8, r9, r10, r11, r12, lr});
    Code end;
    store(end, r3, plane_);
    move_on(end, kInput, -(shape_.height + shape_.padding_y) * pitch_);
    body.straight(end, {r4});
}

void Planes::next_rows(Code& code, const RowGroup& group) const {
    move_on(code, kInput, group.rows * shape_.stride * pitch_);
    const Reg rows = output(code);
    move_on(code, rows, group.rows * row_step());
    store(code, rows, output_);
}

Reg Planes::output(Code& code) const {
    const Reg rows = code.value();
    load(code, rows, output_);
    return rows;
}

At Planes::input(Code& code, int row, int word) const {
    return place(code, kInput, row * pitch_ + 4 * word, kPlaneSpace);
}

}  // namespace mixq::kernels::packed_dw
