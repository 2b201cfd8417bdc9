// The verb bench: multiply-accumulates per cycle of the kernels there are, side by side.
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>

#include <CLI/CLI.hpp>

#include "kernels/kernel.h"
#include "kernels/network/parallel.h"
#include "tools/bench/figures.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/measure.h"
#include "tools/record_json.h"
#include "tools/suites.h"
#include "traces/file.h"

namespace mixq::tools {

namespace {

constexpr const char* kBest = "best";
// What the others are compared with: the plain loop, and what a Cortex-M7 does with bytes.
constexpr const char* kBaselines[] = {"naive", "simd-int8"};

struct Options {
    std::vector<std::string> kernels;
    std::vector<std::string> layers = {"conv3x3:32x32@16x16", "conv1x1:64x64@12x12"};
    std::vector<std::string> precisions = {"w2a2", "w3a3", "w4a4", "w8a8"};
    std::string json;
    std::string figures;
    std::string board = "stm32f746";
    std::string memory = "exact";
    std::string weights = "dtcm";
    std::uint64_t seed = 1;
    int jobs = 2;

    MemoryUse memory_use() const { return {memory == "exact", weights == "dtcm"}; }
};

struct Row {
    std::string asked_for;  // a kernel, or "best"
    traces::Record record;
    std::optional<double> to_naive;
    std::optional<double> to_simd;
};

using Measured = std::map<std::string, traces::Record>;  // by kernel, layer and bits

std::string key(const std::string& kernel, const std::string& layer, const std::string& bits) {
    return kernel + " " + layer + " " + bits;
}

std::vector<std::string> every_kernel() {
    std::vector<std::string> names;
    for (const kernels::Kernel* kernel : kernels::all_kernels()) names.emplace_back(kernel->name());
    return names;
}

bool may_be_deployed(const std::string& kernel) {
    return kernels::find_kernel(kernel).purpose() == kernels::Purpose::Deploy;
}

// Everything the table needs: what was asked for, the candidates for "best", and the baselines.
std::vector<KernelRun> runs_for(const Options& options) {
    std::vector<std::string> names = every_kernel();
    const auto asked = [&](const std::string& name) {
        return std::find(options.kernels.begin(), options.kernels.end(), name) !=
               options.kernels.end();
    };
    for (const std::string& kernel : options.kernels) {
        if (kernel != kBest) kernels::find_kernel(kernel);
    }
    if (!options.kernels.empty()) {
        std::erase_if(names, [&](const std::string& name) {
            const bool baseline = std::find(std::begin(kBaselines), std::end(kBaselines), name) !=
                                  std::end(kBaselines);
            return !asked(name) && !baseline && !(asked(kBest) && may_be_deployed(name));
        });
    }
    std::vector<KernelRun> runs = cross(names, options.layers, options.precisions);
    std::erase_if(runs, [&](const KernelRun& run) {
        const auto network = kernels::random_layer(
            run.layer, run.precision, kernels::WeightKind::BellShaped, options.seed);
        return kernels::refusal(run.kernel, network.layers[0]).has_value();
    });
    return runs;
}

Measured measure(const Options& options, const std::vector<KernelRun>& runs) {
    const Measurement measurement(options.board, options.seed, options.memory_use());
    Measured measured;
    std::mutex mutex;
    Progress progress("bench", static_cast<std::int64_t>(runs.size()));
    kernels::in_parallel(runs.size(), options.jobs, [&](std::size_t i) {
        traces::Record record = measurement.simulate(measurement.build(runs[i]));
        const std::lock_guard lock(mutex);
        measured.emplace(to_string(runs[i]), std::move(record));
        progress.advance(to_string(runs[i]), static_cast<std::int64_t>(measured.size()));
    });
    return measured;
}

const traces::Record* find(const Measured& measured, const std::string& name) {
    const auto found = measured.find(name);
    return found == measured.end() ? nullptr : &found->second;
}

const traces::Record* fastest(const Measured& measured,
                              const std::string& layer,
                              const std::string& bits) {
    const traces::Record* best = nullptr;
    for (const std::string& kernel : every_kernel()) {
        if (!may_be_deployed(kernel)) continue;
        const traces::Record* record = find(measured, key(kernel, layer, bits));
        if (record != nullptr && (best == nullptr || record->cycles < best->cycles)) best = record;
    }
    return best;
}

std::vector<Row> rows_of(const Options& options, const Measured& measured) {
    const std::vector<std::string> asked =
        options.kernels.empty() ? every_kernel() : options.kernels;
    std::vector<Row> rows;
    for (const std::string& layer_text : options.layers) {
        for (const std::string& bits : options.precisions) {
            const std::string layer = to_string(traces::parse_layer(layer_text));
            const auto ratio = [&](const char* baseline,
                                   const traces::Record& record) -> std::optional<double> {
                const traces::Record* base = find(measured, key(baseline, layer, bits));
                if (base == nullptr) return std::nullopt;
                return static_cast<double>(base->cycles) / static_cast<double>(record.cycles);
            };
            for (const std::string& kernel : asked) {
                const traces::Record* record = kernel == kBest
                                                   ? fastest(measured, layer, bits)
                                                   : find(measured, key(kernel, layer, bits));
                if (record == nullptr && kernel == kBest) continue;
                if (record == nullptr) {
                    const auto why = kernels::find_kernel(kernel).refuses(
                        traces::parse_layer(layer), traces::parse_precision(bits));
                    if (!quiet()) {
                        std::fprintf(stderr,
                                     "%s: %s\n",
                                     key(kernel, layer, bits).c_str(),
                                     why ? why->c_str() : "not measured");
                    }
                    continue;
                }
                rows.push_back(
                    {kernel, *record, ratio("naive", *record), ratio("simd-int8", *record)});
            }
        }
    }
    return rows;
}

void print_rows(const std::vector<Row>& rows) {
    std::vector<std::vector<std::string>> cells;
    const auto times = [](const std::optional<double>& ratio) {
        return ratio ? fixed(*ratio, 2) + "x" : std::string("-");
    };
    for (const Row& row : rows) {
        const traces::Record& record = row.record;
        cells.push_back({row.asked_for == kBest ? "best: " + record.kernel : record.kernel,
                         to_string(record.layer),
                         to_string(record.precision),
                         fixed(record.mac_per_cycle(), 3),
                         grouped(static_cast<std::int64_t>(record.cycles)),
                         times(row.to_naive),
                         times(row.to_simd),
                         grouped(static_cast<std::int64_t>(record.code_bytes)),
                         grouped(static_cast<std::int64_t>(record.weight_bytes)),
                         grouped(static_cast<std::int64_t>(record.scratch_bytes))});
    }
    std::fputs(format_columns({"kernel",
                               "layer",
                               "bits",
                               "MAC/cycle",
                               "cycles",
                               "to naive",
                               "to simd-int8",
                               "code",
                               "weights",
                               "scratch"},
                              cells)
                   .c_str(),
               stdout);
    const traces::Provenance& from = rows.front().record.provenance;
    std::printf("\n%s at %g MHz, memory %s\n",
                from.board.c_str(),
                static_cast<double>(from.clock_hz) / 1e6,
                from.memory.c_str());
}

nlohmann::json rows_json(const std::vector<Row>& rows) {
    nlohmann::json json;
    json["rows"] = nlohmann::json::array();
    for (const Row& row : rows) {
        nlohmann::json entry = record_json(row.record);
        entry["best"] = row.asked_for == kBest;
        if (row.to_naive) entry["to_naive"] = *row.to_naive;
        if (row.to_simd) entry["to_simd_int8"] = *row.to_simd;
        json["rows"].push_back(std::move(entry));
    }
    return json;
}

// The bits of activations and weights are nothing to these: bytes are bytes.
bool ignores_bits(const std::string& kernel) {
    return kernel == "naive" || kernel == "simd-int8";
}

// Every pair with every kernel that may be deployed, and the figures' baselines.
std::vector<KernelRun> figure_runs(const traces::Layer& layer, std::uint64_t seed) {
    std::vector<std::string> names = figure_baselines();
    for (const kernels::Kernel* kernel : kernels::all_kernels()) {
        if (kernel->purpose() == kernels::Purpose::Deploy) names.emplace_back(kernel->name());
    }
    std::vector<KernelRun> runs;
    for (const std::string& name : names) {
        for (const traces::Precision precision : traces::all_precisions()) {
            if (ignores_bits(name) && precision != traces::Precision{8, 8}) continue;
            const auto network =
                kernels::random_layer(layer, precision, kernels::WeightKind::BellShaped, seed);
            if (!kernels::refusal(name, network.layers[0]))
                runs.push_back({name, layer, precision});
        }
    }
    return runs;
}

void run_figures(const Options& options) {
    std::vector<Figures> all;
    nlohmann::json json;
    json["layers"] = nlohmann::json::array();
    for (const std::string& text : options.layers) {
        const traces::Layer layer = traces::parse_layer(text);
        std::vector<traces::Record> records;
        for (auto& [name, record] : measure(options, figure_runs(layer, options.seed))) {
            records.push_back(record);
            if (!ignores_bits(record.kernel)) continue;
            for (const traces::Precision precision : traces::all_precisions()) {
                if (precision == record.precision) continue;
                records.push_back(record);
                records.back().precision = precision;
            }
        }
        all.push_back(figures_of(layer, records));
        if (options.json != "-") std::fputs((figures_text(all.back()) + "\n").c_str(), stdout);
        json["layers"].push_back(figures_json(all.back()));
    }
    const std::filesystem::path folder = options.figures;
    std::filesystem::create_directories(folder);
    traces::write_file(folder / "figures.html", figures_page(all));
    traces::write_file(folder / "figures.json", json.dump(2) + "\n");
    if (options.json != "-") std::printf("%s\n", (folder / "figures.html").c_str());
    write_json(options.json, json);
}

void run_bench(Options options) {
    if (options.precisions == std::vector<std::string>{"all"}) {
        options.precisions.clear();
        for (const traces::Precision precision : traces::all_precisions())
            options.precisions.push_back(to_string(precision));
    }
    if (!options.figures.empty()) return run_figures(options);
    const std::vector<KernelRun> runs = runs_for(options);
    const std::vector<Row> rows = rows_of(options, measure(options, runs));
    if (rows.empty())
        throw std::runtime_error("no kernel that was asked for runs any of these layers");
    if (options.json != "-") print_rows(rows);
    write_json(options.json, rows_json(rows));
}

}  // namespace

void add_bench(CLI::App& app) {
    auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("bench", "Compare kernels: MAC per cycle, cycles, bytes");
    verb->add_option(
        "--kernel",
        options->kernels,
        "Kernels, or best: the fastest of those that may be deployed (default: every kernel)");
    verb->add_option("--layer", options->layers, "Layers, such as conv3x3:32x32@16x16")
        ->capture_default_str();
    verb->add_option("--bits",
                     options->precisions,
                     "Bits of weights and activations, such as w4a4, or all 49 pairs: all")
        ->capture_default_str();
    verb->add_option("--json", options->json, "The rows as JSON (- is stdout)");
    verb->add_option(
        "--figures",
        options->figures,
        "Folder for the paper's figures 5 to 7 over all 49 pairs, as a page and as tables");
    verb->add_option(
            "--memory",
            options->memory,
            "exact: caches, bus and flash wait states at full speed; ideal: memory answers at once")
        ->check(CLI::IsMember({"exact", "ideal"}))
        ->capture_default_str();
    verb->add_option("--weights", options->weights, "Where weights and constants lie while it runs")
        ->check(CLI::IsMember({"dtcm", "flash"}))
        ->capture_default_str();
    verb->add_option("--board", options->board, "Board to simulate")->capture_default_str();
    verb->add_option("--seed", options->seed, "Of weights and inputs")->capture_default_str();
    verb->add_option("-j,--jobs", options->jobs, "Runs at once")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    verb->footer(
        R"(Ratios are cycles of the baseline over cycles of the kernel: 2.00x is twice as fast.

Example:
  mixq-sim bench --kernel best --layer conv3x3:32x32@16x16 --bits w2a2 w4a4
  mixq-sim bench --layer conv3x3:32x32@16x16 --figures build/figures)");
    verb->callback([options] { run_bench(*options); });
}

}  // namespace mixq::tools
