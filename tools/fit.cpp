// The verb fit: traces in, alpha, beta and a model file out, with everything that speaks against
// them.
#include "costmodel/fit.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "costmodel/error.h"
#include "costmodel/model.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/model_pictures.h"
#include "traces/file.h"
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
    std::string picture;
    std::vector<std::string> unseen;
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

nlohmann::json to_json(const costmodel::Measures& measures) {
    const auto or_null = [](const std::optional<double>& value) {
        return value ? nlohmann::json(*value) : nlohmann::json();
    };
    return {{"mape", measures.mape},
            {"worst", measures.worst},
            {"within_5", measures.within5},
            {"within_10", measures.within10},
            {"r2", or_null(measures.r2)},
            {"rank_correlation", or_null(measures.rank_correlation)},
            {"values", measures.values}};
}

nlohmann::json to_json(const std::optional<HoldOut>& held) {
    if (!held) return {};
    nlohmann::json json = to_json(static_cast<const costmodel::Measures&>(*held));
    json["groups"] = held->groups;
    return json;
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
        const auto i = static_cast<std::size_t>(form);
        json["predict_holdout"][name(form)] = to_json(fit.predict[i]);
        json["predict_holdout_bits"][name(form)] = to_json(fit.predict_bits[i]);
        json["predict_holdout_kernel"][name(form)] = to_json(fit.predict_kernel[i]);
    }
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        const auto class_name = traces::name(static_cast<traces::InstrClass>(c));
        json["eq12_plus"]["cycles"][class_name] = fit.eq12_plus.equation.per_instruction[c];
        json["eq12_plus"]["intervals"][class_name] = to_json(fit.eq12_plus.bootstrap[c]);
    }
    json["eq12_plus"]["condition"] = finite(fit.eq12_plus.condition);
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

const std::vector<std::string> kMeasuresHeader = {
    "error", "MAPE", "worst", "within 5 %", "within 10 %", "rank", "groups"};

std::vector<std::string> measures_row(const std::string& what,
                                      const costmodel::Measures& measures,
                                      const std::string& groups) {
    return {what,
            percent(measures.mape),
            percent(measures.worst),
            fixed(100 * measures.within5, 0) + " %",
            fixed(100 * measures.within10, 0) + " %",
            measures.rank_correlation ? fixed(*measures.rank_correlation, 4) : "-",
            groups};
}

void print_plus(const costmodel::Eq12PlusFit& fit) {
    if (!fit.answered) return;
    std::vector<std::vector<std::string>> rows;
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        rows.push_back({std::string(traces::name(static_cast<traces::InstrClass>(c))),
                        fixed(fit.equation.per_instruction[c], 4),
                        range(fit.bootstrap[c])});
    }
    std::fputs(format_columns({"eq12+: class", "cycles each", "95 % (shapes)"}, rows).c_str(),
               stdout);
    std::printf("condition number %s\n\n", fixed(fit.condition, 1).c_str());
}

void print_measures(const FitResult& fit) {
    const Eq12Fit& eq12 = fit.eq12;
    std::vector<double> measured;
    for (const traces::Record& row : fit.rows) measured.push_back(static_cast<double>(row.cycles));
    std::vector<std::vector<std::string>> rows{measures_row(
        "Eq. 12 on the rows it was fitted on", costmodel::measures(eq12.predicted, measured), "")};
    rows.push_back(measures_row("eq12+ on the rows it was fitted on", fit.eq12_plus.in_sample, ""));
    const auto add = [&](const std::string& what, const std::optional<HoldOut>& held) {
        if (!held) {
            rows.push_back({what, "-", "-", "-", "-", "-", ""});
            return;
        }
        rows.push_back(measures_row(what, *held, std::to_string(held->groups)));
    };
    add("  one shape left out", eq12.shape);
    add("  one kernel left out", eq12.kernel);
    add("  one bit pair left out", eq12.bits);
    for (const ModelForm form : costmodel::kAllForms) {
        const auto i = static_cast<std::size_t>(form);
        add("layer to cycles by " + std::string(name(form)) + ", shape left out" +
                (form == fit.form ? " *" : ""),
            fit.predict[i]);
        add("  bit pair left out", fit.predict_bits[i]);
        if (fit.predict_kernel[i]) {
            add("  kernel left out (its counts known)", fit.predict_kernel[i]);
        }
    }
    std::fputs(format_columns(kMeasuresHeader, rows).c_str(), stdout);
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
                        percent(kernel.count_mape)});
        for (const ModelForm form : costmodel::kAllForms) {
            rows.back().push_back(percent(kernel.mape[static_cast<std::size_t>(form)]));
        }
    }
    if (rows.empty()) return;
    std::vector<std::string> header{"kernel", "rows", "shapes", "factor", "instructions"};
    for (const ModelForm form : costmodel::kAllForms) {
        header.push_back("cycles " + std::string(name(form)));
    }
    std::fputs(format_columns(header, rows).c_str(), stdout);
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
    print_plus(fit.eq12_plus);
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

// Records that are not fitted, as the fitted model predicts them from layer, bits and kernel alone.
struct Unseen {
    std::vector<const traces::Record*> rows;
    costmodel::PerForm<std::vector<double>> predicted;
    std::vector<double> measured;
    int inside = 0;  // the intervals of the form that is used
    std::vector<std::string> not_predicted;
};

Unseen judge(const FitResult& fit, const std::vector<costmodel::TraceFile>& files) {
    Unseen unseen;
    const costmodel::LatencyModel model = costmodel::LatencyModel::from(fit);
    for (const costmodel::TraceFile& file : files) {
        for (const traces::Record& row : file.records) {
            costmodel::PerForm<double> predicted{};
            bool inside = false;
            try {
                for (const ModelForm form : costmodel::kAllForms) {
                    const costmodel::Prediction prediction = model.with_form(form).predict(row);
                    predicted[static_cast<std::size_t>(form)] = prediction.cycles;
                    const auto cycles = static_cast<double>(row.cycles);
                    if (form == fit.form) {
                        inside = prediction.low <= cycles && cycles <= prediction.high;
                    }
                }
            } catch (const std::runtime_error& error) {
                unseen.not_predicted.emplace_back(error.what());
                continue;
            }
            unseen.rows.push_back(&row);
            unseen.measured.push_back(static_cast<double>(row.cycles));
            unseen.inside += inside ? 1 : 0;
            for (std::size_t i = 0; i < costmodel::kModelForms; ++i) {
                unseen.predicted[i].push_back(predicted[i]);
            }
        }
    }
    if (unseen.rows.empty()) {
        throw std::runtime_error(
            "no record of --unseen can be predicted" +
            (unseen.not_predicted.empty() ? std::string() : ": " + unseen.not_predicted.front()));
    }
    return unseen;
}

void print_unseen(const FitResult& fit, const Unseen& unseen) {
    std::vector<std::vector<std::string>> rows;
    for (const ModelForm form : costmodel::kAllForms) {
        rows.push_back(measures_row(
            std::string(name(form)) + (form == fit.form ? " *" : ""),
            costmodel::measures(unseen.predicted[static_cast<std::size_t>(form)], unseen.measured),
            std::to_string(unseen.rows.size()) + " rows"));
    }
    std::puts("\nruns that were not fitted, from layer, bits and kernel alone:");
    std::fputs(format_columns(kMeasuresHeader, rows).c_str(), stdout);
    std::printf("%d of %zu inside the 95 %% interval of *\n", unseen.inside, unseen.rows.size());
    std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> by_kernel;
    const auto form = static_cast<std::size_t>(fit.form);
    for (std::size_t i = 0; i < unseen.rows.size(); ++i) {
        auto& [predicted, measured] = by_kernel[unseen.rows[i]->kernel];
        predicted.push_back(unseen.predicted[form][i]);
        measured.push_back(unseen.measured[i]);
    }
    rows.clear();
    for (const auto& [kernel, values] : by_kernel) {
        rows.push_back(measures_row(kernel,
                                    costmodel::measures(values.first, values.second),
                                    std::to_string(values.first.size()) + " rows"));
    }
    std::fputs(format_columns(kMeasuresHeader, rows).c_str(), stdout);
    rows.clear();
    for (const std::size_t i : costmodel::worst_rows(unseen.predicted[form], unseen.measured, 5)) {
        const traces::Record& row = *unseen.rows[i];
        rows.push_back({row.kernel,
                        to_string(row.layer),
                        to_string(row.precision),
                        grouped(static_cast<std::int64_t>(row.cycles)),
                        grouped(std::llround(unseen.predicted[form][i]))});
    }
    std::fputs(format_columns({"worst of *", "layer", "bits", "cycles", "predicted"}, rows).c_str(),
               stdout);
    for (const std::string& why : unseen.not_predicted) {
        std::fprintf(stderr, "mixq-sim: warning: not predicted: %s\n", why.c_str());
    }
}

nlohmann::json unseen_json(const FitResult& fit, const Unseen& unseen) {
    nlohmann::json json{{"rows", unseen.rows.size()},
                        {"not_predicted", unseen.not_predicted},
                        {"inside_interval", unseen.inside}};
    for (const ModelForm form : costmodel::kAllForms) {
        json["forms"][name(form)] = to_json(
            costmodel::measures(unseen.predicted[static_cast<std::size_t>(form)], unseen.measured));
    }
    json["form"] = name(fit.form);
    return json;
}

void write_picture(const std::string& path, const FitResult& fit) {
    if (fit.residuals.empty()) {
        throw std::runtime_error(
            "--picture: no shape could be left out, so there are no residuals");
    }
    std::vector<ResidualPoint> points;
    for (const FitResult::Residual& residual : fit.residuals) {
        const traces::Record& row = fit.rows[residual.row];
        points.push_back({row.kernel + " " + to_string(row.layer) + " " + to_string(row.precision),
                          row.kernel,
                          static_cast<double>(row.cycles),
                          residual.predicted[static_cast<std::size_t>(fit.form)]});
    }
    traces::write_file(
        path,
        residuals_svg("Errors of " + std::string(name(fit.form)) + " on shapes left out", points));
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
    std::vector<costmodel::TraceFile> unseen_files;
    for (const std::string& path : options.unseen) {
        unseen_files.push_back(costmodel::read_trace(path));
    }
    if (options.json != "-") print(fit, options.worst);
    nlohmann::json json = to_json(fit);
    if (fit.eq12.answered && !unseen_files.empty()) {
        const Unseen unseen = judge(fit, unseen_files);
        if (options.json != "-") print_unseen(fit, unseen);
        json["unseen"] = unseen_json(fit, unseen);
    }
    write_json(options.json, json);
    if (!fit.eq12.answered) {
        throw std::runtime_error("the traces do not determine Eq. 12: " + fit.warnings.back() +
                                 (options.output.empty() ? "" : "; no model was written"));
    }
    if (!options.output.empty()) costmodel::write_model(options.output, fit);
    if (!options.residuals.empty()) write_residuals(options.residuals, fit);
    if (!options.picture.empty()) write_picture(options.picture, fit);
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
    verb->add_option(
        "--picture", options->picture, "Draw the errors on shapes left out into this SVG file");
    verb->add_option("--unseen",
                     options->unseen,
                     "Traces that are not fitted but predicted, to judge every form by");
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
  mixq-sim fit traces/sim/cortex_m7/fit.csv --unseen traces/sim/cortex_m7/holdout.csv --picture errors.svg
  mixq-sim fit traces.csv more.csv -o model.csv --residuals residuals.csv --max-holdout-mape 20)");
    verb->callback([options] { run(*options); });
}

}  // namespace mixq::tools
