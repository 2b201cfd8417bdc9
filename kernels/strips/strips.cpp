// Cuts layers into strips.
#include "kernels/strips/strips.h"

#include <algorithm>

namespace mixq::kernels::strips {

namespace {

constexpr int kAlignment = 8;

std::uint32_t rounded(std::int64_t bytes) {
    return static_cast<std::uint32_t>((bytes + kAlignment - 1) / kAlignment * kAlignment);
}

// Rows that pooling takes at once.
int pooled_rows(Pool pool) {
    return pool == Pool::Max2x2 || pool == Pool::Average2x2 ? 2 : 1;
}

// Rows that count: pooling drops an odd last one.
int usable_rows(const IntegerLayer& layer) {
    const int step = pooled_rows(layer.pool);
    return layer.shape.out_height() / step * step;
}

bool can_be_cut(const IntegerLayer& layer) {
    return layer.shape.kind != traces::LayerKind::FullyConnected &&
           layer.pool != Pool::GlobalAverage && layer.output_bits != 0;
}

}  // namespace

int Strips::first_row(int strip) const {
    return count == 1 ? 0 : std::min(strip * rows, usable_rows(whole) - rows);
}

int Strips::first_line(int strip) const {
    return first_row(strip) / pooled_rows(whole.pool);
}

Window Strips::window(int strip) const {
    if (count == 1) return {0, 0, input.rows, 0};
    const int begin = first_row(strip) * whole.shape.stride - whole.shape.padding_y;
    const int end = begin + layer.shape.height;
    Window window;
    window.above = std::clamp(-begin, 0, layer.shape.height);
    window.below = std::clamp(end - whole.shape.height, 0, layer.shape.height - window.above);
    window.lines = layer.shape.height - window.above - window.below;
    window.first = std::max(begin, 0);
    return window;
}

std::vector<Window> Strips::windows() const {
    std::vector<Window> all;
    for (int strip = 0; strip < count; ++strip) {
        const Window found = window(strip);
        if (std::ranges::none_of(all, [&](const Window& w) { return w.same_rows(found); }))
            all.push_back(found);
    }
    return all;
}

bool Strips::unpacks() const {
    if (input.bits != 8) return true;
    if (count == 1) return false;
    if (input.planes > 1) return true;
    for (int strip = 0; strip < count; ++strip) {
        const Window found = window(strip);
        if (found.above + found.below > 0 || found.first * input.line_bytes() % kAlignment != 0)
            return true;
    }
    return false;
}

bool Strips::packs() const {
    if (output.bits != 8) return true;
    if (count == 1) return false;
    if (output.planes > 1 || whole.pool != Pool::None) return true;
    for (int strip = 0; strip < count; ++strip) {
        if (first_line(strip) * output.line_bytes() % kAlignment != 0) return true;
    }
    return false;
}

std::uint32_t Strips::input_buffer() const {
    return unpacks() ? rounded(layer.shape.input_elements() + 3) : 0;
}

std::uint32_t Strips::output_buffer() const {
    return packs() ? rounded(layer.shape.output_elements() + 3) : 0;
}

std::uint32_t Strips::input_bytes() const {
    return static_cast<std::uint32_t>(input.bytes());
}

std::uint32_t Strips::output_bytes() const {
    if (packs()) return static_cast<std::uint32_t>(output.bytes());
    return static_cast<std::uint32_t>(whole.shape.output_elements() *
                                      (whole.output_bits == 0 ? 4 : 1));
}

std::vector<int> row_choices(const IntegerLayer& layer) {
    const int all = usable_rows(layer);
    std::vector<int> choices;
    if (can_be_cut(layer) && all > 0) {
        const int step = pooled_rows(layer.pool);
        for (int strips = 1; strips <= all; strips += std::max(1, strips / 3)) {
            const int rows = (all + strips * step - 1) / (strips * step) * step;
            if (choices.empty() || rows < choices.back()) choices.push_back(rows);
        }
        if (choices.back() > step) choices.push_back(step);
    } else {
        choices.push_back(layer.shape.out_height());
    }
    return choices;
}

Strips strips_of(const IntegerLayer& layer, int rows) {
    Strips strips;
    strips.whole = layer;
    strips.layer = layer;
    strips.rows = rows;
    const int all = usable_rows(layer);
    if (can_be_cut(layer) && rows < all) {
        strips.count = (all + rows - 1) / rows;
        strips.layer.shape.height = (rows - 1) * layer.shape.stride + layer.shape.kernel_height;
        strips.layer.shape.padding_y = 0;
    }
    const traces::Layer& shape = layer.shape;
    strips.input = tensor_of(Layout::Planar, shape.in_channels, shape.height, shape.width, 8);
    strips.output = tensor_of(
        Layout::Planar, shape.out_channels, layer.output_height(), layer.output_width(), 8);
    return strips;
}

}  // namespace mixq::kernels::strips
