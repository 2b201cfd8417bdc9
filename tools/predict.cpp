// The verb predict: cycles and memory of a layer or of a plan, from a model and without running it.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "costmodel/iso_latency.h"
#include "costmodel/model.h"
#include "kernels/kernel.h"
#include "kernels/network/firmware.h"
#include "kernels/network/memory_plan.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/fit_design.h"
#include "tools/model_pictures.h"
#include "traces/file.h"

namespace mixq::tools {

namespace {

using costmodel::LatencyModel;
using costmodel::Prediction;
using kernels::IntegerLayer;
using kernels::IntegerNetwork;

struct PredictOptions {
    std::string plan;
    std::string layer;
    std::string bits;
    std::string model;
    std::string form;
    std::string json;
    std::string heat_map;
    std::optional<std::string> kernel;
    int benchmark = 0;
};

// Of estimates: on layers that were not fitted they are off by less than half of this.
constexpr double kMayBeFaster = 1.2;
// Layers of each family in a benchmark draw at most, each at all pairs of bits; and its seed, which no suite has.
constexpr int kBenchmarkLayers = 64;
constexpr std::uint64_t kBenchmarkSeed = 4711;

// One layer with the kernel that will run it.
struct LayerCost {
    const IntegerLayer* layer = nullptr;
    Prediction prediction;
    kernels::LayerMemory memory;
    std::uint64_t flash_bytes = 0;  // packed weights and the constants beside them; no code
};

// Of the kernels of a purpose, what the model predicts of them, the fastest first.
std::vector<Prediction> predictions(const LatencyModel& model,
                                    const IntegerLayer& layer,
                                    kernels::Purpose purpose) {
    const auto of = [&](const LatencyModel& how, const std::string& kernel) {
        try {
            return std::optional(how.predict(layer.shape, layer.precision, kernel));
        } catch (const std::runtime_error&) {
            return std::optional<Prediction>();  // not known to the model at this layer
        }
    };
    const auto faster = [](const auto& a, const auto& b) { return a.cycles < b.cycles; };
    const bool schedules = model.form() == costmodel::ModelForm::Resource;
    const LatencyModel first = schedules ? model.with_estimates() : model;
    std::vector<Prediction> all;
    for (const std::string& kernel : model.kernels()) {
        if (kernels::find_kernel(kernel).purpose() != purpose) continue;
        if (const auto prediction = of(first, kernel)) all.push_back(*prediction);
    }
    std::sort(all.begin(), all.end(), faster);
    if (!schedules) return all;
    // Scheduling takes a second: only those that may turn out the fastest, and the others where these do not pack.
    const double within = all.empty() ? 0 : kMayBeFaster * all.front().cycles;
    for (Prediction& prediction : all) {
        if (prediction.cycles > within) break;
        if (const auto exact = of(model, prediction.kernel)) prediction = *exact;
    }
    std::sort(all.begin(), all.end(), faster);
    return all;
}

// The fastest kernel by prediction whose packing takes the actual weights.
LayerCost cost_of(const LatencyModel& model,
                  const IntegerLayer& layer,
                  const std::optional<std::string>& wanted) {
    std::vector<Prediction> candidates;
    if (wanted) {
        candidates.push_back(model.predict(layer.shape, layer.precision, wanted));
    } else {
        candidates = predictions(model, layer, kernels::Purpose::Deploy);
        if (candidates.empty()) candidates = predictions(model, layer, kernels::Purpose::Compare);
        // Throws, saying why of each kernel.
        if (candidates.empty()) candidates.push_back(model.predict(layer.shape, layer.precision));
    }
    std::string reasons;
    for (const Prediction& prediction : candidates) {
        try {
            const kernels::PackedLayer packed = kernels::find_kernel(prediction.kernel).pack(layer);
            LayerCost cost;
            cost.layer = &layer;
            cost.prediction = prediction;
            cost.flash_bytes =
                packed.weights.size() +
                sizeof(std::int32_t) * (packed.multiplier.size() + packed.bias.size());
            const std::int64_t value_bytes = layer.output_bits == 0 ? sizeof(std::int32_t) : 1;
            cost.memory = {static_cast<std::uint32_t>(layer.shape.input_elements()),
                           static_cast<std::uint32_t>(layer.shape.output_elements() * value_bytes),
                           packed.scratch_bytes};
            return cost;
        } catch (const std::runtime_error& error) {
            reasons += (reasons.empty() ? "" : " / ") + std::string(error.what());
        }
    }
    throw std::runtime_error("no kernel of the model packs " + layer.name + ": " + reasons);
}

struct NetworkCost {
    std::vector<LayerCost> layers;
    double cycles = 0;
    // The sums of the layers' bounds: errors of one model do not cancel between layers.
    double low = 0;
    double high = 0;
    std::uint64_t ram_bytes = 0;
    std::uint64_t flash_bytes = 0;
};

NetworkCost cost_of(const LatencyModel& model,
                    const IntegerNetwork& network,
                    const std::optional<std::string>& kernel) {
    NetworkCost total;
    std::vector<kernels::LayerMemory> memory;
    for (const IntegerLayer& layer : network.layers) {
        LayerCost cost = cost_of(model, layer, kernel);
        total.cycles += cost.prediction.cycles;
        total.low += cost.prediction.low;
        total.high += cost.prediction.high;
        total.flash_bytes += cost.flash_bytes;
        memory.push_back(cost.memory);
        total.layers.push_back(std::move(cost));
    }
    total.ram_bytes = kernels::plan_memory(memory).arena_bytes;
    return total;
}

double milliseconds(const LatencyModel& model, double cycles) {
    return 1e3 * cycles / static_cast<double>(model.clock_hz());
}

std::string whole(double value) {
    return grouped(std::llround(value));
}

std::string interval(double low, double high) {
    return whole(low) + " .. " + whole(high);
}

std::string bytes(std::uint64_t count) {
    return grouped(static_cast<std::int64_t>(count));
}

void warn(const LatencyModel& model) {
    if (const std::size_t count = model.warnings().size(); count > 0 && !quiet()) {
        std::fprintf(stderr,
                     "mixq-sim: warning: the model was fitted with %zu warning%s, the first: %s\n",
                     count,
                     count == 1 ? "" : "s",
                     model.warnings().front().c_str());
    }
}

void warn_if_extrapolated(const LayerCost& cost) {
    if (!cost.prediction.extrapolated) return;
    std::fprintf(stderr,
                 "mixq-sim: warning: %s is more than twice larger or smaller than any layer %s was "
                 "traced on: trust its interval less\n",
                 to_string(cost.layer->shape).c_str(),
                 cost.prediction.kernel.c_str());
}

std::string conditions(const LatencyModel& model) {
    return model.board() + " at " + fixed(static_cast<double>(model.clock_hz()) / 1e6, 0) +
           " MHz, model " + std::string(name(model.form()));
}

nlohmann::json layer_json(const LatencyModel& model, const LayerCost& cost) {
    const Prediction& prediction = cost.prediction;
    const kernels::MemoryPlan plan = kernels::plan_memory({&cost.memory, 1});
    return {{"layer", to_string(cost.layer->shape)},
            {"bits", to_string(cost.layer->precision)},
            {"kernel", prediction.kernel},
            {"cycles", prediction.cycles},
            {"interval", {prediction.low, prediction.high}},
            {"ms", milliseconds(model, prediction.cycles)},
            {"extrapolated", prediction.extrapolated},
            {"ram_bytes", plan.arena_bytes},
            {"flash_bytes", cost.flash_bytes}};
}

void add_conditions(const LatencyModel& model, nlohmann::json& json) {
    json["model_form"] = name(model.form());
    json["board"] = model.board();
    json["clock_hz"] = model.clock_hz();
    json["model_warnings"] = model.warnings();
}

std::vector<std::string> layer_row(const LatencyModel& model, const LayerCost& cost) {
    const Prediction& prediction = cost.prediction;
    return {cost.layer->name,
            to_string(cost.layer->shape),
            to_string(cost.layer->precision),
            prediction.kernel,
            whole(prediction.cycles),
            interval(prediction.low, prediction.high),
            fixed(milliseconds(model, prediction.cycles), 3),
            bytes(kernels::plan_memory({&cost.memory, 1}).arena_bytes),
            bytes(cost.flash_bytes)};
}

const std::vector<std::string> kHeader = {
    "name", "layer", "bits", "kernel", "cycles", "95 % interval", "ms", "RAM bytes", "flash bytes"};

void predict_layer(const LatencyModel& model,
                   const traces::Layer& layer,
                   traces::Precision precision,
                   const PredictOptions& options) {
    // Its sizes are those of a layer with random weights; its seed changes none of them.
    const IntegerNetwork network =
        kernels::random_layer(layer, precision, kernels::WeightKind::Uniform, 1);
    const LayerCost cost = cost_of(model, network.layers.front(), options.kernel);
    warn_if_extrapolated(cost);
    if (options.json != "-") {
        std::fputs(format_columns(kHeader, {layer_row(model, cost)}).c_str(), stdout);
        std::printf("%s; flash is packed weights and constants, without code\n",
                    conditions(model).c_str());
    }
    nlohmann::json json = layer_json(model, cost);
    add_conditions(model, json);
    write_json(options.json, json);
}

std::string joined(const std::vector<traces::Precision>& precisions) {
    std::string text;
    for (const traces::Precision precision : precisions) {
        text += (text.empty() ? "" : " ") + to_string(precision);
    }
    return text;
}

// The pairs the model cannot tell apart: a search needs the widest of each class alone.
void print_classes(const std::vector<costmodel::IsoLatencyClass>& classes) {
    std::vector<std::vector<std::string>> rows;
    for (const costmodel::IsoLatencyClass& of : classes) {
        std::vector<traces::Precision> members;
        for (const auto& member : of.members) members.push_back(member.precision);
        const double fastest = of.members.front().prediction.cycles;
        const double slowest = of.members.back().prediction.cycles;
        rows.push_back({whole(fastest) + (slowest > fastest ? " .. " + whole(slowest) : ""),
                        joined(of.widest),
                        joined(members)});
    }
    std::puts("");
    std::fputs(format_columns({"iso-latency class", "widest", "pairs"}, rows).c_str(), stdout);
}

// All 49 pairs: cycles and the kernel of each.
void predict_pairs(const LatencyModel& model,
                   const traces::Layer& layer,
                   const PredictOptions& options) {
    std::vector<std::string> header{"weights \\ activations"};
    for (int bits = traces::kMinBits; bits <= traces::kMaxBits; ++bits) {
        header.push_back("a" + std::to_string(bits));
    }
    std::vector<std::vector<std::string>> rows;
    nlohmann::json pairs = nlohmann::json::array();
    std::vector<std::string> used;
    std::string missing;
    std::vector<costmodel::PairPrediction> predicted;
    for (const traces::Precision precision : traces::all_precisions()) {
        if (precision.activation_bits == traces::kMinBits) {
            rows.push_back({"w" + std::to_string(precision.weight_bits)});
        }
        nlohmann::json pair{{"bits", to_string(precision)}};
        try {
            const Prediction prediction = model.predict(layer, precision, options.kernel);
            auto found = std::find(used.begin(), used.end(), prediction.kernel);
            if (found == used.end()) found = used.insert(used.end(), prediction.kernel);
            const auto mark = static_cast<char>('a' + (found - used.begin()));
            rows.back().push_back(whole(prediction.cycles) + " " + mark);
            pair["kernel"] = prediction.kernel;
            pair["cycles"] = prediction.cycles;
            pair["interval"] = {prediction.low, prediction.high};
            predicted.push_back({precision, prediction});
        } catch (const std::runtime_error& error) {
            rows.back().push_back("-");
            pair["cycles"] = nullptr;
            pair["why"] = error.what();
            missing = error.what();
        }
        pairs.push_back(std::move(pair));
    }
    if (used.empty()) throw std::runtime_error(missing);
    if (options.json != "-") {
        std::printf("cycles of %s, %s\n\n", to_string(layer).c_str(), conditions(model).c_str());
        std::fputs(format_columns(header, rows).c_str(), stdout);
        for (std::size_t i = 0; i < used.size(); ++i) {
            std::printf(
                "%s%c %s", i == 0 ? "\n" : "   ", static_cast<char>('a' + i), used[i].c_str());
        }
        std::puts("");
        if (!missing.empty()) std::printf("-  %s\n", missing.c_str());
    }
    const std::vector<costmodel::IsoLatencyClass> classes =
        costmodel::iso_latency_classes(predicted);
    if (options.json != "-") print_classes(classes);
    nlohmann::json json{{"layer", to_string(layer)}, {"pairs", pairs}};
    for (const costmodel::IsoLatencyClass& of : classes) {
        nlohmann::json one;
        for (const auto& member : of.members) one["bits"].push_back(to_string(member.precision));
        for (const traces::Precision widest : of.widest) one["widest"].push_back(to_string(widest));
        json["classes"].push_back(std::move(one));
    }
    if (!options.heat_map.empty()) {
        traces::write_file(options.heat_map,
                           heat_map_svg(to_string(layer) + ", " + conditions(model),
                                        static_cast<double>(layer.macs()),
                                        predicted));
    }
    add_conditions(model, json);
    write_json(options.json, json);
}

void predict_plan(const LatencyModel& model, const PredictOptions& options) {
    const IntegerNetwork network = kernels::read_plan(options.plan);
    const NetworkCost cost = cost_of(model, network, options.kernel);
    for (const LayerCost& layer : cost.layers) warn_if_extrapolated(layer);
    if (options.json != "-") {
        std::vector<std::vector<std::string>> rows;
        for (const LayerCost& layer : cost.layers) rows.push_back(layer_row(model, layer));
        rows.push_back({"total",
                        "",
                        "",
                        "",
                        whole(cost.cycles),
                        interval(cost.low, cost.high),
                        fixed(milliseconds(model, cost.cycles), 3),
                        bytes(cost.ram_bytes),
                        bytes(cost.flash_bytes)});
        std::fputs(format_columns(kHeader, rows).c_str(), stdout);
        std::printf(
            "%s; without pooling and start-up; flash is packed weights and constants, "
            "without code\n",
            conditions(model).c_str());
    }
    nlohmann::json json{{"network", network.name},
                        {"cycles", cost.cycles},
                        {"interval", {cost.low, cost.high}},
                        {"ms", milliseconds(model, cost.cycles)},
                        {"ram_bytes", cost.ram_bytes},
                        {"flash_bytes", cost.flash_bytes}};
    for (const LayerCost& layer : cost.layers) {
        nlohmann::json one = layer_json(model, layer);
        one["name"] = layer.layer->name;
        json["layers"].push_back(std::move(one));
    }
    add_conditions(model, json);
    write_json(options.json, json);
}

// Distinct pairs of layer and bits that the process has not met, the fastest of all kernels for each: as a search asks.
void benchmark(const LatencyModel& model, const PredictOptions& options) {
    std::vector<std::pair<traces::Layer, traces::Precision>> pairs;
    std::vector<std::vector<traces::Layer>> layers;
    for (const std::string& family : layer_families())
        layers.push_back(drawn_layers(family, kBenchmarkLayers, kBenchmarkSeed));
    for (std::size_t i = 0; i < kBenchmarkLayers; ++i) {
        for (const auto& family : layers) {
            for (const traces::Precision precision : traces::all_precisions()) {
                if (static_cast<int>(pairs.size()) < options.benchmark)
                    pairs.emplace_back(family[i], precision);
            }
        }
    }
    double cycles = 0;
    std::map<std::string, int> chosen;
    const auto begin = std::chrono::steady_clock::now();
    for (const auto& [layer, precision] : pairs) {
        const Prediction prediction = model.predict(layer, precision);
        cycles += prediction.cycles;
        ++chosen[prediction.kernel];
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (options.json != "-") {
        std::printf(
            "%zu distinct pairs of layer and bits, the fastest kernel of each, cold: %s s\n",
            pairs.size(),
            fixed(seconds, 3).c_str());
    }
    nlohmann::json json{{"pairs", pairs.size()},
                        {"seconds", seconds},
                        {"mean_cycles", cycles / static_cast<double>(pairs.size())},
                        {"kernels", chosen}};
    add_conditions(model, json);
    write_json(options.json, json);
}

void run(const PredictOptions& options) {
    if (options.benchmark > 0) {
        const LatencyModel model = LatencyModel::read(options.model);
        return benchmark(model.with_estimates(), options);
    }
    if (options.plan.empty() == options.layer.empty()) {
        throw std::invalid_argument(
            "predict takes either a PLAN or --layer; see mixq-sim predict --help");
    }
    if (!options.heat_map.empty() && (options.layer.empty() || !options.bits.empty())) {
        throw std::invalid_argument("--heatmap goes with --layer and without --bits");
    }
    if (!options.plan.empty() && !options.bits.empty()) {
        throw std::invalid_argument("--bits goes with --layer: a plan has its own");
    }
    std::optional<traces::Layer> layer;
    std::optional<traces::Precision> precision;
    if (!options.layer.empty()) layer = traces::parse_layer(options.layer);
    if (!options.bits.empty()) precision = traces::parse_precision(options.bits);
    if (options.kernel) kernels::find_kernel(*options.kernel);
    LatencyModel model = LatencyModel::read(options.model);
    if (!options.form.empty()) model = model.with_form(costmodel::find_form(options.form));
    warn(model);
    if (!layer) {
        predict_plan(model, options);
    } else if (precision) {
        predict_layer(model, *layer, *precision, options);
    } else {
        // Scheduling 49 pairs of every kernel would take minutes.
        const bool quick = model.form() == costmodel::ModelForm::Resource;
        predict_pairs(quick ? model.with_estimates() : model, *layer, options);
    }
}

}  // namespace

void add_predict(CLI::App& app) {
    CLI::App* verb =
        app.add_subcommand("predict", "Cycles, RAM and flash of a layer or a plan, from a model");
    auto options = std::make_shared<PredictOptions>();
    verb->add_option("plan", options->plan, "Plan file of mixq-sim nas");
    verb->add_option(
        "--layer", options->layer, "One layer, such as conv3x3:32x32@16x16 or fc:512x64");
    verb->add_option("--bits", options->bits, "Its bits, such as w4a2; without it, all 49 pairs");
    verb->add_option("--model", options->model, "Model file of mixq-sim fit")->required();
    verb->add_option(
        "--kernel", options->kernel, "Predict for this kernel; without it, the fastest that fits");
    verb->add_option(
        "--model-form",
        options->form,
        "eq12, eq12-per-kernel, eq12+, resource or simulated; without it, the one that "
        "predicted left-out shapes best");
    verb->add_option(
        "--heatmap", options->heat_map, "Draw the 49 pairs of --layer into this SVG file");
    verb->add_option("--benchmark",
                     options->benchmark,
                     "Instead: how long so many predictions take that a search asks for")
        ->check(CLI::Range(1, kBenchmarkLayers * 6 * 49));
    verb->add_option(
        "--json", options->json, "Write the figures as JSON to this file (- is stdout)");
    verb->footer(
        R"(Cycles come with the interval that holds 95 in 100 layers of shapes the model has not seen. A layer whose kernel
was not traced on its kind is not guessed: the message names the trace that is missing.

  mixq-sim predict --layer conv3x3:32x32@16x16 --bits w4a4 --model model.csv
  mixq-sim predict --layer conv3x3:32x32@16x16 --model model.csv               the 49 pairs of bits
  mixq-sim predict plan.csv --model model.csv --json prediction.json           a network, layer by layer
  mixq-sim predict --benchmark 10000 --model model.csv                         how long a search's predictions take)");
    verb->callback([options] { run(*options); });
}

}  // namespace mixq::tools
