// Simulated against measured: the error table, with what is not modelled named as such.
#include <algorithm>

#include "tools/console.h"
#include "tools/report/page.h"

namespace mixq::tools::report {

namespace {

// "8", "2.4", "2.57"
std::string plain(double value) {
    std::string text = fixed(value, 2);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text;
}

struct Counts {
    int exact = 0;
    int off = 0;
    int open = 0;
};

Counts count(const std::vector<ComparedCase>& cases) {
    Counts counts;
    for (const ComparedCase& one : cases) {
        (!one.simulated ? counts.open : one.exact ? counts.exact : counts.off) += 1;
    }
    return counts;
}

Drawing draw(const Counts& counts) {
    constexpr double kWidth = 720;
    constexpr double kHeight = 18;
    const double all = std::max(1, counts.exact + counts.off + counts.open);
    Drawing drawing(kWidth,
                    54,
                    "Cases by verdict",
                    std::to_string(counts.exact) + " exact, " + std::to_string(counts.off) +
                        " off, " + std::to_string(counts.open) + " not modelled.");
    double x = 0;
    for (const auto& [number, css_class, name] :
         {std::tuple{counts.exact, "good", "exact"},
          std::tuple{counts.off, "bad", "off"},
          std::tuple{counts.open, "unknown", "not modelled"}}) {
        const double width = kWidth * number / all;
        drawing.rect(x,
                     4,
                     std::max(0.0, width - 2),
                     kHeight,
                     css_class,
                     std::to_string(number) + " " + name);
        x += width;
    }
    drawing.legend(0,
                   44,
                   {{"good", std::to_string(counts.exact) + " exact"},
                    {"bad", std::to_string(counts.off) + " off"},
                    {"unknown", std::to_string(counts.open) + " not modelled"}});
    return drawing;
}

}  // namespace

std::string board_section(const Inputs& inputs) {
    if (!inputs.comparison) {
        return missing("No comparison with board measurements was given.",
                       "mixq-sim compare --json compare.json && mixq-sim report --compare "
                       "compare.json -o report.html");
    }
    const BoardComparison& comparison = *inputs.comparison;
    std::string out = paragraph(
        "Timing facts that others measured on a board and published, each against a small loop of "
        "ours around the same fact. A case the simulator does not model is named and counts "
        "neither "
        "as right nor as wrong.");
    out += figure(
        draw(count(comparison.cases)),
        comparison.mape
            ? "Mean absolute error over the modelled cases: " + fixed(*comparison.mape, 2) + " %."
            : "No case is modelled.");
    std::vector<std::vector<std::string>> rows;
    for (const ComparedCase& one : comparison.cases) {
        rows.push_back(
            {one.id,
             one.quantity,
             plain(one.board),
             one.simulated ? plain(*one.simulated) : "-",
             one.unit,
             one.error ? (*one.error > 0 ? "+" : "") + fixed(100 * *one.error, 2) + " %" : "-",
             !one.simulated ? "+open not modelled"
             : one.exact    ? "+ok exact"
                            : "+off off",
             one.why_not});
    }
    out += table("",
                 {{"case"},
                  {"quantity"},
                  {"board", true},
                  {"simulated", true},
                  {"unit"},
                  {"error", true},
                  {"verdict"},
                  {"note"}},
                 rows);
    if (comparison.not_run.empty()) return out;
    std::vector<std::vector<std::string>> rest;
    for (const auto& [id, reason] : comparison.not_run) rest.push_back({id, reason});
    return out + folded_table("Public measurements not run yet", {{"case"}, {"why"}}, rest);
}

}  // namespace mixq::tools::report
