// The outer structure of a depthwise kernel: channels, and groups of output rows that meet the same rows of padding.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/generate/routine.h"
#include "kernels/kernel.h"
#include "traces/layer.h"

namespace mixq::kernels::packed_dw {

// `count` groups of `rows` output rows each, one after the other; `row` is the first one's first. Of them, columns of outputs.
struct RowGroup {
    int row = 0;
    int rows = 1;
    int count = 1;
    int first_column = 0;
    int last_column = 0;  // one past

    // Input rows a group needs, counted from its first.
    int input_rows(const traces::Layer& shape) const { return (rows - 1) * shape.stride + 3; }

    // Whether one of them is inside the input: the same for every group of these.
    bool inside(const traces::Layer& shape, int input_row) const {
        const int at = row * shape.stride - shape.padding_y + input_row;
        return at >= 0 && at < shape.height;
    }
};

// The instruction cache of an STM32F746: code of a channel beyond it is fetched from flash again for every channel.
constexpr std::uint32_t kInstructionCache = 4096;

class Planes {
  public:
    // What the code of a group finds in registers; the rest of them is its pool.
    static constexpr generate::Reg kInput{0};   // first input row of the group, padding included
    static constexpr generate::Reg kRecord{2};  // constants of the channel
    // The first output row of the group, which lies in the stack frame: while it is not needed, others need its register.
    generate::Reg output(generate::Code& code) const;

    static const std::vector<generate::Reg>& pool();

    Planes(const traces::Layer& shape, int output_bits, std::string layer, Layout output);

    generate::Routine& routine() { return routine_; }

    int pixel_step() const { return pixel_step_; }

    int row_step() const { return pixel_step_ * shape_.out_width(); }

    // Bytes of scratch: rows are copied to whole words where the width is no multiple of 4.
    static int scratch_bytes(const traces::Layer& shape);

    // Rows that meet padding go one by one: less code, where it is much.
    void edges_alone() { edges_alone_ = true; }

    // So many columns of outputs at a time, all channels and rows of them before the next: where code for whole rows would not fit the
    // instruction cache.
    void in_pieces(int columns) { most_columns_ = columns; }

    int pieces() const;

    // Builds the loops; `rows` writes the code of one group, which ends with next_rows().
    void generate(int record_bytes,
                  int rows_at_once,
                  const std::function<void(generate::Body&, const RowGroup&)>& rows);

    void next_rows(generate::Code& code, const RowGroup& group) const;

    // A word of an input row.
    generate::At input(generate::Code& code, int row, int word) const;

  private:
    std::vector<RowGroup> groups(int rows_at_once) const;
    int piece_columns() const;
    void begin(generate::Body& body, bool again) const;
    void next_channel(generate::Body& channels, int record_bytes) const;
    void copy_plane(generate::Body& body);

    traces::Layer shape_;
    std::string layer_;
    generate::Routine routine_;
    bool planar_;
    int element_ = 1;
    int pixel_step_ = 1;
    int pitch_ = 0;  // of input rows as they are read
    bool copies_ = false;
    bool edges_alone_ = false;
    int most_columns_ = 0;                 // of a piece; 0: all of them
    generate::Slot input_, first_output_;  // of all channels; where they are in pieces
    generate::Slot plane_, scratch_, output_, channel_output_, channels_, rows_left_;
};

}  // namespace mixq::kernels::packed_dw
