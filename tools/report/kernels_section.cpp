// MAC per cycle of every kernel, layer and bit pair that was traced.
#include <algorithm>
#include <functional>
#include <map>

#include "tools/console.h"
#include "tools/report/page.h"

namespace mixq::tools::report {

namespace {

using traces::Layer;
using traces::Precision;
using traces::Record;

constexpr double kLeft = 62;  // room for the vertical axis
constexpr double kRight = 12;
constexpr double kPanelTop = 34;  // room for the panel's name
constexpr double kPlotHeight = 170;
constexpr double kPanelHeight = kPanelTop + kPlotHeight + 50;
constexpr double kBar = 13;
constexpr double kBarGap = 2;
constexpr double kLeastGroup = 86;  // a layer's name in two lines
// More would be too small to read; the table has all.
constexpr std::size_t kMostLayers = 7;
constexpr int kMostOfAKind = 3;

// "conv3x3:32x32@16x16" in two lines: what it is, and on what.
std::pair<std::string, std::string> two_lines(const Layer& layer) {
    const std::string text = to_string(layer);
    const std::size_t colon = text.find(':');
    return {text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
}

std::string tooltip(const Record& record) {
    return record.kernel + ", " + to_string(record.layer) + ", " + to_string(record.precision) +
           ": " + fixed(record.mac_per_cycle(), 3) + " MAC/cycle, " +
           grouped(static_cast<std::int64_t>(record.cycles)) + " cycles";
}

// Everything the pictures need, sorted once.
struct Grid {
    std::vector<Precision> precisions;
    std::vector<Layer> layers;
    std::map<std::tuple<Precision, Layer, std::string>, const Record*> cells;
    double largest = 0;
};

Grid arrange(const std::vector<Record>& records) {
    Grid grid;
    for (const Record& record : records) {
        grid.cells[{record.precision, record.layer, record.kernel}] = &record;
        grid.largest = std::max(grid.largest, record.mac_per_cycle());
        if (std::find(grid.layers.begin(), grid.layers.end(), record.layer) == grid.layers.end()) {
            grid.layers.push_back(record.layer);
        }
        if (std::find(grid.precisions.begin(), grid.precisions.end(), record.precision) ==
            grid.precisions.end()) {
            grid.precisions.push_back(record.precision);
        }
    }
    std::sort(grid.precisions.begin(), grid.precisions.end());
    return grid;
}

// The layers with the most runs, and of those the largest; then the bit pairs that most of them were traced with.
void select(Grid& grid) {
    std::map<Layer, int> runs;
    for (const auto& [key, record] : grid.cells) ++runs[record->layer];
    std::vector<Layer> ranked = grid.layers;
    std::ranges::stable_sort(ranked, std::greater(), [&](const Layer& layer) {
        return std::pair(runs[layer], layer.macs());
    });
    std::map<std::string, int> of_kind;
    std::vector<Layer> shown;
    for (const Layer& layer : ranked) {
        if (shown.size() < kMostLayers && of_kind[two_lines(layer).first]++ < kMostOfAKind)
            shown.push_back(layer);
    }
    std::erase_if(grid.layers, [&](const Layer& layer) {
        return std::ranges::find(shown, layer) == shown.end();
    });
    const auto layers_with = [&](Precision precision) {
        return std::ranges::count_if(grid.layers, [&](const Layer& layer) {
            return std::ranges::any_of(grid.cells, [&](const auto& cell) {
                return std::get<0>(cell.first) == precision && std::get<1>(cell.first) == layer;
            });
        });
    };
    std::ptrdiff_t most = 0;
    for (const Precision precision : grid.precisions) most = std::max(most, layers_with(precision));
    std::erase_if(grid.precisions,
                  [&](Precision precision) { return 2 * layers_with(precision) <= most; });
}

void draw_panel(Drawing& drawing,
                const Grid& grid,
                const Palette& palette,
                Precision precision,
                double top,
                double group) {
    const double plot_top = top + kPanelTop;
    const double bottom = plot_top + kPlotHeight;
    const double right = kLeft + group * static_cast<double>(grid.layers.size());
    const Scale scale = Scale::from_zero(grid.largest, bottom, plot_top);
    drawing.text(kLeft, top + 20, to_string(precision), Anchor::Start, "panel-name");
    drawing.vertical_axis(scale, kLeft, right, "MAC per cycle");
    for (std::size_t l = 0; l < grid.layers.size(); ++l) {
        const double middle = kLeft + group * (static_cast<double>(l) + 0.5);
        std::vector<const Record*> bars;
        for (const std::string& kernel : palette.kernels()) {
            const auto found = grid.cells.find({precision, grid.layers[l], kernel});
            if (found != grid.cells.end()) bars.push_back(found->second);
        }
        double x = middle - (kBar + kBarGap) * static_cast<double>(bars.size()) / 2;
        for (const Record* record : bars) {
            const double y = scale.at(record->mac_per_cycle());
            drawing.rect(
                x, y, kBar, bottom - y, palette.css_class(record->kernel), tooltip(*record));
            x += kBar + kBarGap;
        }
        const auto [what, on] = two_lines(grid.layers[l]);
        drawing.text(middle, bottom + 17, what, Anchor::Middle);
        drawing.text(middle, bottom + 31, on, Anchor::Middle, "small");
    }
    drawing.line(kLeft, bottom, right, bottom, "base");
}

Drawing draw(const Grid& grid, const Palette& palette) {
    const double bars = (kBar + kBarGap) * static_cast<double>(palette.kernels().size()) + 12;
    const double group = std::max(kLeastGroup, bars);
    const double width = kLeft + group * static_cast<double>(grid.layers.size()) + kRight;
    const double height = 26 + kPanelHeight * static_cast<double>(grid.precisions.size());
    Drawing drawing(std::max(width, 420.0),
                    height,
                    "MAC per cycle by kernel, layer and bit widths",
                    "Grouped bars: one panel per bit pair, one group per layer, one bar per "
                    "kernel. The table below holds the same figures.");
    std::vector<Drawing::Entry> entries;
    for (const std::string& kernel : palette.kernels()) {
        entries.push_back({palette.css_class(kernel), kernel});
    }
    drawing.legend(kLeft, 16, entries);
    double top = 26;
    for (const Precision precision : grid.precisions) {
        draw_panel(drawing, grid, palette, precision, top, group);
        top += kPanelHeight;
    }
    return drawing;
}

}  // namespace

std::string kernels_section(const Inputs& inputs) {
    if (inputs.records.empty()) {
        return missing("No kernel was traced for this page.",
                       "mixq-sim trace --suite demo -o traces.csv && mixq-sim report --traces "
                       "traces.csv -o report.html");
    }
    const Palette palette(inputs);
    Grid grid = arrange(inputs.records);
    const std::size_t layers = grid.layers.size();
    select(grid);
    const traces::Provenance& from = inputs.records.front().provenance;
    std::string out = paragraph(
        "Multiply-accumulates per core cycle of one call with a warm branch predictor, simulated "
        "on " +
        from.board + " (" + from.core + "), memory: " + from.memory +
        ". Taps on the zero padding count as MACs, for every kernel alike. A missing bar is a pair "
        "the kernel does not take.");
    const bool all = grid.layers.size() == layers;
    out += figure(draw(grid, palette),
                  "Higher is better. All panels share one scale." +
                      (all ? std::string()
                           : " " + std::to_string(grid.layers.size()) + " of " +
                                 std::to_string(layers) + " layers; the table has all."));
    std::vector<std::vector<std::string>> rows;
    for (const Record& record : inputs.records) {
        rows.push_back({record.kernel,
                        to_string(record.layer),
                        to_string(record.precision),
                        grouped(record.layer.macs()),
                        grouped(static_cast<std::int64_t>(record.cycles)),
                        fixed(record.mac_per_cycle(), 3),
                        grouped(static_cast<std::int64_t>(record.counts.total())),
                        grouped(static_cast<std::int64_t>(record.weight_bytes)),
                        grouped(static_cast<std::int64_t>(record.code_bytes))});
    }
    return out + folded_table("All " + std::to_string(rows.size()) + " runs as a table",
                              {{"kernel"},
                               {"layer"},
                               {"bits"},
                               {"MACs", true},
                               {"cycles", true},
                               {"MAC/cycle", true},
                               {"instructions", true},
                               {"weight bytes", true},
                               {"code bytes", true}},
                              rows);
}

}  // namespace mixq::tools::report
