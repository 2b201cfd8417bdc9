// The verb nas: searches bit widths under a latency model, trains them, and writes the plan.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>

#include <CLI/CLI.hpp>

#include "costmodel/model.h"
#include "kernels/network/toolchain.h"
#include "nas/search.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/measure.h"
#include "traces/file.h"
#include "traces/table.h"

namespace mixq::tools {

namespace {

// The built-in set: large enough to train on, small enough for a demonstration of minutes.
constexpr int kShapesTrain = 5000;
constexpr int kShapesTest = 1000;
constexpr std::uint64_t kShapesSeed = 2024;  // its own: --seed varies the run, not the data

constexpr const char* kBoard = "stm32f746";

struct Options {
    std::string space = "vgg_tiny";
    std::string model;
    std::string data;
    std::string directory = "nas";
    std::string json;
    std::string proxy = "cycles";
    std::string bits;
    int batch = 0;
    int epochs = 0;
    int float_epochs = 0;
    int search_epochs = 0;
    int qat_epochs = 0;
    int train_images = 0;
    int test_images = 0;
    std::optional<double> lambda;
    nas::SearchOptions search;
};

struct Simulated {
    std::optional<std::uint64_t> cycles;
    std::string reason;  // why not
};

nas::Dataset load(const Options& options) {
    if (options.data.empty()) {
        return nas::draw_shapes(kShapesSeed,
                                options.train_images > 0 ? options.train_images : kShapesTrain,
                                options.test_images > 0 ? options.test_images : kShapesTest);
    }
    nas::Dataset dataset = nas::read_cifar10(options.data);
    nas::truncate(dataset, options.train_images, options.test_images);
    return dataset;
}

nas::SearchOptions search_options(const Options& options) {
    nas::SearchOptions search = options.search;
    const auto epochs = [&](int own, int otherwise) {
        return own > 0 ? own : options.epochs > 0 ? options.epochs : otherwise;
    };
    const bool cifar = !options.data.empty();
    // Few images need small steps to be learned in few epochs.
    search.batch = options.batch > 0 ? options.batch : cifar ? 64 : 32;
    search.float_epochs = epochs(options.float_epochs, cifar ? 15 : 8);
    search.search_epochs = epochs(options.search_epochs, cifar ? 8 : 6);
    search.qat_epochs = epochs(options.qat_epochs, cifar ? 15 : 8);
    if (options.lambda) search.lambda = *options.lambda;
    if (!options.bits.empty()) search.uniform = traces::parse_precision(options.bits);
    search.checkpoint = std::filesystem::path(options.directory) / "checkpoint.pt";
    return search;
}

using Metadata = std::vector<std::pair<std::string, std::string>>;

Metadata provenance(const Options& options,
                    const nas::SearchOptions& search,
                    const nas::Dataset& dataset,
                    const nas::SearchResult& result) {
    Metadata metadata = {
        {"tool", tool_version()},
        {"space", options.space},
        {"data", dataset.description},
        {"seed", std::to_string(search.seed)},
        {"threads", std::to_string(search.threads)},
        {"batch", std::to_string(search.batch)},
        {"epochs",
         std::to_string(search.float_epochs) + " float, " +
             (search.uniform ? std::string("no") : std::to_string(search.search_epochs)) +
             " search, " + std::to_string(search.qat_epochs) + " QAT"},
        {"model", std::filesystem::path(options.model).filename().string()},
        {"model_sha256", traces::sha256(traces::read_bytes(options.model))},
        {"memory",
         traces::read_table(options.model).find_metadata("memory").value_or("not stated")},
        {"loss", options.proxy},
        {"float_accuracy", fixed(result.float_accuracy, 4)},
        {"accuracy", fixed(result.accuracy, 4)},
        {"predicted_cycles", fixed(result.predicted_cycles, 0)},
        {"predicted_cycles_w8a8", fixed(result.predicted_cycles_all_eight, 0)}};
    if (search.uniform) {
        metadata.emplace_back("widths", "uniform " + to_string(*search.uniform));
    } else if (search.target_cycles) {
        metadata.emplace_back("target_cycles", fixed(*search.target_cycles, 0));
    } else {
        metadata.emplace_back("lambda", traces::format_real(search.lambda));
    }
    return metadata;
}

// Builds the plan with the kernels the model named and runs its first golden image.
Simulated simulate(const costmodel::LatencyModel& model, const nas::SearchResult& result) {
    try {
        kernels::find_compiler();
    } catch (const std::runtime_error& error) {
        return {std::nullopt, error.what()};
    }
    const TemporaryFolder folder;
    kernels::BuildOptions build;
    build.directory = folder.path();
    build.choose = [&](const kernels::IntegerLayer& layer) -> kernels::Choice {
        const std::string kernel = model.predict(layer.shape, layer.precision).kernel;
        return kernels::refusal(kernel, layer) ? kernels::choose_by_schedule(layer)
                                               : kernels::Choice{kernel, ""};
    };
    const kernels::Firmware firmware = kernels::build_firmware(result.network, build);
    const sim::Image image = sim::read_elf(firmware.elf);
    RunningFirmware running(firmware, image, sim::find_board(kBoard));
    const auto elements = static_cast<std::size_t>(result.golden.input_elements);
    const std::span<const std::uint8_t> input = std::span(result.golden.inputs).first(elements);
    running.infer(input, true);
    running.infer(input, true);  // with a warm branch predictor
    expect_equal(
        running.outputs(),
        {result.golden.logits.begin(), result.golden.logits.begin() + result.golden.outputs},
        "the first golden image in the simulator");
    for (const sim::CallTiming& call : running.timings()) {
        if (call.function == "mixq_network_run") return {call.timing.cycles, ""};
    }
    throw std::runtime_error("mixq_network_run was not timed");
}

void write_results(const Options& options,
                   const nas::SearchResult& result,
                   const Metadata& metadata) {
    const std::filesystem::path directory = options.directory;
    traces::Table history = nas::history_table(result.history);
    traces::Table points = nas::points_table(result.points);
    history.metadata = points.metadata = metadata;
    traces::write_table(directory / "history.csv", history);
    traces::write_table(directory / "points.csv", points);
    const std::string plan = (directory / "plan.csv").string();
    kernels::write_golden(plan + ".golden", result.golden);
    kernels::write_plan(plan, result.network, metadata);
}

std::string cycles_text(double cycles) {
    return grouped(std::llround(cycles));
}

void print_result(const costmodel::LatencyModel& model,
                  const nas::LatencyTable& table,
                  const nas::SearchResult& result,
                  const Simulated& simulated) {
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < result.network.layers.size(); ++i) {
        const kernels::IntegerLayer& layer = result.network.layers[i];
        rows.push_back({layer.name,
                        to_string(layer.shape),
                        to_string(layer.precision),
                        model.predict(layer.shape, layer.precision).kernel,
                        cycles_text(table.cycles(static_cast<int>(i), layer.precision)),
                        cycles_text(table.cycles(static_cast<int>(i), {8, 8}))});
    }
    rows.push_back({"total",
                    "",
                    "",
                    "",
                    cycles_text(result.predicted_cycles),
                    cycles_text(result.predicted_cycles_all_eight)});
    std::fputs(
        format_columns({"layer", "shape", "bits", "kernel", "predicted cycles", "at w8a8"}, rows)
            .c_str(),
        stdout);
    std::printf("\n");
    for (const std::string& line : result.log) std::printf("%s\n", line.c_str());
    std::printf(
        "predicted: %s cycles, %s %% of w8a8\n",
        cycles_text(result.predicted_cycles).c_str(),
        fixed(100 * result.predicted_cycles / result.predicted_cycles_all_eight, 1).c_str());
    if (simulated.cycles) {
        std::printf(
            "simulated: %s cycles, the prediction is off by %s %%\n",
            cycles_text(static_cast<double>(*simulated.cycles)).c_str(),
            fixed(100 * (result.predicted_cycles / static_cast<double>(*simulated.cycles) - 1), 1)
                .c_str());
    } else {
        std::printf("simulated: not (%s)\n", simulated.reason.c_str());
    }
    std::printf("accuracy: %s %% with these bits in integers, %s %% in float\n",
                fixed(100 * result.accuracy, 2).c_str(),
                fixed(100 * result.float_accuracy, 2).c_str());
}

nlohmann::json result_json(const Options& options,
                           const nas::SearchResult& result,
                           const Simulated& simulated,
                           const Metadata& metadata) {
    nlohmann::json json = {
        {"plan", (std::filesystem::path(options.directory) / "plan.csv").string()},
        {"accuracy", result.accuracy},
        {"float_accuracy", result.float_accuracy},
        {"predicted_cycles", result.predicted_cycles},
        {"predicted_cycles_w8a8", result.predicted_cycles_all_eight},
        {"simulated_cycles", nullptr},
        {"log", result.log},
        {"layers", nlohmann::json::array()}};
    if (simulated.cycles) {
        json["simulated_cycles"] = *simulated.cycles;
    } else {
        json["simulated_cycles_reason"] = simulated.reason;
    }
    for (const kernels::IntegerLayer& layer : result.network.layers) {
        json["layers"].push_back({{"name", layer.name},
                                  {"layer", to_string(layer.shape)},
                                  {"bits", to_string(layer.precision)}});
    }
    for (const auto& [key, value] : metadata) json["provenance"][key] = value;
    return json;
}

nas::LatencyFunction loss_function(const Options& options, const costmodel::LatencyModel& model) {
    return options.proxy == "macs-bits" ? nas::macs_bits() : nas::latency_of(model);
}

void run_nas(const Options& options) {
    const nas::Space& space = nas::find_space(options.space);
    const nas::SearchOptions search = search_options(options);
    const nas::Dataset dataset = load(options);
    if (options.model.empty()) {
        throw std::invalid_argument(
            "--model is missing: the latency model that mixq-sim fit wrote");
    }
    const costmodel::LatencyModel model = costmodel::LatencyModel::read(options.model);
    const std::vector<traces::Layer> shapes = nas::layers(space);
    const nas::LatencyTable cycles(shapes, nas::latency_of(model));
    const nas::LatencyTable loss(shapes, loss_function(options, model));
    std::error_code error;
    std::filesystem::create_directories(options.directory, error);
    if (error) {
        throw std::runtime_error("cannot make the folder " + options.directory + ": " +
                                 error.message());
    }
    std::optional<Progress> progress;
    const nas::SearchResult result =
        nas::search(space,
                    dataset,
                    cycles,
                    loss,
                    search,
                    [&](std::string_view detail, std::int64_t done, std::int64_t total) {
                        if (!progress) progress.emplace("nas", total);
                        progress->advance(detail, done);
                    });
    progress.reset();
    const Metadata metadata = provenance(options, search, dataset, result);
    write_results(options, result, metadata);
    const Simulated simulated = simulate(model, result);
    if (options.json != "-") print_result(model, cycles, result, simulated);
    write_json(options.json, result_json(options, result, simulated, metadata));
}

void add_training_options(CLI::App& nas, Options& options) {
    nas.add_option("--epochs",
                   options.epochs,
                   "epochs of each of the three phases (default: 8 float, 6 search, 8 QAT; with "
                   "--data 15, 8, 15)")
        ->check(CLI::Range(1, 1000));
    nas.add_option("--float-epochs", options.float_epochs, "epochs of the float network")
        ->check(CLI::Range(1, 1000));
    nas.add_option("--search-epochs", options.search_epochs, "epochs of the supernet")
        ->check(CLI::Range(1, 1000));
    nas.add_option("--qat-epochs", options.qat_epochs, "epochs at the chosen widths")
        ->check(CLI::Range(1, 1000));
    nas.add_option("--batch", options.batch, "images per step (default: 32; with --data 64)")
        ->check(CLI::Range(2, 1024));
    nas.add_option("--train-images",
                   options.train_images,
                   "train on this many images (default: 5000 drawn; with --data all)")
        ->check(CLI::Range(16, 1000000));
    nas.add_option("--test-images", options.test_images, "test on this many (default: 1000; all)")
        ->check(CLI::Range(1, 1000000));
    nas.add_option("--seed", options.search.seed, "a run with the same seed repeats to the bit")
        ->capture_default_str();
    nas.add_option("--threads", options.search.threads, "threads; part of what repeats")
        ->capture_default_str()
        ->check(CLI::Range(1, 256));
    nas.add_flag("--resume",
                 options.search.resume,
                 "go on from the checkpoint in -o, written after every epoch");
}

}  // namespace

void add_nas(CLI::App& app) {
    auto options = std::make_shared<Options>();
    CLI::App* nas = app.add_subcommand("nas", kNasDescription);
    nas->add_option("--space", options->space, "the backbone to search: vgg_tiny")
        ->capture_default_str();
    nas->add_option("--model", options->model, "the latency model that mixq-sim fit wrote");
    nas->add_option("--data",
                    options->data,
                    "folder of CIFAR-10's binary version (default: built-in drawn images)");
    nas->add_option("-o,--output",
                    options->directory,
                    "folder for plan.csv (with its weights and golden), history.csv, points.csv "
                    "and the checkpoint")
        ->capture_default_str();
    auto* target = nas->add_option("--target-cycles",
                                   options->search.target_cycles,
                                   "predicted cycles to stay within; lambda is found for it");
    auto* lambda = nas->add_option(
        "--lambda", options->lambda, "weight of latency against accuracy in the loss (default 1)");
    auto* bits = nas->add_option("--bits",
                                 options->bits,
                                 "no search: these widths in every layer (the input stays 8 bits), "
                                 "such as w8a8");
    target->excludes(lambda);
    bits->excludes(lambda)->excludes(target);
    nas->add_option("--proxy",
                    options->proxy,
                    "what the search's latency loss is made of: the model's cycles, or EdMIPS' "
                    "MACs times bits as a baseline")
        ->capture_default_str()
        ->check(CLI::IsMember({"cycles", "macs-bits"}));
    add_training_options(*nas, *options);
    nas->add_option(
        "--json", options->json, "write the result as JSON to this file (- for stdout)");
    nas->footer(
        "A float network is trained, then a supernet whose layers are mixtures of 2 to 8 bits for "
        "weights and for activations,\nwith Loss = Loss_acc + lambda Loss_comp (latency, as a "
        "share "
        "of the 8-bit network's); the most probable widths are trained\nonce more and exported as "
        "integers. Accuracy is that of the integers.\n\n"
        "example:\n  mixq-sim nas --space vgg_tiny --model model.csv --target-cycles 2700000 -o "
        "nas\n"
        "  mixq-sim deploy nas/plan.csv -o firmware");
    nas->callback([options] { run_nas(*options); });
}

}  // namespace mixq::tools
