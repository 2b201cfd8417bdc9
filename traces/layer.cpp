// Reads and writes the layer notation.
#include "traces/layer.h"

#include <charconv>
#include <stdexcept>

namespace mixq::traces {

namespace {

constexpr int kMaxDimension = 65535;

// Walks one layer text; every failure names the text and what was expected where.
class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text), rest_(text) {}

    bool take(std::string_view prefix) {
        if (!rest_.starts_with(prefix)) return false;
        rest_.remove_prefix(prefix.size());
        return true;
    }

    void expect(std::string_view prefix, const char* where) {
        if (!take(prefix)) fail("expected '" + std::string(prefix) + "' " + where);
    }

    int number(const char* what, int minimum = 1) {
        int value = 0;
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (error != std::errc{} || end == rest_.data()) {
            fail(std::string("expected a number for the ") + what);
        }
        if (value < minimum || value > kMaxDimension) {
            fail(std::string("the ") + what + " must lie in " + std::to_string(minimum) + ".." +
                 std::to_string(kMaxDimension));
        }
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }

    bool done() const { return rest_.empty(); }

    [[noreturn]] void fail(const std::string& why) const {
        throw std::invalid_argument("layer '" + std::string(text_) + "': " + why +
                                    "; write it like conv3x3:32x32@16x16, dw3x3:64@16x16s2 or "
                                    "fc:512x64");
    }

  private:
    std::string_view text_;
    std::string_view rest_;
};

// In doubles: six dimensions of up to kMaxDimension overflow every integer.
bool too_large(const Layer& layer) {
    const double taps = 1.0 * layer.filter_channels() * layer.kernel_height * layer.kernel_width;
    return taps * layer.out_channels * layer.out_height() * layer.out_width() > kMaxMacs;
}

}  // namespace

Layer parse_layer(std::string_view text) {
    Reader reader(text);
    Layer layer;
    if (reader.take("fc")) {
        layer.kind = LayerKind::FullyConnected;
        reader.expect(":", "after the kind");
        layer.in_channels = reader.number("inputs");
        reader.expect("x", "between inputs and outputs");
        layer.out_channels = reader.number("outputs");
        if (!reader.done()) reader.fail("text is left over");
        return layer;
    }
    if (reader.take("conv")) {
        layer.kind = LayerKind::Conv;
    } else if (reader.take("dw")) {
        layer.kind = LayerKind::Depthwise;
    } else {
        reader.fail("unknown kind");
    }
    layer.kernel_height = reader.number("kernel height");
    reader.expect("x", "between kernel height and width");
    layer.kernel_width = reader.number("kernel width");
    reader.expect(":", "after the kernel size");
    layer.in_channels = reader.number("channels");
    layer.out_channels = layer.in_channels;
    if (layer.kind == LayerKind::Conv) {
        reader.expect("x", "between channels in and out");
        layer.out_channels = reader.number("channels out");
    }
    reader.expect("@", "before the input size");
    layer.height = reader.number("height");
    reader.expect("x", "between height and width");
    layer.width = reader.number("width");
    layer.padding_y = (layer.kernel_height - 1) / 2;
    layer.padding_x = (layer.kernel_width - 1) / 2;
    if (reader.take("s")) layer.stride = reader.number("stride");
    if (reader.take("p")) {
        layer.padding_y = reader.number("padding", 0);
        layer.padding_x =
            reader.take("x") ? reader.number("padding left and right", 0) : layer.padding_y;
    }
    if (!reader.done()) reader.fail("text is left over");
    if (layer.height + 2 * layer.padding_y < layer.kernel_height ||
        layer.width + 2 * layer.padding_x < layer.kernel_width) {
        reader.fail("the kernel is larger than the padded input");
    }
    if (too_large(layer)) {
        reader.fail("more than " + std::to_string(kMaxMacs) + " multiply-accumulates");
    }
    return layer;
}

std::string to_string(const Layer& layer) {
    const auto by = [](int a, int b) { return std::to_string(a) + "x" + std::to_string(b); };
    if (layer.kind == LayerKind::FullyConnected) {
        return "fc:" + by(layer.in_channels, layer.out_channels);
    }
    const bool depthwise = layer.kind == LayerKind::Depthwise;
    std::string text = depthwise ? "dw" : "conv";
    text += by(layer.kernel_height, layer.kernel_width) + ":";
    text +=
        depthwise ? std::to_string(layer.in_channels) : by(layer.in_channels, layer.out_channels);
    text += "@" + by(layer.height, layer.width);
    if (layer.stride != 1) text += "s" + std::to_string(layer.stride);
    if (layer.padding_y != (layer.kernel_height - 1) / 2 ||
        layer.padding_x != (layer.kernel_width - 1) / 2) {
        text += "p" + std::to_string(layer.padding_y);
        if (layer.padding_x != layer.padding_y) text += "x" + std::to_string(layer.padding_x);
    }
    return text;
}

}  // namespace mixq::traces
