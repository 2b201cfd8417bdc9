// The verb trace: runs kernels in the simulator and records what they took.
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include <CLI/CLI.hpp>

#include "kernels/kernel.h"
#include "kernels/network/parallel.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/measure.h"
#include "tools/record_json.h"
#include "tools/suites.h"
#include "tools/trace_records.h"
#include "tools/versions.h"

namespace mixq::tools {

namespace {

struct Options {
    std::string suite;
    std::vector<std::string> kernels;
    std::vector<std::string> layers;
    std::vector<std::string> precisions;
    std::string output;
    std::string json;
    std::string check;
    std::string board = "stm32f746";
    std::uint64_t seed = 1;
    int jobs = 2;
    bool qemu = false;
    bool list_kernels = false;
    bool list_suites = false;
};

void print_kernels() {
    std::vector<std::vector<std::string>> rows;
    for (const kernels::Kernel* kernel : kernels::all_kernels()) {
        rows.push_back({std::string(kernel->name()), std::string(kernel->summary())});
    }
    std::fputs(format_columns({"kernel", "what it is"}, rows).c_str(), stdout);
}

void print_suites() {
    std::vector<std::vector<std::string>> rows;
    for (const NamedSuite& named : all_suites()) {
        const Suite suite = named.make();
        rows.push_back({std::string(suite.name),
                        std::to_string(suite.runs.size()),
                        std::string(suite.summary)});
    }
    std::fputs(format_columns({"suite", "runs", "what it is"}, rows).c_str(), stdout);
}

std::vector<KernelRun> requested_runs(const Options& options) {
    const bool any =
        !options.kernels.empty() || !options.layers.empty() || !options.precisions.empty();
    if (!options.suite.empty()) {
        if (any) {
            throw std::invalid_argument(
                "--suite names its own kernels, layers and bits; leave out --kernel, --layer and "
                "--bits");
        }
        return find_suite(options.suite).runs;
    }
    if (options.kernels.empty() || options.layers.empty() || options.precisions.empty()) {
        throw std::invalid_argument(
            "say what to trace: --suite demo, or --kernel, --layer and --bits together");
    }
    for (const std::string& kernel : options.kernels) kernels::find_kernel(kernel);
    return cross(options.kernels, options.layers, options.precisions);
}

// Leaves out what a kernel refuses and says so, once per kernel, bits and reason.
std::vector<KernelRun> accepted_runs(const std::vector<KernelRun>& runs, const Options& options) {
    std::vector<std::optional<std::string>> whys(runs.size());
    kernels::in_parallel(runs.size(), options.jobs, [&](std::size_t i) {
        const KernelRun& run = runs[i];
        const kernels::Kernel& kernel = kernels::find_kernel(run.kernel);
        whys[i] = kernel.refuses(run.layer, run.precision);
        if (!whys[i] || kernel.purpose() != kernels::Purpose::Deploy) return;
        // It cannot promise to hold any weights; it may hold those that are traced.
        const kernels::IntegerNetwork network = kernels::random_layer(
            run.layer, run.precision, kernels::WeightKind::BellShaped, options.seed);
        whys[i] = kernels::refusal(run.kernel, network.layers.front());
    });
    std::vector<KernelRun> accepted;
    std::map<std::string, int> refused;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const KernelRun& run = runs[i];
        if (const auto& why = whys[i]) {
            ++refused[run.kernel + " " + to_string(run.precision) + ": " + *why];
        } else {
            accepted.push_back(run);
        }
    }
    for (const auto& [text, count] : refused) {
        if (!quiet()) std::fprintf(stderr, "skipped %d x %s\n", count, text.c_str());
    }
    if (accepted.empty()) {
        throw std::runtime_error("nothing to trace: " + refused.begin()->first);
    }
    return accepted;
}

std::vector<traces::Record> trace(const Options& options, const std::vector<KernelRun>& runs) {
    const Measurement measurement(options.board, options.seed);
    const RecordedRuns earlier(options.output, options.board, options.seed);
    RecordsFile file(runs.size(), options.output);
    Progress progress("trace", static_cast<std::int64_t>(runs.size()));
    std::mutex progress_mutex;
    std::int64_t done = 0;
    std::int64_t unchanged = 0;
    std::int64_t same_image = 0;
    // First all that nothing changed, so that an interruption loses none of it.
    std::vector<std::optional<traces::Record>> known(runs.size());
    for (std::size_t i = 0; i < runs.size(); ++i) {
        known[i] = earlier.unchanged(runs[i]);
        if (known[i]) file.keep(i, *known[i]);
    }
    try {
        kernels::in_parallel(runs.size(), options.jobs, [&](std::size_t i) {
            std::optional<traces::Record> record = known[i];
            bool simulated = false;
            if (!record) {
                const BuiltRun built = measurement.build(runs[i]);
                record = earlier.same_image(runs[i], built.image.sha256);
                simulated = !record;
                if (simulated) record = measurement.simulate(built);
                record->provenance.tool = recording_tool();
                file.add(i, *record);
            }
            if (options.qemu) measurement.check_in_qemu(runs[i]);
            const std::lock_guard lock(progress_mutex);
            unchanged += known[i] ? 1 : 0;
            same_image += known[i] || simulated ? 0 : 1;
            progress.advance(to_string(runs[i]), ++done);
        });
    } catch (...) {
        if (options.output != "-") file.finish();
        throw;
    }
    if (unchanged + same_image > 0 && !quiet()) {
        std::fprintf(stderr,
                     "of %lld records '%s' had %lld that nothing changed and %lld of the same "
                     "image; %lld were simulated\n",
                     static_cast<long long>(done),
                     options.output.c_str(),
                     static_cast<long long>(unchanged),
                     static_cast<long long>(same_image),
                     static_cast<long long>(done - unchanged - same_image));
    }
    return file.finish();
}

void print_records(const std::vector<traces::Record>& records) {
    std::vector<std::string> header = {
        "kernel", "layer", "bits", "cycles", "MAC/cycle", "instructions"};
    for (std::size_t i = 0; i < traces::kInstrClasses; ++i) {
        header.emplace_back(traces::name(static_cast<traces::InstrClass>(i)));
    }
    std::vector<std::vector<std::string>> rows;
    for (const traces::Record& record : records) {
        std::vector<std::string> row = {record.kernel,
                                        to_string(record.layer),
                                        to_string(record.precision),
                                        grouped(static_cast<std::int64_t>(record.cycles)),
                                        fixed(record.mac_per_cycle(), 3),
                                        grouped(static_cast<std::int64_t>(record.counts.total()))};
        for (const std::uint64_t count : record.counts.by_class) {
            row.push_back(grouped(static_cast<std::int64_t>(count)));
        }
        rows.push_back(std::move(row));
    }
    std::fputs(format_columns(header, rows).c_str(), stdout);
}

// Compares with recorded traces. Throws LimitNotMet naming the first difference and how many there
// are.
void check_against(const std::string& path,
                   const std::vector<traces::Record>& records,
                   bool whole_suite) {
    std::map<std::string, traces::Record> recorded;
    for (const traces::Record& record : traces::read_records(path)) {
        recorded.emplace(to_string(KernelRun{record.kernel, record.layer, record.precision}),
                         record);
    }
    std::vector<std::string> differences;
    for (const traces::Record& record : records) {
        const std::string what =
            to_string(KernelRun{record.kernel, record.layer, record.precision});
        const auto found = recorded.find(what);
        if (found == recorded.end()) {
            differences.push_back(what + ": not recorded");
            continue;
        }
        const traces::Record& then = found->second;
        if (then.cycles != record.cycles) {
            differences.push_back(what + ": " + std::to_string(record.cycles) +
                                  " cycles, recorded " + std::to_string(then.cycles));
        } else if (then.counts != record.counts) {
            differences.push_back(what + ": " + std::to_string(record.counts.total()) +
                                  " instructions or their classes, recorded " +
                                  std::to_string(then.counts.total()));
        }
        if (then.provenance.compiler != record.provenance.compiler) {
            differences.push_back(what + ": compiled by '" + record.provenance.compiler +
                                  "', recorded with '" + then.provenance.compiler + "'");
        }
        recorded.erase(found);
    }
    // A single run is compared with its row alone.
    for (const auto& [what, record] : recorded) {
        if (whole_suite) differences.push_back(what + ": recorded, but not run");
    }
    for (const std::string& line : differences) std::fprintf(stderr, "%s\n", line.c_str());
    if (!differences.empty()) {
        throw LimitNotMet(std::to_string(differences.size()) + " differences from '" + path +
                          "', the first: " + differences.front());
    }
}

void run_trace(const Options& options) {
    if (options.list_kernels) return print_kernels();
    if (options.list_suites) return print_suites();
    const std::vector<KernelRun> runs = accepted_runs(requested_runs(options), options);
    const std::vector<traces::Record> records = trace(options, runs);
    if (options.json != "-" && options.output != "-") print_records(records);
    nlohmann::json json;
    json["records"] = nlohmann::json::array();
    for (const traces::Record& record : records) json["records"].push_back(record_json(record));
    write_json(options.json, json);
    if (!options.check.empty()) check_against(options.check, records, !options.suite.empty());
}

}  // namespace

void add_trace(CLI::App& app) {
    auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand(
        "trace", "Run kernels on layers in the simulator and record counts and cycles");
    verb->add_option("--suite", options->suite, "A named list of runs (see --list-suites)");
    verb->add_option("--kernel", options->kernels, "Kernels (see --list-kernels)");
    verb->add_option("--layer", options->layers, "Layers, such as conv3x3:32x32@16x16");
    verb->add_option(
        "--bits", options->precisions, "Bits of weights and activations, such as w4a2");
    verb->add_option("-o,--output",
                     options->output,
                     "CSV of records; runs it already holds are not repeated (- is stdout)");
    verb->add_option("--json", options->json, "Records as JSON (- is stdout)");
    verb->add_option("--check",
                     options->check,
                     "Compare with recorded traces; exit 3 if counts or cycles differ");
    verb->add_option("--board", options->board, "Board to simulate")->capture_default_str();
    verb->add_option("--seed", options->seed, "Of weights and inputs")->capture_default_str();
    verb->add_option("-j,--jobs", options->jobs, "Runs at once")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    verb->add_flag("--qemu", options->qemu, "Check every kernel's output in QEMU too");
    verb->add_flag("--list-kernels", options->list_kernels, "The kernels there are");
    verb->add_flag("--list-suites", options->list_suites, "The suites there are");
    verb->footer(
        R"(Every run is built with the Arm compiler, its output compared with the reference byte for byte
(exit 4 if it differs), and the second of two calls is recorded, with a warm branch predictor.

Example:
  mixq-sim trace --suite demo -o traces.csv
  mixq-sim trace --kernel slbc-deep --layer conv3x3:16x16@12x12 --bits w2a2)");
    verb->callback([options] { run_trace(*options); });
}

}  // namespace mixq::tools
