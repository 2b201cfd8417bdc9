// The few figures to remember, each with its conditions.
#include <algorithm>
#include <cmath>
#include <map>

#include "tools/console.h"
#include "tools/report/page.h"

namespace mixq::tools::report {

namespace {

std::string tile(const std::string& name,
                 const std::string& value,
                 const std::string& unit,
                 const std::string& note) {
    return "<div class=\"tile\"><div class=\"name\">" + escaped(name) +
           "</div><div class=\"value\">" + escaped(value) + " <small>" + escaped(unit) +
           "</small></div><div class=\"note\">" + escaped(note) + "</div></div>\n";
}

// The fastest run of all, and the mean gain of the fastest low-bit kernel over the int8 one.
std::string kernel_tiles(const std::vector<traces::Record>& records) {
    const auto fastest =
        std::max_element(records.begin(), records.end(), [](const auto& left, const auto& right) {
            return left.mac_per_cycle() < right.mac_per_cycle();
        });
    std::string out = tile(
        "Fastest kernel run",
        fixed(fastest->mac_per_cycle(), 2),
        "MAC/cycle",
        fastest->kernel + ", " + to_string(fastest->layer) + ", " + to_string(fastest->precision));
    // Per layer and bits, the best against simd-int8 on the same.
    std::map<std::pair<traces::Layer, traces::Precision>, std::pair<double, double>> speeds;
    for (const traces::Record& record : records) {
        auto& [int8, best] = speeds[{record.layer, record.precision}];
        if (record.kernel == "simd-int8") int8 = record.mac_per_cycle();
        best = std::max(best, record.mac_per_cycle());
    }
    double sum_of_logs = 0;
    int pairs = 0;
    for (const auto& [key, speed] : speeds) {
        if (speed.first <= 0) continue;
        sum_of_logs += std::log(speed.second / speed.first);
        ++pairs;
    }
    if (pairs > 0) {
        out += tile("Best kernel against int8 SIMD",
                    fixed(std::exp(sum_of_logs / pairs), 2),
                    "times",
                    "geometric mean of " + std::to_string(pairs) + " layer and bit pairs traced");
    }
    return out;
}

std::string network_tiles(const Deployment& deployment) {
    const double milliseconds =
        1e3 * static_cast<double>(deployment.cycles) / static_cast<double>(deployment.clock_hz);
    return tile("One inference",
                fixed(milliseconds, 2),
                "ms",
                grouped(static_cast<std::int64_t>(deployment.cycles)) + " cycles at " +
                    fixed(static_cast<double>(deployment.clock_hz) / 1e6, 0) + " MHz, " +
                    deployment.network) +
           tile("Memory",
                fixed(static_cast<double>(deployment.ram_bytes) / 1024, 1),
                "KB RAM",
                fixed(static_cast<double>(deployment.flash_bytes) / 1024, 1) + " KB flash");
}

std::string search_tile(const Search& search) {
    const auto result =
        std::find_if(search.points.begin(), search.points.end(), [](const SearchPoint& point) {
            return point.kind == "result";
        });
    if (result == search.points.end()) return "";
    return tile(
        "Accuracy of the found network",
        fixed(100 * result->accuracy, 1),
        "%",
        "whole test set, integer arithmetic; predicted " + abbreviated(result->cycles) + " cycles");
}

std::string board_tile(const BoardComparison& comparison) {
    int modelled = 0;
    int exact = 0;
    for (const ComparedCase& one : comparison.cases) {
        modelled += one.simulated ? 1 : 0;
        exact += one.exact ? 1 : 0;
    }
    return tile("Board facts reproduced",
                std::to_string(exact) + " of " + std::to_string(modelled),
                "exact",
                std::to_string(comparison.cases.size() - static_cast<std::size_t>(modelled)) +
                    " more are not modelled" +
                    (comparison.mape ? "; mean error " + fixed(*comparison.mape, 2) + " %" : ""));
}

std::string conditions(const Inputs& inputs) {
    std::string text = tool_version() + ". ";
    if (!inputs.records.empty()) {
        const traces::Provenance& from = inputs.records.front().provenance;
        return text + "Simulated on " + from.board + " (" + from.core + ") at " +
               fixed(static_cast<double>(from.clock_hz) / 1e6, 0) +
               " MHz; kernels traced with memory " + from.memory + "; " + from.compiler + ".";
    }
    if (inputs.deployment) {
        return text + "Simulated at " +
               fixed(static_cast<double>(inputs.deployment->clock_hz) / 1e6, 0) + " MHz.";
    }
    return text + "Conditions stand with each number below.";
}

}  // namespace

std::string headline_section(const Inputs& inputs) {
    std::string tiles;
    if (inputs.deployment) tiles += network_tiles(*inputs.deployment);
    if (inputs.search) tiles += search_tile(*inputs.search);
    if (!inputs.records.empty()) tiles += kernel_tiles(inputs.records);
    if (inputs.model) {
        const std::string form(name(inputs.model->content.form));
        const auto fitted = inputs.model->real("mape");
        const auto held = inputs.model->real("holdout_shape_mape");
        if (const auto predicted = inputs.model->real(("predict_mape_" + form).c_str())) {
            tiles += tile("Error of the latency model",
                          fixed(*predicted, 1),
                          "%",
                          "mean on layer shapes left out (" + form + ")" +
                              (held ? "; Eq. 12 " + fixed(*held, 1) + " %" : ""));
        } else {
            tiles += tile("Error of the latency model",
                          fitted ? fixed(*fitted, 1) : "-",
                          "%",
                          held ? "mean; " + fixed(*held, 1) + " % on layer shapes left out"
                               : "mean over the fitted runs");
        }
    }
    if (inputs.comparison) tiles += board_tile(*inputs.comparison);
    if (tiles.empty()) {
        return missing("No input was given, so there is nothing to show yet.",
                       "mixq-sim trace --suite demo -o traces.csv && mixq-sim report --traces "
                       "traces.csv -o report.html");
    }
    return "<p class=\"lead\">" + escaped(conditions(inputs)) + "</p>\n<div class=\"tiles\">\n" +
           tiles + "</div>\n";
}

}  // namespace mixq::tools::report
