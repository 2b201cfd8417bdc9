// Draws heat maps and residuals.
#include "tools/model_pictures.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "tools/console.h"
#include "tools/report/heat_map.h"
#include "tools/report/style.h"

namespace mixq::tools {

namespace {

using report::Anchor;
using report::Drawing;
using report::Scale;

// Drawings take their look from the page's style sheet; a file of its own brings it along.
std::string standalone(const Drawing& drawing) {
    std::string text = drawing.str();
    text.insert(text.find('>') + 1, "<style>" + std::string(report::kStyle) + "</style>\n");
    text.insert(4, " xmlns=\"http://www.w3.org/2000/svg\"");
    return text;
}

}  // namespace

std::string heat_map_svg(const std::string& title,
                         double macs,
                         const std::vector<costmodel::PairPrediction>& pairs) {
    std::map<traces::Precision, report::HeatCell> cells;
    for (const auto& pair : pairs) {
        const costmodel::Prediction& p = pair.prediction;
        cells[pair.precision] = {
            p.cycles,
            fixed(p.cycles / 1000, p.cycles < 1e5 ? 1 : 0),
            to_string(pair.precision) + ": " + grouped(std::llround(p.cycles)) + " (" +
                grouped(std::llround(p.low)) + " .. " + grouped(std::llround(p.high)) +
                ") cycles, " + fixed(macs / p.cycles, 2) + " MAC/cycle, " + p.kernel};
    }
    return standalone(report::heat_map(
        cells, title, "Predicted thousands of cycles for each pair of bits; darker is slower."));
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
