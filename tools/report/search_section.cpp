// Accuracy against latency: what the search tried, the uniform networks beside it, and what it chose.
#include <algorithm>

#include "tools/console.h"
#include "tools/report/page.h"

namespace mixq::tools::report {

namespace {

constexpr double kWidth = 720;
constexpr double kLeft = 74;
constexpr double kRight = 700;
constexpr double kTop = 34;
constexpr double kBottom = 390;

std::string tooltip(const SearchPoint& point) {
    std::string text = point.kind;
    if (point.kind == "search") text += " epoch " + std::to_string(point.epoch);
    return text + ": " + fixed(100 * point.accuracy, 2) + " %, " +
           grouped(static_cast<std::int64_t>(point.cycles)) + " predicted cycles; " + point.bits;
}

// "w8a8 w4a4 w4a4 w8a8" -> "w4a4": uniform networks keep 8-bit inputs, so the commonest pair names
// them.
std::string commonest_pair(const std::string& bits) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : bits + " ") {
        if (c != ' ') {
            word += c;
        } else if (!word.empty()) {
            words.push_back(word);
            word.clear();
        }
    }
    std::string best;
    std::ptrdiff_t most = 0;
    for (const std::string& candidate : words) {
        const std::ptrdiff_t times = std::count(words.begin(), words.end(), candidate);
        if (times > most) {
            most = times;
            best = candidate;
        }
    }
    return best;
}

void draw_points(Drawing& drawing,
                 const std::vector<SearchPoint>& points,
                 const Scale& x,
                 const Scale& y) {
    // The chosen last, so that it lies on top.
    for (const char* kind : {"search", "uniform", "result"}) {
        for (const SearchPoint& point : points) {
            if (point.kind != kind) continue;
            const double px = x.at(point.cycles);
            const double py = y.at(100 * point.accuracy);
            if (point.kind == "search") {
                drawing.circle(px, py, 4, "trail", tooltip(point));
            } else if (point.kind == "uniform") {
                drawing.circle(px, py, 5.5, "uniform", tooltip(point));
                drawing.text(px + 9, py + 4, commonest_pair(point.bits), Anchor::Start, "small");
            } else {
                drawing.diamond(px, py, 9, "result", tooltip(point));
                const bool late = px > (kLeft + kRight) / 2;  // the name stays inside the picture
                drawing.text(late ? px - 13 : px + 13,
                             py + 4,
                             "chosen",
                             late ? Anchor::End : Anchor::Start,
                             "strong");
            }
        }
    }
}

Drawing draw(const std::vector<SearchPoint>& points) {
    double most_cycles = 0;
    double least = 100;
    double most = 0;
    for (const SearchPoint& point : points) {
        most_cycles = std::max(most_cycles, point.cycles);
        least = std::min(least, 100 * point.accuracy);
        most = std::max(most, 100 * point.accuracy);
    }
    Drawing drawing(kWidth,
                    kBottom + 46,
                    "Accuracy against predicted latency",
                    "One point per choice of bit widths: small dots are the search on its way, "
                    "rings are uniform networks, the diamond is the result.");
    const Scale x = Scale::from_zero(most_cycles * 1.08, kLeft, kRight);
    const Scale y =
        Scale::around(std::max(0.0, least - 1), std::min(100.0, most + 1), kBottom, kTop);
    drawing.horizontal_axis(x, kTop, kBottom, "predicted cycles per inference");
    drawing.vertical_axis(y, kLeft, kRight, "accuracy in %");
    drawing.legend(kLeft,
                   18,
                   {{"trail", "search, before training at these bits", Drawing::Mark::Circle},
                    {"uniform", "uniform, before training", Drawing::Mark::Circle},
                    {"result", "result, trained", Drawing::Mark::Diamond}});
    draw_points(drawing, points, x, y);
    return drawing;
}

std::vector<std::vector<std::string>> point_rows(const std::vector<SearchPoint>& points) {
    std::vector<std::vector<std::string>> rows;
    for (const SearchPoint& point : points) {
        rows.push_back({point.kind,
                        std::to_string(point.epoch),
                        fixed(100 * point.accuracy, 2) + " %",
                        grouped(static_cast<std::int64_t>(point.cycles)),
                        point.bits});
    }
    return rows;
}

}  // namespace

std::string search_section(const Inputs& inputs) {
    if (!inputs.search) {
        return missing("No search was given.",
                       "mixq-sim nas --space vgg_tiny --model model.csv -o nas && mixq-sim report "
                       "--nas nas -o report.html");
    }
    const Search& search = *inputs.search;
    std::string out = paragraph(
        "Latency is the fitted model's; accuracy is on test images. Points on the way and uniform "
        "networks are taken from the supernet before they are trained at their bits and on fewer "
        "images, so they lie lower than the trained result and say which way things go, not what "
        "training would reach.");
    if (search.points.empty()) {
        return out + warning("points.csv holds no point: the search was stopped before its first.");
    }
    out += figure(draw(search.points), "Up and to the left is better.");
    out += folded_table("All " + std::to_string(search.points.size()) + " points as a table",
                        {{"kind"},
                         {"epoch", true},
                         {"accuracy", true},
                         {"predicted cycles", true},
                         {"bits, layer by layer"}},
                        point_rows(search.points));
    std::vector<std::vector<std::string>> rows;
    for (const SearchEpoch& epoch : search.history) {
        rows.push_back({std::to_string(epoch.epoch),
                        epoch.phase,
                        fixed(epoch.loss, 4),
                        fixed(100 * epoch.accuracy, 2) + " %"});
    }
    return out +
           folded_table(
               "Training, epoch by epoch",
               {{"epoch", true}, {"phase"}, {"loss", true}, {"accuracy on monitored images", true}},
               rows);
}

}  // namespace mixq::tools::report
