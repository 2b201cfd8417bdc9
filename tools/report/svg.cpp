// Scales, axes and shapes.
#include "tools/report/svg.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/console.h"

namespace mixq::tools::report {

namespace {

// Wanted number of ticks; round steps give between half and twice as many.
constexpr int kTicks = 5;
constexpr double kLegendStep = 18;  // between legend lines
constexpr double kCharacter = 6.6;  // mean width of a character at the label size

double round_step(double range) {
    const double raw = range / kTicks;
    const double power = std::pow(10.0, std::floor(std::log10(raw)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor * power >= raw * (1 - 1e-9)) return factor * power;
    }
    return 10 * power;
}

// Positions to a tenth of a pixel.
std::string number(double value) {
    std::string text = fixed(value, 1);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text == "-0" ? "0" : text;
}

const char* anchor_name(Anchor anchor) {
    switch (anchor) {
        case Anchor::Start:
            return "start";
        case Anchor::Middle:
            return "middle";
        case Anchor::End:
            return "end";
    }
    return "start";
}

std::string without_zeros(std::string text) {
    if (text.find('.') == std::string::npos) return text;
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text;
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                // Control characters are not allowed in a document, whatever a file holds.
                out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
        }
    }
    return out;
}

std::string abbreviated(double value) {
    constexpr std::array<std::pair<double, const char*>, 3> kUnits = {
        {{1e9, " G"}, {1e6, " M"}, {1e3, " k"}}};
    if (std::abs(value) < 1e4) return without_zeros(fixed(value, std::abs(value) < 10 ? 2 : 0));
    for (const auto& [size, unit] : kUnits) {
        if (std::abs(value) < size) continue;
        const double scaled = value / size;
        return without_zeros(fixed(scaled, scaled < 10 ? 2 : scaled < 100 ? 1 : 0)) + unit;
    }
    return fixed(value, 0);
}

std::string tick_label(double value) {
    if (std::abs(value) >= 1e4) return abbreviated(value);
    return without_zeros(fixed(value, 4));
}

Scale Scale::from_zero(double largest, double begin, double end) {
    return around(0, largest > 0 ? largest : 1, begin, end);
}

Scale Scale::around(double smallest, double largest, double begin, double end) {
    if (!(largest > smallest)) {
        const double margin = smallest == 0 ? 1 : std::abs(smallest) * 0.1;
        smallest -= margin;
        largest += margin;
    }
    Scale scale;
    const double step = round_step(largest - smallest);
    scale.low_ = std::floor(smallest / step + 1e-9) * step;
    scale.high_ = std::ceil(largest / step - 1e-9) * step;
    scale.begin_ = begin;
    scale.end_ = end;
    const auto steps = static_cast<int>(std::lround((scale.high_ - scale.low_) / step));
    for (int i = 0; i <= steps; ++i) scale.ticks_.push_back(scale.low_ + i * step);
    return scale;
}

Scale Scale::logarithmic(double smallest, double largest, double begin, double end) {
    Scale scale;
    scale.logarithmic_ = true;
    scale.low_ = std::max(smallest, 1e-9) / 1.2;
    scale.high_ = std::max(largest, scale.low_ * 2) * 1.2;
    scale.begin_ = begin;
    scale.end_ = end;
    // All of 1, 2, 5 over a short range, powers of ten over a long one.
    const double decades = std::log10(scale.high_ / scale.low_);
    const double first = std::floor(std::log10(scale.low_));
    for (double power = std::pow(10.0, first); power <= scale.high_; power *= 10) {
        for (const double factor : {1.0, 2.0, 5.0}) {
            if (factor != 1 && decades > 3) continue;
            const double tick = factor * power;
            if (tick >= scale.low_ && tick <= scale.high_) scale.ticks_.push_back(tick);
        }
    }
    return scale;
}

double Scale::at(double value) const {
    const double share = logarithmic_ ? std::log(value / low_) / std::log(high_ / low_)
                                      : (value - low_) / (high_ - low_);
    return begin_ + share * (end_ - begin_);
}

Drawing::Drawing(double width, double height, std::string_view title, std::string_view description)
    : width_(width), height_(height) {
    head_ = "<title>" + escaped(title) + "</title><desc>" + escaped(description) + "</desc>\n";
}

void Drawing::open(std::string_view element, std::string_view css_class) {
    body_ += "<" + std::string(element) + " class=\"" + escaped(css_class) + "\"";
}

void Drawing::close(std::string_view element, std::string_view tooltip) {
    if (tooltip.empty()) {
        body_ += "/>\n";
    } else {
        body_ += "><title>" + escaped(tooltip) + "</title></" + std::string(element) + ">\n";
    }
}

void Drawing::line(double x1, double y1, double x2, double y2, std::string_view css_class) {
    open("line", css_class);
    body_ += " x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
             "\" y2=\"" + number(y2) + "\"";
    close("line", {});
}

void Drawing::rect(double x,
                   double y,
                   double width,
                   double height,
                   std::string_view css_class,
                   std::string_view tooltip) {
    open("rect", css_class);
    body_ += " x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" +
             number(std::max(width, 0.0)) + "\" height=\"" + number(std::max(height, 0.0)) + "\"";
    close("rect", tooltip);
}

void Drawing::circle(
    double x, double y, double radius, std::string_view css_class, std::string_view tooltip) {
    open("circle", css_class);
    body_ += " cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"" + number(radius) + "\"";
    close("circle", tooltip);
}

void Drawing::diamond(
    double x, double y, double radius, std::string_view css_class, std::string_view tooltip) {
    open("path", css_class);
    const std::string r = number(radius);
    body_ += " d=\"M" + number(x) + " " + number(y - radius) + "l" + r + " " + r + "l-" + r + " " +
             r + "l-" + r + " -" + r + "z\"";
    close("path", tooltip);
}

void Drawing::polygon(const std::vector<std::pair<double, double>>& points,
                      std::string_view css_class) {
    open("polygon", css_class);
    body_ += " points=\"";
    for (const auto& [x, y] : points) body_ += number(x) + "," + number(y) + " ";
    body_ += "\"";
    close("polygon", {});
}

void Drawing::text(
    double x, double y, std::string_view content, Anchor anchor, std::string_view css_class) {
    open("text", css_class);
    body_ += " x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" +
             anchor_name(anchor) + "\">" + escaped(content) + "</text>\n";
}

void Drawing::vertical_text(double x, double y, std::string_view content) {
    open("text", "axis-name");
    body_ += " transform=\"translate(" + number(x) + " " + number(y) +
             ") rotate(-90)\" text-anchor=\"middle\">" + escaped(content) + "</text>\n";
}

void Drawing::horizontal_axis(const Scale& scale,
                              double top,
                              double bottom,
                              std::string_view name) {
    for (const double tick : scale.ticks()) {
        line(scale.at(tick), top, scale.at(tick), bottom, "grid");
        text(scale.at(tick), bottom + 16, tick_label(tick), Anchor::Middle, "tick");
    }
    const double middle = (scale.at(scale.low()) + scale.at(scale.high())) / 2;
    text(middle, bottom + 34, name, Anchor::Middle, "axis-name");
}

void Drawing::vertical_axis(const Scale& scale, double left, double right, std::string_view name) {
    for (const double tick : scale.ticks()) {
        line(left, scale.at(tick), right, scale.at(tick), "grid");
        text(left - 8, scale.at(tick) + 4, tick_label(tick), Anchor::End, "tick");
    }
    vertical_text(left - 46, (scale.at(scale.low()) + scale.at(scale.high())) / 2, name);
}

void Drawing::legend(double x, double y, const std::vector<Entry>& entries) {
    double at = x;
    for (const Entry& entry : entries) {
        const double space = 22 + kCharacter * static_cast<double>(entry.name.size()) + 10;
        if (at > x && at + space > width_) {
            at = x;
            y += kLegendStep;
        }
        switch (entry.mark) {
            case Mark::Square:
                rect(at, y - 10, 12, 12, entry.css_class);
                break;
            case Mark::Circle:
                circle(at + 6, y - 4, 5, entry.css_class, {});
                break;
            case Mark::Diamond:
                diamond(at + 6, y - 4, 7, entry.css_class, {});
                break;
        }
        text(at + 18, y, entry.name, Anchor::Start);
        at += space;
    }
}

std::string Drawing::str() const {
    return "<svg viewBox=\"0 0 " + number(width_) + " " + number(height_) +
           "\" style=\"max-width:" + number(width_ * 1.3) +
           "px;min-width:" + number(std::min(width_, 620.0)) + "px\" role=\"img\">" + head_ +
           body_ + "</svg>\n";
}

}  // namespace mixq::tools::report
