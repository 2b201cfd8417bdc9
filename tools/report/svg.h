// Pictures as inline SVG: scales with round ticks, and a drawing that escapes every text it is given.
// Colours and fonts come from the page's style sheet by class, so that a picture follows light and
// dark.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mixq::tools::report {

// Text made safe inside HTML and SVG, in elements and in quoted attributes.
std::string escaped(std::string_view text);

// 1234567 -> "1.23 M"; below ten thousand as it is.
std::string abbreviated(double value);

// From values to positions along an axis.
class Scale {
  public:
    // From zero to a round value of at least `largest`.
    static Scale from_zero(double largest, double begin, double end);
    // Round bounds about what is given, not necessarily zero.
    static Scale around(double smallest, double largest, double begin, double end);
    // Logarithmic, about positive values.
    static Scale logarithmic(double smallest, double largest, double begin, double end);

    double at(double value) const;

    // Round values inside the bounds: steps of 1, 2 or 5 times a power of ten.
    const std::vector<double>& ticks() const { return ticks_; }

    double low() const { return low_; }

    double high() const { return high_; }

  private:
    double low_ = 0;
    double high_ = 1;
    double begin_ = 0;
    double end_ = 1;
    bool logarithmic_ = false;
    std::vector<double> ticks_;
};

// Decimals that tell neighbouring ticks apart.
std::string tick_label(double value);

enum class Anchor { Start, Middle, End };

class Drawing {
  public:
    // `title` and `description` are read out in place of the picture.
    Drawing(double width, double height, std::string_view title, std::string_view description);

    void line(double x1, double y1, double x2, double y2, std::string_view css_class);
    void rect(double x,
              double y,
              double width,
              double height,
              std::string_view css_class,
              std::string_view tooltip = {});
    void circle(
        double x, double y, double radius, std::string_view css_class, std::string_view tooltip);
    void diamond(
        double x, double y, double radius, std::string_view css_class, std::string_view tooltip);
    void polygon(const std::vector<std::pair<double, double>>& points, std::string_view css_class);
    void text(double x,
              double y,
              std::string_view content,
              Anchor anchor,
              std::string_view css_class = "label");
    // Turned a quarter to the left: the name of a vertical axis.
    void vertical_text(double x, double y, std::string_view content);

    // Grid lines, tick labels and the name of the quantity. Bounds are those of the plot area.
    void horizontal_axis(const Scale& scale, double top, double bottom, std::string_view name);
    void vertical_axis(const Scale& scale, double left, double right, std::string_view name);

    enum class Mark { Square, Circle, Diamond };

    // Marks with names in a row from the left, wrapped at the width.
    struct Entry {
        std::string css_class;
        std::string name;
        Mark mark = Mark::Square;
    };

    void legend(double x, double y, const std::vector<Entry>& entries);

    double width() const { return width_; }

    std::string str() const;

  private:
    void open(std::string_view element, std::string_view css_class);
    void close(std::string_view element, std::string_view tooltip);

    double width_;
    double height_;
    std::string head_;
    std::string body_;
};

}  // namespace mixq::tools::report
