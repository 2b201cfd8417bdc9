// Runs and prints board cases.
#include "tools/compare/case_table.h"

#include <algorithm>
#include <cmath>

#include "kernels/network/toolchain.h"
#include "tools/console.h"

namespace mixq::tools {

namespace {

std::string percent(double ratio) {
    return (ratio > 0 ? "+" : "") + fixed(100 * ratio, 2) + " %";
}

std::string count(double cycles) {
    return grouped(std::llround(cycles));
}

struct Errors {
    int cases = 0;
    double mean = 0;  // of the absolute relative errors
    double largest = 0;
};

template <typename Chosen>
Errors errors_of(const std::vector<CaseResult>& results, std::size_t variation, Chosen chosen) {
    Errors errors;
    for (const CaseResult& result : results) {
        if (result.simulated.empty() || !chosen(result)) continue;
        const double error = std::abs(result.error(variation));
        ++errors.cases;
        errors.mean += error;
        errors.largest = std::max(errors.largest, error);
    }
    if (errors.cases > 0) errors.mean /= errors.cases;
    return errors;
}

}  // namespace

std::vector<CaseResult> run_board_cases(const std::filesystem::path& images,
                                        const std::vector<std::string>& only,
                                        const std::vector<Variation>& variations) {
    if (!images.empty() && !std::filesystem::is_directory(images))
        throw std::invalid_argument("--images " + images.string() + ": no such folder");
    std::vector<BoardCase> cases =
        read_board_cases(kernels::device_directory().parent_path() / "traces" / "board");
    std::erase_if(cases, [&](const BoardCase& fact) {
        return !only.empty() && std::find(only.begin(), only.end(), fact.id) == only.end();
    });
    Progress progress("images", static_cast<std::int64_t>(cases.size()));
    std::vector<CaseResult> results;
    for (const BoardCase& fact : cases) {
        progress.advance(fact.id, static_cast<std::int64_t>(results.size()));
        results.push_back(run_board_case(fact, images, variations));
    }
    progress.advance("done", static_cast<std::int64_t>(results.size()));
    return results;
}

std::string case_table(const std::vector<CaseResult>& results) {
    std::vector<std::vector<std::string>> rows;
    std::vector<std::vector<std::string>> not_run;
    for (const CaseResult& result : results) {
        const BoardCase& fact = result.fact;
        if (result.simulated.empty()) {
            not_run.push_back({fact.id, result.why_not, fact.code});
            continue;
        }
        rows.push_back({fact.id,
                        fact.board,
                        count(fact.cycles),
                        count(result.simulated.front()),
                        percent(result.error()),
                        fact.calibration ? "yes" : "no",
                        grouped(static_cast<std::int64_t>(result.instructions)),
                        fixed(result.wall_s, 1) + " s"});
    }
    std::string text;
    if (!rows.empty()) {
        text = format_columns({"case",
                               "board",
                               "measured",
                               "simulated",
                               "error",
                               "calibration",
                               "instructions",
                               "took"},
                              rows);
    }
    if (not_run.empty()) return text;
    return text + (text.empty() ? "" : "\n") + "Not run:\n" +
           format_columns({"case", "why", "its code"}, not_run);
}

std::string scoreboard(const std::vector<CaseResult>& results) {
    std::string text;
    for (const bool calibration : {false, true}) {
        const auto chosen = [&](const CaseResult& result) {
            return result.fact.calibration == calibration;
        };
        const Errors errors = errors_of(results, 0, chosen);
        const std::string title = calibration ? "calibration cases" : "cases never fitted to";
        if (errors.cases == 0) {
            text += "No " + title + " were run.\n\n";
            continue;
        }
        text += "| " + title + " | measured | simulated | error |\n|---|---:|---:|---:|\n";
        for (const CaseResult& result : results) {
            if (result.simulated.empty() || !chosen(result)) continue;
            text += "| " + result.fact.id + " | " + count(result.fact.cycles) + " | " +
                    count(result.simulated.front()) + " | " + percent(result.error()) + " |\n";
        }
        text += "| mean, worst | | | " + fixed(100 * errors.mean, 2) + " %, " +
                fixed(100 * errors.largest, 2) + " % |\n\n";
    }
    return text;
}

std::string ablation_table(const std::vector<CaseResult>& results,
                           const std::vector<Variation>& variations) {
    std::string text = "| change |";
    std::string rule = "|---|";
    for (const CaseResult& result : results) {
        if (result.simulated.empty()) continue;
        text += " " + result.fact.id + " |";
        rule += "---:|";
    }
    text += " mean | worst |\n" + rule + "---:|---:|\n";
    const auto every = [](const CaseResult&) { return true; };
    for (std::size_t k = 0; k < variations.size(); ++k) {
        text += "| " + variations[k].name + " |";
        for (const CaseResult& result : results) {
            if (!result.simulated.empty()) text += " " + percent(result.error(k)) + " |";
        }
        const Errors errors = errors_of(results, k, every);
        text +=
            " " + fixed(100 * errors.mean, 2) + " % | " + fixed(100 * errors.largest, 2) + " % |\n";
    }
    return text;
}

nlohmann::json to_json(const std::vector<CaseResult>& results) {
    nlohmann::json all = nlohmann::json::array();
    for (const CaseResult& result : results) {
        const BoardCase& fact = result.fact;
        nlohmann::json one{{"id", fact.id},
                           {"board", fact.board},
                           {"quantity", fact.quantity},
                           {"board_cycles", fact.cycles},
                           {"simulated_cycles", nullptr},
                           {"error", nullptr},
                           {"calibration", fact.calibration},
                           {"source", fact.source},
                           {"conditions", fact.conditions}};
        if (result.simulated.empty()) {
            one["why_not"] = result.why_not;
        } else {
            one["simulated_cycles"] = result.simulated.front();
            one["error"] = result.error();
            one["instructions"] = result.instructions;
            one["wall_s"] = result.wall_s;
        }
        all.push_back(one);
    }
    return all;
}

}  // namespace mixq::tools
