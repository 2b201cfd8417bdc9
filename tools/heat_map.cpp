// Draws heat maps and residuals.
#include "tools/heat_map.h"

#include <algorithm>
#include <cmath>

#include "tools/console.h"
#include "tools/report/svg.h"

namespace mixq::tools {

namespace {

using report::Anchor;
using report::Drawing;
using report::Scale;

constexpr int kShades = 10;
constexpr int kWidths = traces::kMaxBits - traces::kMinBits + 1;

// Drawings take their look from a page's style sheet; a file of its own brings this.
constexpr const char* kStyle =
    "<style>svg { background: #fff; font: 13px system-ui, sans-serif; } text { fill: #1b1f24; } "
    ".tick, .label { font-size: 11px; } .grid, .axis { stroke: #dfe3e8; } .ideal { stroke: "
    "#5b6470; }\n"
    ".light { fill: #fff; font-size: 11px; } .dark { font-size: 11px; }\n"
    ".k0 { fill: #8b929c; } .k1 { fill: #3f74d1; } .k2 { fill: #c98a00; } .k3 { fill: #1f9a8a; } "
    ".k4 { fill: #cf4a5b; } .k5 { fill: #8d5fd3; } .k6 { fill: #5f8f1f; } .k7 { fill: #b4578f; }\n";

std::string standalone(const Drawing& drawing) {
    std::string text = drawing.str();
    std::string style = kStyle;
    // From pale yellow to dark blue, even in lightness.
    for (int i = 0; i < kShades; ++i) {
        const double t = static_cast<double>(i) / (kShades - 1);
        char shade[64];
        std::snprintf(shade,
                      sizeof shade,
                      ".heat%d { fill: #%02x%02x%02x; }\n",
                      i,
                      static_cast<int>(std::lround(std::lerp(0xfd, 0x1d, t))),
                      static_cast<int>(std::lround(std::lerp(0xf3, 0x35, t))),
                      static_cast<int>(std::lround(std::lerp(0xc8, 0x78, t))));
        style += shade;
    }
    text.insert(text.find('>') + 1, style + "</style>\n");
    text.insert(4, " xmlns=\"http://www.w3.org/2000/svg\"");
    return text;
}

}  // namespace

std::string heat_map_svg(const std::string& title,
                         double macs,
                         const std::vector<costmodel::PairPrediction>& pairs) {
    constexpr double kCell = 62;
    constexpr double kHeight = 40;
    constexpr double kLeft = 70;
    constexpr double kTop = 70;
    Drawing drawing(kLeft + kWidths * kCell + 20,
                    kTop + kWidths * kHeight + 20,
                    title,
                    "Predicted thousands of cycles for each pair of weight and activation bits; "
                    "darker is slower.");
    drawing.text(kLeft, 22, title, Anchor::Start);
    drawing.text(
        kLeft, 40, "thousands of cycles: weight bits down, activation bits across", Anchor::Start);
    double least = pairs.empty() ? 1 : pairs.front().prediction.cycles;
    double most = least;
    for (const auto& pair : pairs) {
        least = std::min(least, pair.prediction.cycles);
        most = std::max(most, pair.prediction.cycles);
    }
    for (int bits = 0; bits < kWidths; ++bits) {
        const std::string text = std::to_string(bits + traces::kMinBits);
        drawing.text(kLeft + (bits + 0.5) * kCell, kTop - 8, "a" + text, Anchor::Middle);
        drawing.text(kLeft - 12, kTop + (bits + 0.6) * kHeight, "w" + text, Anchor::End);
    }
    for (const auto& pair : pairs) {
        const costmodel::Prediction& p = pair.prediction;
        const double x = kLeft + (pair.precision.activation_bits - traces::kMinBits) * kCell;
        const double y = kTop + (pair.precision.weight_bits - traces::kMinBits) * kHeight;
        // Logarithmic, as speed-ups are.
        const double t = most > least ? std::log(p.cycles / least) / std::log(most / least) : 0;
        const int shade = std::clamp(static_cast<int>(t * kShades), 0, kShades - 1);
        drawing.rect(x + 1,
                     y + 1,
                     kCell - 2,
                     kHeight - 2,
                     "heat" + std::to_string(shade),
                     to_string(pair.precision) + ": " + grouped(std::llround(p.cycles)) + " (" +
                         grouped(std::llround(p.low)) + " .. " + grouped(std::llround(p.high)) +
                         ") cycles, " + fixed(macs / p.cycles, 2) + " MAC/cycle, " + p.kernel);
        drawing.text(x + kCell / 2,
                     y + kHeight * 0.6,
                     fixed(p.cycles / 1000, p.cycles < 1e5 ? 1 : 0),
                     Anchor::Middle,
                     shade > kShades / 2 ? "light" : "dark");
    }
    return standalone(drawing);
}

std::string residuals_svg(const std::string& title, const std::vector<ResidualPoint>& points) {
    constexpr double kLeft = 74;
    constexpr double kRight = 760;
    constexpr double kTop = 64;
    constexpr double kBottom = 400;
    Drawing drawing(
        780, 500, title, "Relative error of each prediction over the cycles that were simulated.");
    drawing.text(kLeft, 22, title, Anchor::Start);
    std::vector<std::string> kernels;
    double least = points.front().cycles;
    double most = least;
    double reach = 1;
    for (const ResidualPoint& point : points) {
        least = std::min(least, point.cycles);
        most = std::max(most, point.cycles);
        reach = std::max(reach, std::abs(100 * (point.predicted / point.cycles - 1)));
        if (std::find(kernels.begin(), kernels.end(), point.kernel) == kernels.end()) {
            kernels.push_back(point.kernel);
        }
    }
    const Scale x = Scale::logarithmic(least, most, kLeft, kRight);
    const Scale y = Scale::around(-reach, reach, kBottom, kTop);
    drawing.horizontal_axis(x, kTop, kBottom, "simulated cycles");
    drawing.vertical_axis(y, kLeft, kRight, "error in percent");
    drawing.line(kLeft, y.at(0), kRight, y.at(0), "ideal");
    const auto colour = [&](const std::string& kernel) {
        const auto at = std::find(kernels.begin(), kernels.end(), kernel) - kernels.begin();
        return "k" + std::to_string(at % 8);
    };
    for (const ResidualPoint& point : points) {
        const double error = 100 * (point.predicted / point.cycles - 1);
        drawing.circle(x.at(point.cycles),
                       y.at(error),
                       2.6,
                       colour(point.kernel),
                       point.what + ": " + fixed(error, 2) + " %");
    }
    std::vector<Drawing::Entry> entries;
    for (const std::string& kernel : kernels) {
        entries.push_back({colour(kernel), kernel, Drawing::Mark::Circle});
    }
    drawing.legend(kLeft, 456, entries);
    return standalone(drawing);
}

}  // namespace mixq::tools
