// Figures 5 to 7: ratios of cycles over the 49 bit pairs.
#include "tools/bench/figures.h"

#include <algorithm>
#include <functional>
#include <map>

#include "kernels/kernel.h"
#include "tools/console.h"
#include "tools/report/heat_map.h"
#include "tools/report/page.h"
#include "tools/report/style.h"

namespace mixq::tools {

namespace {

struct Figure {
    const char* id;
    const char* title;
    const char* claim;                               // the paper's, in its words
    std::function<double(const PairCycles&)> ratio;  // 0: not measured
};

double over(double baseline, double ours) {
    return baseline > 0 && ours > 0 ? baseline / ours : 0;
}

const std::vector<Figure>& all_figures() {
    static const std::vector<Figure> figures = {
        {"fig5_naive",
         "Fig. 5: speedup over naive convolution",
         "4x on average",
         [](const PairCycles& p) { return over(p.naive, p.best); }},
        {"fig5_simd",
         "Fig. 5: speedup over SIMD int8 convolution",
         "2x on average",
         [](const PairCycles& p) { return over(p.simd_int8, p.best); }},
        {"fig6",
         "Fig. 6: speedup over the CMix-NN way",
         "up to 1.5x in most combinations (theoretical throughput)",
         [](const PairCycles& p) { return over(p.cmix, p.best); }},
        {"fig7",
         "Fig. 7: RP-SLBC over SLBC at equal depth",
         "up to nearly 1.1x",
         [](const PairCycles& p) { return over(p.slbc, p.rp_slbc); }},
        {"without_packing",
         "Of the gain over SIMD int8, what the best kernel at 8 x 8 bits has (scheduled, no "
         "packing)",
         "not stated",
         [](const PairCycles& p) { return over(p.simd_int8, p.best_int8); }},
        {"packing",
         "And what packing brings beyond the best int8 kernel here",
         "not stated",
         [](const PairCycles& p) { return over(p.best_int8, p.best); }},
    };
    return figures;
}

struct Summary {
    double mean = 0;
    double least = 0;
    double greatest = 0;
    int pairs = 0;
};

Summary summarise(const Figures& figures, const Figure& figure) {
    Summary summary;
    for (const PairCycles& pair : figures.pairs) {
        const double ratio = figure.ratio(pair);
        if (ratio <= 0) continue;
        summary.least = summary.pairs == 0 ? ratio : std::min(summary.least, ratio);
        summary.greatest = std::max(summary.greatest, ratio);
        summary.mean += ratio;
        ++summary.pairs;
    }
    if (summary.pairs > 0) summary.mean /= summary.pairs;
    return summary;
}

std::vector<std::vector<std::string>> matrix(
    const Figures& figures, const std::function<double(const PairCycles&)>& value) {
    std::map<traces::Precision, double> values;
    for (const PairCycles& pair : figures.pairs) values[pair.precision] = value(pair);
    std::vector<std::vector<std::string>> rows;
    for (int a = traces::kMinBits; a <= traces::kMaxBits; ++a) {
        std::vector<std::string> row{"a" + std::to_string(a)};
        for (int w = traces::kMinBits; w <= traces::kMaxBits; ++w) {
            const double x = values[{w, a}];
            row.push_back(x > 0 ? fixed(x, 2) : "-");
        }
        rows.push_back(row);
    }
    return rows;
}

const std::vector<std::string> kMatrixHeader{"", "w2", "w3", "w4", "w5", "w6", "w7", "w8"};

double mac_per_cycle(const Figures& figures, const PairCycles& pair) {
    return pair.best > 0 ? static_cast<double>(figures.layer.macs()) / pair.best : 0;
}

std::string heat(const Figures& figures,
                 const std::string& title,
                 const std::string& unit,
                 const std::function<double(const PairCycles&)>& value) {
    std::map<traces::Precision, report::HeatCell> cells;
    for (const PairCycles& pair : figures.pairs) {
        const double x = value(pair);
        if (x <= 0) continue;
        cells[pair.precision] = {
            x,
            fixed(x, 2),
            to_string(pair.precision) + ": " + fixed(x, 3) + unit + ", kernel " + pair.best_kernel};
    }
    if (cells.empty()) return report::paragraph("Not measured for this layer.");
    return report::figure(report::heat_map(cells, title, title + ", by weight and activation bits"),
                          "");
}

std::vector<std::string> summary_row(const Figures& figures, const Figure& figure) {
    const Summary summary = summarise(figures, figure);
    if (summary.pairs == 0) return {figure.title, "-", "-", "-", "0", figure.claim};
    return {figure.title,
            fixed(summary.mean, 2) + "x",
            fixed(summary.least, 2) + "x",
            fixed(summary.greatest, 2) + "x",
            std::to_string(summary.pairs),
            figure.claim};
}

}  // namespace

std::vector<std::string> figure_baselines() {
    std::vector<std::string> names;
    for (const kernels::Kernel* kernel : kernels::all_kernels()) {
        for (const char* wanted : {"naive", "simd-int8", "cmix", "slbc", "rp-slbc"}) {
            if (kernel->name() == wanted) names.emplace_back(wanted);
        }
    }
    return names;
}

Figures figures_of(const traces::Layer& layer, const std::vector<traces::Record>& records) {
    Figures figures;
    figures.layer = layer;
    std::map<traces::Precision, PairCycles> pairs;
    for (const traces::Record& record : records) {
        if (record.layer != layer) continue;
        figures.provenance = record.provenance;
        PairCycles& pair = pairs[record.precision];
        pair.precision = record.precision;
        const auto cycles = static_cast<double>(record.cycles);
        if (record.kernel == "naive") pair.naive = cycles;
        if (record.kernel == "simd-int8") pair.simd_int8 = cycles;
        if (record.kernel == "cmix") pair.cmix = cycles;
        if (record.kernel == "slbc") pair.slbc = cycles;
        if (record.kernel == "rp-slbc") pair.rp_slbc = cycles;
        const bool deployable =
            kernels::find_kernel(record.kernel).purpose() == kernels::Purpose::Deploy;
        if (deployable && (pair.best == 0 || cycles < pair.best)) {
            pair.best = cycles;
            pair.best_kernel = record.kernel;
        }
    }
    const auto eight = pairs.find({8, 8});
    for (auto& [precision, pair] : pairs) {
        if (eight != pairs.end()) pair.best_int8 = eight->second.best;
        figures.pairs.push_back(pair);
    }
    return figures;
}

std::string figures_text(const Figures& figures) {
    std::string text = to_string(figures.layer) + ", " + figures.provenance.board +
                       ", memory: " + figures.provenance.memory + "\n\n";
    std::vector<std::vector<std::string>> rows;
    for (const Figure& figure : all_figures()) rows.push_back(summary_row(figures, figure));
    text += format_columns({"", "mean", "least", "most", "pairs", "the paper's claim"}, rows);
    text += "\nMAC per cycle of the best kernel\n" +
            format_columns(kMatrixHeader, matrix(figures, [&](const PairCycles& p) {
                               return mac_per_cycle(figures, p);
                           }));
    for (const Figure& figure : all_figures()) {
        if (summarise(figures, figure).pairs == 0) continue;
        text += std::string("\n") + figure.title + "\n" +
                format_columns(kMatrixHeader, matrix(figures, figure.ratio));
    }
    return text;
}

nlohmann::json figures_json(const Figures& figures) {
    nlohmann::json json{{"layer", to_string(figures.layer)},
                        {"pairs", nlohmann::json::array()},
                        {"figures", nlohmann::json::object()}};
    for (const PairCycles& pair : figures.pairs) {
        nlohmann::json entry{{"bits", to_string(pair.precision)},
                             {"kernel", pair.best_kernel},
                             {"cycles", pair.best},
                             {"mac_per_cycle", mac_per_cycle(figures, pair)}};
        for (const Figure& figure : all_figures()) entry[figure.id] = figure.ratio(pair);
        json["pairs"].push_back(std::move(entry));
    }
    for (const Figure& figure : all_figures()) {
        const Summary summary = summarise(figures, figure);
        json["figures"][figure.id] = {{"mean", summary.mean},
                                      {"least", summary.least},
                                      {"greatest", summary.greatest},
                                      {"pairs", summary.pairs},
                                      {"claim", figure.claim}};
    }
    return json;
}

std::string figures_page(const std::vector<Figures>& all) {
    std::string page =
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>mixq-sim "
        "bench</title>\n<style>" +
        std::string(report::kStyle) +
        "</style>\n</head>\n<body>\n<header>\n<h1>Kernels over the 49 bit pairs</h1>\n";
    page += report::paragraph(
        "Ratios of simulated cycles, whole layer with requantisation; a larger number is faster. "
        "Taps on the zero padding count as "
        "MACs for every kernel alike.");
    page += "</header>\n<main>\n";
    for (const Figures& figures : all) {
        page += "<section>\n<h2>" + report::escaped(to_string(figures.layer)) + "</h2>\n";
        page += report::paragraph("Board " + figures.provenance.board +
                                  ", memory: " + figures.provenance.memory + ".");
        std::vector<std::vector<std::string>> rows;
        for (const Figure& figure : all_figures()) rows.push_back(summary_row(figures, figure));
        page += report::table("",
                              {{"", false},
                               {"mean", true},
                               {"least", true},
                               {"most", true},
                               {"pairs", true},
                               {"the paper's claim", false}},
                              rows);
        page += "<h3>MAC per cycle of the best kernel</h3>\n" +
                heat(figures, "MAC per cycle", " MAC/cycle", [&](const PairCycles& p) {
                    return mac_per_cycle(figures, p);
                });
        for (const Figure& figure : all_figures()) {
            if (summarise(figures, figure).pairs == 0) continue;
            page += std::string("<h3>") + report::escaped(figure.title) + "</h3>\n" +
                    heat(figures, figure.title, "x", figure.ratio);
        }
        page += "</section>\n";
    }
    return page + "</main>\n<footer>Written by " + report::escaped(tool_version()) +
           ".</footer>\n</body>\n</html>\n";
}

}  // namespace mixq::tools
