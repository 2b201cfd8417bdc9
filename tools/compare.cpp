// The verb compare: simulated against measured.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <stdlib.h>

#include "kernels/network/toolchain.h"
#include "tools/commands.h"
#include "tools/compare/ablation.h"
#include "tools/compare/case_table.h"
#include "tools/compare/llvm_mca.h"
#include "tools/compare/microbenchmarks.h"
#include "tools/console.h"

namespace mixq::tools {

namespace {

struct CompareOptions {
    std::string board = "stm32h743";
    std::vector<std::string> only;
    std::string directory;  // empty: a temporary one
    std::string images;     // empty: no board cases
    bool scoreboard = false;
    bool ablate = false;
    bool llvm_mca = false;
    std::optional<double> max_error;  // percent
    std::string json;
};

// A folder that disappears with it, unless the user named one.
class Workplace {
  public:
    explicit Workplace(const std::string& wanted) : path_(wanted), keep_(!wanted.empty()) {
        if (keep_) return;
        std::string name = (std::filesystem::temp_directory_path() / "mixq-probes-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("cannot make a temporary folder '" + name + "'");
        }
        path_ = name;
    }

    ~Workplace() {
        std::error_code ignored;
        if (!keep_) std::filesystem::remove_all(path_, ignored);
    }

    Workplace(const Workplace&) = delete;
    Workplace& operator=(const Workplace&) = delete;

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
    bool keep_;
};

// What the errors of the modelled cases come to.
struct Summary {
    int modelled = 0;
    int exact = 0;
    int not_modelled = 0;
    double mean = 0;  // of |relative error|
    double largest = 0;
};

Summary summarise(const std::vector<Comparison>& comparisons) {
    Summary summary;
    for (const Comparison& comparison : comparisons) {
        if (!comparison.simulated) {
            ++summary.not_modelled;
            continue;
        }
        const double error = std::abs(comparison.relative_error());
        ++summary.modelled;
        summary.exact += comparison.exact() ? 1 : 0;
        summary.mean += error;
        summary.largest = std::max(summary.largest, error);
    }
    if (summary.modelled > 0) summary.mean /= summary.modelled;
    return summary;
}

std::vector<BoardFact> chosen(std::vector<BoardFact> facts, const std::vector<std::string>& only) {
    if (only.empty()) return facts;
    std::vector<BoardFact> kept;
    for (const std::string& id : only) {
        const auto match = [&](const BoardFact& fact) {
            return fact.id == id || fact.id.starts_with(id + "-");
        };
        if (std::none_of(facts.begin(), facts.end(), match)) {
            throw std::invalid_argument("--only " + id +
                                        ": no such case; mixq-sim compare lists them all");
        }
        for (const BoardFact& fact : facts) {
            const bool again = std::any_of(kept.begin(), kept.end(), [&](const BoardFact& other) {
                return other.id == fact.id;
            });
            if (match(fact) && !again) kept.push_back(fact);
        }
    }
    return kept;
}

std::string percent(double ratio) {
    return (ratio > 0 ? "+" : "") + fixed(100 * ratio, 2) + " %";
}

// The shortest way to write a cycle count: "8", "2.4", "2.57".
std::string cycles(double value) {
    std::string text = fixed(value, 2);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text;
}

void print_table(const std::vector<Comparison>& comparisons, bool whole) {
    std::vector<std::vector<std::string>> rows;
    for (const Comparison& comparison : comparisons) {
        const BoardFact& fact = comparison.fact;
        const bool modelled = comparison.simulated.has_value();
        rows.push_back({fact.id,
                        fact.quantity,
                        cycles(fact.value),
                        modelled ? cycles(*comparison.simulated) : "-",
                        fact.unit,
                        modelled ? percent(comparison.relative_error()) : "-",
                        comparison.exact() ? "exact"
                        : modelled         ? "off"
                                           : "not modelled"});
    }
    std::fputs(
        format_columns({"case", "quantity", "board", "simulated", "unit", "error", "verdict"}, rows)
            .c_str(),
        stdout);
    std::vector<std::vector<std::string>> open;
    for (const Comparison& comparison : comparisons) {
        if (!comparison.simulated) open.push_back({comparison.fact.id, comparison.why_not});
    }
    if (!open.empty()) {
        std::printf("\nNot modelled, and not counted:\n%s",
                    format_columns({"case", "why"}, open).c_str());
    }
    if (!whole) return;
    std::vector<std::vector<std::string>> rest;
    for (const NotRun& other : cases_not_run()) {
        rest.push_back({std::string(other.id), std::string(other.reason)});
    }
    std::printf("\nPublic measurements not run yet:\n%s",
                format_columns({"case", "why"}, rest).c_str());
}

nlohmann::json to_json(const std::vector<Comparison>& comparisons,
                       const Summary& summary,
                       const nlohmann::json& provenance) {
    nlohmann::json json;
    json["cases"] = nlohmann::json::array();
    for (const Comparison& comparison : comparisons) {
        const BoardFact& fact = comparison.fact;
        nlohmann::json one{{"id", fact.id},
                           {"quantity", fact.quantity},
                           {"unit", fact.unit},
                           {"board_cycles", fact.value},
                           {"simulated_cycles", nullptr},
                           {"error", nullptr},
                           {"modelled", comparison.simulated.has_value()},
                           {"exact", comparison.exact()},
                           {"source", fact.source}};
        if (comparison.simulated) {
            one["simulated_cycles"] = *comparison.simulated;
            one["error"] = comparison.relative_error();
        } else {
            one["why_not"] = comparison.why_not;
        }
        json["cases"].push_back(one);
    }
    json["not_run"] = nlohmann::json::array();
    for (const NotRun& other : cases_not_run()) {
        json["not_run"].push_back({{"id", other.id}, {"reason", other.reason}});
    }
    json["modelled"] = summary.modelled;
    json["exact"] = summary.exact;
    json["not_modelled"] = summary.not_modelled;
    json["mape"] = summary.modelled > 0 ? nlohmann::json(100 * summary.mean) : nlohmann::json();
    json["provenance"] = provenance;
    return json;
}

void check_limit(const Summary& summary, std::optional<double> max_error) {
    if (!max_error) return;
    if (summary.modelled == 0) {
        throw LimitNotMet("no case here is modelled, so --max-error cannot be met");
    }
    if (100 * summary.largest > *max_error) {
        throw LimitNotMet("the largest error is " + fixed(100 * summary.largest, 2) +
                          " %, above --max-error " + fixed(*max_error, 2) + " %");
    }
}

// The markdown tables for the README files: cases from images alone.
void print_markdown(const CompareOptions& options) {
    if (options.images.empty())
        throw std::invalid_argument("--scoreboard and --ablate need --images DIR");
    const std::vector<Variation> variations =
        options.ablate ? ablations() : std::vector<Variation>{{"the model as it is"}};
    const std::vector<CaseResult> results =
        run_board_cases(options.images, options.only, variations);
    if (options.scoreboard) std::fputs(scoreboard(results).c_str(), stdout);
    if (options.ablate) std::fputs(ablation_table(results, variations).c_str(), stdout);
}

void run(const CompareOptions& options) {
    if (options.scoreboard || options.ablate) return print_markdown(options);
    const std::filesystem::path facts_path = board_facts_path(options.board);
    const std::vector<BoardFact> facts = chosen(read_board_facts(facts_path), options.only);
    const Workplace workplace(options.directory);
    const sim::Image image = sim::read_elf(build_probes(options.board, workplace.path()));
    const sim::Board& board = sim::find_board(options.board);
    const std::vector<Comparison> comparisons = compare_facts(facts, image, board);
    if (options.llvm_mca) {
        std::fputs(llvm_mca_table(comparisons, llvm_mca_facts(facts, image)).c_str(), stdout);
        return;
    }
    const Summary summary = summarise(comparisons);
    const nlohmann::json provenance{{"tool", tool_version()},
                                    {"compiler", kernels::find_compiler().version},
                                    {"core", board.core},
                                    {"board", board.name},
                                    {"memory", "code in ITCM, data in DTCM, no wait states"},
                                    {"elf_sha256", image.sha256},
                                    {"measurements", facts_path.filename().string()}};
    const std::vector<Comparison> laws =
        options.only.empty() ? compare_facts(read_board_facts(laws_path()), image, board)
                             : std::vector<Comparison>{};
    std::vector<CaseResult> cases;
    if (options.only.empty()) {
        cases = run_board_cases(options.images, {}, {{"the model as it is"}});
    }
    nlohmann::json json = to_json(comparisons, summary, provenance);
    json["laws"] = to_json(laws, summarise(laws), {})["cases"];
    json["images"] = to_json(cases);
    write_json(options.json, json);
    if (options.json != "-") {
        print_table(comparisons, options.only.empty());
        std::printf(
            "\n%d of %d modelled cases exact, mean error %.2f %%, largest %.2f %%; %d not "
            "modelled.\n",
            summary.exact,
            summary.modelled,
            100 * summary.mean,
            100 * summary.largest,
            summary.not_modelled);
        if (!laws.empty()) {
            std::printf("\nKernels of ours; \"board\" is what the rules give by hand:\n");
            print_table(laws, false);
        }
        if (!cases.empty()) std::printf("\nPublished programs:\n%s", case_table(cases).c_str());
    }
    check_limit(summary, options.max_error);
}

}  // namespace

void add_compare(CLI::App& app) {
    CLI::App* verb = app.add_subcommand("compare", "Simulated against measured on real boards");
    auto options = std::make_shared<CompareOptions>();
    verb->add_option("--board", options->board, "Board whose measurements to compare with")
        ->capture_default_str();
    verb->add_option(
        "--images",
        options->images,
        "Also run the published programs whose <id>.bin or <id>.elf lies in this folder");
    verb->add_flag(
        "--scoreboard", options->scoreboard, "Print the README's scoreboard of --images instead");
    verb->add_flag(
        "--ablate",
        options->ablate,
        "Print the error of --images with one rule of the model changed at a time instead");
    verb->add_flag("--llvm-mca",
                   options->llvm_mca,
                   "Print our errors beside those of LLVM's llvm-mca on the same loops instead");
    verb->add_option("--only", options->only, "Only these cases; MB-12 also takes MB-12-load");
    verb->add_option("--max-error",
                     options->max_error,
                     "Exit 3 if a modelled case is off by more, in percent")
        ->check(CLI::NonNegativeNumber);
    verb->add_option(
        "-o,--output", options->directory, "Keep the probes' objects and ELF in this folder");
    verb->add_option("--json", options->json, "Write the cases as JSON to this file (- is stdout)");
    verb->footer(
        R"(Each case is one timing fact that somebody measured on silicon and published. A small loop of ours around that
fact (kernels/probes) is built, run in the simulator, and the same number is read off its cycles. A case the
simulator does not model yet is named with its reason and counted neither as right nor as wrong.

  mixq-sim compare                              the whole table
  mixq-sim compare --only MB-09 MB-12           branches and floating-point latencies
  mixq-sim compare --json compare.json          for report: mixq-sim report --compare compare.json -o report.html
  mixq-sim compare --images ~/images            and the published programs found there as <id>.bin or <id>.elf
  mixq-sim compare --max-error 0                fails unless every modelled case is exact)");
    verb->callback([options] { run(*options); });
}

}  // namespace mixq::tools
