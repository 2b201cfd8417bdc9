// The verb fit: traces in, alpha, beta and a model file out, with everything that speaks against
// them.
#include "costmodel/fit.h"

#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "costmodel/error.h"
#include "costmodel/model.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "traces/table.h"

namespace mixq::tools {

namespace {

using costmodel::Eq12Fit;
using costmodel::Estimate;
using costmodel::FitResult;
using costmodel::HoldOut;
using costmodel::Interval;
using costmodel::ModelForm;

struct FitOptions {
    std::vector<std::string> traces;
    std::string output;
    std::string json;
    std::string residuals;
    std::optional<double> max_holdout_mape;
    int worst = 5;
    std::uint64_t seed = 1;
};

// JSON has no infinity: an interval without a bound is null there.
nlohmann::json finite(double value) {
    return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

nlohmann::json to_json(const Interval& interval) {
    return {finite(interval.low), finite(interval.high)};
}

nlohmann::json to_json(const std::optional<HoldOut>& held) {
    if (!held) return {};
    return {{"mape", held->mape}, {"worst", held->worst}, {"groups", held->groups}};
}

nlohmann::json kernels_json(const FitResult& fit) {
    nlohmann::json kernels = nlohmann::json::array();
    for (const costmodel::KernelFit& kernel : fit.kernels) {
        nlohmann::json one{{"kernel", kernel.law.kernel},
                           {"rows", kernel.rows},
                           {"shapes", kernel.shapes},
                           {"factor", kernel.factor},
                           {"count_mape", kernel.count_mape}};
        for (const ModelForm form : costmodel::kAllForms) {
            one["mape"][name(form)] = kernel.mape[static_cast<std::size_t>(form)];
        }
        kernels.push_back(std::move(one));
    }
    return kernels;
}

nlohmann::json points_json(const FitResult& fit) {
    nlohmann::json points = nlohmann::json::array();
    for (std::size_t i = 0; i < fit.eq12.predicted.size(); ++i) {
        const traces::Record& row = fit.rows[i];
        points.push_back({{"kernel", row.kernel},
                          {"layer", to_string(row.layer)},
                          {"bits", to_string(row.precision)},
                          {"cycles", row.cycles},
                          {"predicted", fit.eq12.predicted[i]}});
    }
    return points;
}

nlohmann::json to_json(const FitResult& fit) {
    const Eq12Fit& eq12 = fit.eq12;
    nlohmann::json json{{"answered", eq12.answered},
                        {"identifiable", eq12.identifiable},
                        {"rows", fit.rows.size()},
                        {"condition", finite(eq12.condition)},
                        {"warnings", fit.warnings}};
    for (const auto& [key, value] : fit.provenance) json["provenance"][key] = value;
    for (const char* key : {"alpha", "beta", "scale", "r2", "mape", "holdout_mape"}) {
        json[key] = nullptr;
    }
    if (!eq12.answered) return json;
    const auto add = [&](const char* key, const Estimate& estimate) {
        json[key] = estimate.value;
        json["intervals"][key] = to_json(estimate.bootstrap);
        json["closed_intervals"][key] = to_json(estimate.closed);
    };
    add("alpha", eq12.alpha);
    add("beta", eq12.beta);
    add("scale", eq12.scale);
    json["r2"] = eq12.r2;
    json["mape"] = eq12.mape;
    json["worst"] = eq12.worst;
    json["rank_correlation"] = eq12.rank_correlation;
    if (eq12.shape) json["holdout_mape"] = eq12.shape->mape;
    json["holdout"] = {{"shape", to_json(eq12.shape)},
                       {"kernel", to_json(eq12.kernel)},
                       {"bits", to_json(eq12.bits)}};
    for (const auto& [kernel, without] : eq12.without_kernel) {
        json["without_kernel"][kernel] = {
            {"alpha", without.alpha}, {"beta", without.beta}, {"scale", without.scale}};
    }
    for (const ModelForm form : costmodel::kAllForms) {
        json["predict_holdout"][name(form)] = to_json(fit.predict[static_cast<std::size_t>(form)]);
    }
    json["form"] = name(fit.form);
    json["per_kernel"] = kernels_json(fit);
    json["points"] = points_json(fit);
    return json;
}

std::string range(const Interval& interval) {
    const auto bound = [](double value) {
        return std::isfinite(value) ? fixed(value, 3) : std::string("unbounded");
    };
    return bound(interval.low) + " .. " + bound(interval.high);
}

std::string percent(double value) {
    return fixed(value, 2) + " %";
}

void print_coefficients(const Eq12Fit& fit) {
    std::vector<std::vector<std::string>> rows;
    const auto add = [&](const char* key, const Estimate& estimate, const char* meaning) {
        rows.push_back({key,
                        fixed(estimate.value, 4),
                        range(estimate.bootstrap),
                        range(estimate.closed),
                        meaning});
    };
    add("scale", fit.scale, "cycles per SISD instruction");
    add("alpha", fit.alpha, "SIMD instruction, in SISD instructions");
    add("beta", fit.beta, "bit instruction, in SISD instructions");
    std::fputs(
        format_columns({"", "value", "95 % (shapes)", "95 % (closed form)", "cost of a"}, rows)
            .c_str(),
        stdout);
}

void print_measures(const FitResult& fit) {
    const Eq12Fit& eq12 = fit.eq12;
    std::vector<std::vector<std::string>> rows{
        {"Eq. 12 on the rows it was fitted on", percent(eq12.mape), percent(eq12.worst), ""}};
    const auto add = [&](const std::string& what, const std::optional<HoldOut>& held) {
        if (!held) {
            rows.push_back({what, "-", "-", ""});
            return;
        }
        rows.push_back(
            {what, percent(held->mape), percent(held->worst), std::to_string(held->groups)});
    };
    add("  one shape left out", eq12.shape);
    add("  one kernel left out", eq12.kernel);
    add("  one bit pair left out", eq12.bits);
    for (const ModelForm form : costmodel::kAllForms) {
        const bool chosen = form == fit.form;
        add("layer to cycles by " + std::string(name(form)) + ", shape left out" +
                (chosen ? " *" : ""),
            fit.predict[static_cast<std::size_t>(form)]);
    }
    std::fputs(format_columns({"error", "MAPE", "worst", "groups"}, rows).c_str(), stdout);
    std::printf("\nR2 %s   rank correlation %s   condition number %s   rows %zu   * predict uses\n",
                fixed(eq12.r2, 5).c_str(),
                fixed(eq12.rank_correlation, 4).c_str(),
                fixed(eq12.condition, 1).c_str(),
                fit.rows.size());
}

void print_kernels(const FitResult& fit) {
    std::vector<std::vector<std::string>> rows;
    for (const costmodel::KernelFit& kernel : fit.kernels) {
        rows.push_back({kernel.law.kernel,
                        std::to_string(kernel.rows),
                        std::to_string(kernel.shapes),
                        fixed(kernel.factor, 3),
                        percent(kernel.count_mape),
                        percent(kernel.mape[0]),
                        percent(kernel.mape[1])});
    }
    if (rows.empty()) return;
    std::fputs(format_columns({"kernel",
                               "rows",
                               "shapes",
                               "factor",
                               "instructions",
                               "cycles eq12",
                               "cycles eq12-per-kernel"},
                              rows)
                   .c_str(),
               stdout);
    std::puts("(from the layer alone, its shape left out: mean absolute errors)");
}

void print_worst(const FitResult& fit, int count) {
    std::vector<double> measured;
    for (const traces::Record& row : fit.rows) measured.push_back(static_cast<double>(row.cycles));
    std::vector<std::vector<std::string>> rows;
    for (const std::size_t i :
         costmodel::worst_rows(fit.eq12.predicted, measured, static_cast<std::size_t>(count))) {
        const traces::Record& row = fit.rows[i];
        const double error = 100 * costmodel::relative_error(fit.eq12.predicted[i], measured[i]);
        rows.push_back({row.kernel,
                        to_string(row.layer),
                        to_string(row.precision),
                        grouped(static_cast<std::int64_t>(row.cycles)),
                        grouped(std::llround(fit.eq12.predicted[i])),
                        (error > 0 ? "+" : "") + percent(error)});
    }
    std::fputs(
        format_columns({"worst rows", "layer", "bits", "cycles", "Eq. 12", "error"}, rows).c_str(),
        stdout);
}

void print(const FitResult& fit, int worst) {
    if (!fit.eq12.answered) {
        std::printf("no answer from %zu rows\n", fit.rows.size());
        return;
    }
    std::puts("cycles = scale * (C_SISD + alpha * C_SIMD + beta * C_bit)\n");
    print_coefficients(fit.eq12);
    if (!fit.eq12.identifiable) {
        std::puts("alpha and beta are NOT identified by these rows: see the warnings");
    }
    std::puts("");
    print_measures(fit);
    std::puts("");
    print_kernels(fit);
    if (worst > 0) {
        std::puts("");
        print_worst(fit, worst);
    }
}

void write_residuals(const std::string& path, const FitResult& fit) {
    traces::Table table;
    table.metadata = fit.provenance;
    table.columns = {"kernel", "layer", "bits", "cycles", "eq12_cycles", "error_percent"};
    for (std::size_t i = 0; i < fit.eq12.predicted.size(); ++i) {
        const traces::Record& row = fit.rows[i];
        const auto measured = static_cast<double>(row.cycles);
        table.rows.push_back(
            {row.kernel,
             to_string(row.layer),
             to_string(row.precision),
             std::to_string(row.cycles),
             fixed(fit.eq12.predicted[i], 0),
             fixed(100 * costmodel::relative_error(fit.eq12.predicted[i], measured), 3)});
    }
    traces::write_table(path, table);
}

void check_limit(const FitResult& fit, double limit) {
    const std::optional<HoldOut>& held = fit.eq12.shape;
    if (!held) {
        throw LimitNotMet("--max-holdout-mape " + fixed(limit, 2) +
                          " cannot be checked: no shape can be left out");
    }
    if (held->mape > limit) {
        throw LimitNotMet("hold-out MAPE " + percent(held->mape) + " is above the limit of " +
                          percent(limit));
    }
}

void run(const FitOptions& options) {
    std::vector<costmodel::TraceFile> files;
    for (const std::string& path : options.traces) files.push_back(costmodel::read_trace(path));
    const FitResult fit = costmodel::fit(files, {.draws = 2000, .seed = options.seed});
    for (const std::string& warning : fit.warnings) {
        std::fprintf(stderr, "mixq-sim: warning: %s\n", warning.c_str());
    }
    if (options.json != "-") print(fit, options.worst);
    write_json(options.json, to_json(fit));
    if (!fit.eq12.answered) {
        throw std::runtime_error("the traces do not determine Eq. 12: " + fit.warnings.back() +
                                 (options.output.empty() ? "" : "; no model was written"));
    }
    if (!options.output.empty()) costmodel::write_model(options.output, fit);
    if (!options.residuals.empty()) write_residuals(options.residuals, fit);
    if (options.max_holdout_mape) check_limit(fit, *options.max_holdout_mape);
}

}  // namespace

void add_fit(CLI::App& app) {
    CLI::App* verb = app.add_subcommand("fit", "Fits the latency model to traces");
    auto options = std::make_shared<FitOptions>();
    verb->add_option("traces", options->traces, "Trace files of mixq-sim trace")->required();
    verb->add_option("-o,--output", options->output, "Write the model to this file");
    verb->add_option(
        "--json", options->json, "Write the figures as JSON to this file (- is stdout)");
    verb->add_option("--residuals",
                     options->residuals,
                     "Write every row with its prediction and error to this CSV file");
    verb->add_option("--worst", options->worst, "Rows with the largest errors to list")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    verb->add_option("--max-holdout-mape",
                     options->max_holdout_mape,
                     "Exit 3 if Eq. 12's mean error on shapes left out is larger, in percent")
        ->check(CLI::NonNegativeNumber);
    verb->add_option("--seed", options->seed, "Seed of the bootstrap")->capture_default_str();
    verb->footer(
        R"(Least squares of relative errors over all rows of

  cycles = scale * (C_SISD + alpha * C_SIMD + beta * C_bit)        Eq. 12 of the MCU-MixQ paper

where loads, stores and branches count as SISD. The model file also holds, per kernel, the instructions per unit of
work and a factor to cycles, so that predict can answer for layers that never ran. Whatever speaks against the
coefficients (a negative one, dependent columns, too few rows, an interval that includes 0) is a warning on stderr
and in the model file; rows too few or dependent for any answer end with exit code 1 and no model.

  mixq-sim trace --suite demo -o traces.csv
  mixq-sim fit traces.csv -o model.csv
  mixq-sim fit traces.csv more.csv -o model.csv --residuals residuals.csv --max-holdout-mape 20)");
    verb->callback([options] { run(*options); });
}

}  // namespace mixq::tools
