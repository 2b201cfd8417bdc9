// The verb pack: every packing that fits a layer and its bits, and what each would cost.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>

#include <CLI/CLI.hpp>

#include "kernels/kernel.h"
#include "kernels/network/firmware.h"
#include "kernels/storage/stored.h"
#include "tools/commands.h"
#include "tools/console.h"

namespace mixq::tools {

namespace {

const std::map<std::string, kernels::WeightKind> kWeights = {
    {"bell", kernels::WeightKind::BellShaped},
    {"uniform", kernels::WeightKind::Uniform},
    {"min", kernels::WeightKind::AllMinimum},
    {"max", kernels::WeightKind::AllMaximum},
    {"alternating", kernels::WeightKind::Alternating},
};

struct Options {
    std::string layer = "conv3x3:32x32@16x16";
    std::string bits = "w4a4";
    std::string kernel;
    std::string weights = "bell";
    std::string json;
    std::uint64_t seed = 1;
    std::uint32_t max_scratch = 0;
    bool all = false;
};

struct Row {
    std::string kernel;
    kernels::Candidate candidate;
    std::optional<kernels::PackedLayer> packed;  // of those that were scheduled
    double cycles = 0;
    std::uint32_t code_bytes = 0;
};

struct Refused {
    std::string kernel;
    std::string why;
};

struct Result {
    std::vector<Row> rows;
    std::vector<Refused> refused;
};

// Scheduling takes a while: by default only the cheapest by estimate of every kernel are scheduled.
constexpr std::size_t kScheduledPerKernel = 3;

void add_kernel(const kernels::Kernel& kernel,
                const kernels::IntegerLayer& layer,
                const Options& options,
                Result& result) {
    const std::string name(kernel.name());
    std::vector<kernels::Candidate> candidates;
    try {
        candidates = kernel.candidates(layer);
    } catch (const std::runtime_error& error) {
        result.refused.push_back({name, error.what()});
        return;
    }
    if (candidates.empty()) {
        const auto why = kernel.refuses(layer.shape, layer.precision);
        result.refused.push_back({name, why ? *why : "no packing holds these weights"});
        return;
    }
    Progress progress("pack " + name, static_cast<std::int64_t>(candidates.size()));
    std::size_t scheduled = 0;
    for (kernels::Candidate& candidate : candidates) {
        Row row{name, candidate, std::nullopt, 0, 0};
        if (options.all || scheduled < kScheduledPerKernel) {
            row.packed = candidate.pack();
            if (row.packed->generate) {
                const kernels::generate::Lowered lowered =
                    row.packed->generate(kernels::Layout::Planar);
                row.cycles = lowered.cycles;
                row.code_bytes = lowered.code_bytes;
            }
            ++scheduled;
        }
        result.rows.push_back(std::move(row));
        progress.advance(candidate.descriptor, static_cast<std::int64_t>(scheduled));
    }
}

double order_of(const Row& row) {
    return row.cycles > 0 ? row.cycles : row.candidate.estimated_cycles + 1e12;
}

Result pack(const Options& options, const kernels::IntegerLayer& layer) {
    Result result;
    for (const kernels::Kernel* kernel : kernels::all_kernels()) {
        const bool asked = options.kernel.empty() ? kernel->purpose() == kernels::Purpose::Deploy
                                                  : kernel->name() == options.kernel;
        if (asked) add_kernel(*kernel, layer, options, result);
    }
    if (options.max_scratch > 0) {
        std::erase_if(result.rows, [&](const Row& row) {
            if (!row.packed || row.packed->scratch_bytes <= options.max_scratch) return false;
            result.refused.push_back({row.kernel,
                                      row.candidate.descriptor + " needs " +
                                          grouped(row.packed->scratch_bytes) +
                                          " bytes of scratch"});
            return true;
        });
    }
    std::stable_sort(result.rows.begin(), result.rows.end(), [](const Row& a, const Row& b) {
        return order_of(a) < order_of(b);
    });
    return result;
}

// Of the weights stored in bits, where this packing's can be.
std::optional<std::size_t> stored_bytes(const Row& row) {
    if (!row.packed || !row.packed->structure) return std::nullopt;
    return kernels::storage::store(kernels::storage::plan_of(*row.packed->structure),
                                   row.packed->weights)
        .size();
}

std::string or_dash(bool known, const std::string& text) {
    return known ? text : "-";
}

void print(const Result& result, const traces::Layer& layer) {
    std::vector<std::vector<std::string>> cells;
    for (const Row& row : result.rows) {
        const bool known = row.cycles > 0;
        const bool packed = row.packed.has_value();
        const std::optional<std::size_t> stored = stored_bytes(row);
        const auto count = [](double value) { return grouped(std::llround(value)); };
        cells.push_back(
            {row.kernel,
             row.candidate.descriptor,
             row.candidate.guaranteed ? "any" : "these",
             count(row.candidate.estimated_cycles),
             or_dash(known, count(row.cycles)),
             or_dash(known,
                     fixed(static_cast<double>(layer.macs()) / std::max(row.cycles, 1.0), 2)),
             or_dash(packed, packed ? count(static_cast<double>(row.packed->weights.size())) : ""),
             or_dash(stored.has_value(), count(static_cast<double>(stored.value_or(0)))),
             or_dash(packed, packed ? count(row.packed->scratch_bytes) : ""),
             or_dash(known, count(row.code_bytes)),
             or_dash(packed && row.packed->proof_field_limit > 0,
                     packed ? count(static_cast<double>(row.packed->proof_largest_field)) + " of " +
                                  count(static_cast<double>(row.packed->proof_field_limit))
                            : "")});
    }
    std::fputs(format_columns({"kernel",
                               "packing",
                               "weights",
                               "bound",
                               "scheduled",
                               "MAC/cycle",
                               "bytes",
                               "stored",
                               "scratch",
                               "code",
                               "largest field"},
                              cells)
                   .c_str(),
               stdout);
    for (const Refused& refused : result.refused)
        std::printf("%s%s: %s\n",
                    &refused == result.refused.data() ? "\n" : "",
                    refused.kernel.c_str(),
                    refused.why.c_str());
}

nlohmann::json to_json(const Result& result, const traces::Layer& layer) {
    nlohmann::json json{{"rows", nlohmann::json::array()}, {"refused", nlohmann::json::array()}};
    for (const Row& row : result.rows) {
        nlohmann::json entry{{"kernel", row.kernel},
                             {"packing", row.candidate.descriptor},
                             {"guaranteed", row.candidate.guaranteed},
                             {"bound_cycles", row.candidate.estimated_cycles},
                             {"scheduled_cycles", nullptr}};
        if (row.cycles > 0) {
            entry["scheduled_cycles"] = row.cycles;
            entry["mac_per_cycle"] = static_cast<double>(layer.macs()) / row.cycles;
            entry["code_bytes"] = row.code_bytes;
        }
        if (row.packed) {
            entry["weight_bytes"] = row.packed->weights.size();
            entry["stored_bytes"] = nullptr;
            if (const auto stored = stored_bytes(row)) entry["stored_bytes"] = *stored;
            entry["scratch_bytes"] = row.packed->scratch_bytes;
            entry["proof"] = row.packed->proof;
            entry["largest_field"] = row.packed->proof_largest_field;
            entry["field_limit"] = row.packed->proof_field_limit;
        }
        json["rows"].push_back(std::move(entry));
    }
    for (const Refused& refused : result.refused)
        json["refused"].push_back({{"kernel", refused.kernel}, {"why", refused.why}});
    return json;
}

std::string refusals(const Result& result) {
    std::string text;
    for (const Refused& refused : result.refused)
        text += "; " + refused.kernel + ": " + refused.why;
    return text;
}

void run_pack(const Options& options) {
    if (!options.kernel.empty()) kernels::find_kernel(options.kernel);
    const traces::Layer shape = traces::parse_layer(options.layer);
    const kernels::IntegerNetwork network = kernels::random_layer(
        shape, traces::parse_precision(options.bits), kWeights.at(options.weights), options.seed);
    const Result result = pack(options, network.layers[0]);
    if (options.json != "-") print(result, shape);
    write_json(options.json, to_json(result, shape));
    if (result.rows.empty())
        throw std::runtime_error("no packing fits " + to_string(shape) + " " + options.bits +
                                 refusals(result));
}

}  // namespace

void add_pack(CLI::App& app) {
    auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand(
        "pack", "List the packings that fit a layer, with their cycles and proofs");
    verb->add_option("--layer", options->layer, "Layer, such as conv3x3:32x32@16x16")
        ->capture_default_str();
    verb->add_option("--bits", options->bits, "Bits of weights and activations, such as w4a4")
        ->capture_default_str();
    verb->add_option("--kernel",
                     options->kernel,
                     "One kernel, also a baseline (default: all that are there to be deployed)");
    verb->add_option("--weights",
                     options->weights,
                     "The weights: bell (as trained ones are), uniform, or the extremes min, max, "
                     "alternating")
        ->check(CLI::IsMember({"bell", "uniform", "min", "max", "alternating"}))
        ->capture_default_str();
    verb->add_option("--seed", options->seed, "Of the weights")->capture_default_str();
    verb->add_option("--max-scratch",
                     options->max_scratch,
                     "Leave out packings that need more bytes of scratch");
    verb->add_flag("--all",
                   options->all,
                   "Schedule every packing, not only the three cheapest of each kernel");
    verb->add_option("--json", options->json, "The table as JSON (- is stdout)");
    verb->footer(
        R"(weights: "any" holds whatever the weights are, "these" is proved on the actual ones. bound: cycles the core's units
allow at best; scheduled: what the schedule takes, memory answering at once. bytes: weights as the kernel
reads them; stored: in bits, as deploy --storage bits keeps them in flash. largest field: the most a packed field can
reach with these weights, of what it holds.

Example:
  mixq-sim pack --layer conv3x3:32x32@16x16 --bits w4a4)");
    verb->callback([options] { run_pack(*options); });
}

}  // namespace mixq::tools
