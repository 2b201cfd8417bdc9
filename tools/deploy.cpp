// The verb deploy: a plan in, firmware out, verified in the simulator.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include <CLI/CLI.hpp>

#include "kernels/kernel.h"
#include "tools/activation_choice.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/deployment.h"
#include "tools/kernel_choice.h"
#include "tools/measure.h"
#include "tools/storage_choice.h"
#include "traces/file.h"

namespace mixq::tools {

namespace {

struct Options {
    std::string plan;
    std::string directory;
    std::string kernel = "best";
    std::string board = "stm32f746";
    std::string json;
    std::string memory = "exact";
    std::string storage = "auto";
    std::string activations = "auto";
    int images = 100;
    std::uint64_t seed = 1;
    std::optional<std::uint64_t> max_cycles;
    std::optional<std::uint64_t> max_ram;
    std::optional<std::uint64_t> max_flash;
};

// What the firmware is verified against.
struct Verification {
    std::optional<kernels::Golden> golden;
    std::string source;  // in words

    int images(int wanted) const { return golden ? std::min(wanted, golden->images()) : 1; }
};

Verification find_golden(const Options& options, const kernels::IntegerNetwork& network) {
    const std::string path = options.plan + ".golden";
    if (!std::filesystem::exists(path)) {
        return {std::nullopt,
                "no '" + path + "': one random image, compared with kernels/reference"};
    }
    kernels::Golden golden = kernels::read_golden(path);
    if (golden.images() == 0) throw std::runtime_error("'" + path + "' holds no images");
    if (golden.input_elements != network.input().input_elements()) {
        throw std::runtime_error(
            "'" + path + "' has images of " + std::to_string(golden.input_elements) +
            " elements, the plan takes " + std::to_string(network.input().input_elements()));
    }
    return {std::move(golden), "'" + path + "'"};
}

std::vector<std::uint8_t> image_at(const Verification& verification,
                                   const kernels::IntegerNetwork& network,
                                   std::uint64_t seed,
                                   int index) {
    if (!verification.golden) return kernels::random_input(network.layers[0], seed + 1);
    const auto elements = static_cast<std::size_t>(verification.golden->input_elements);
    const auto first = verification.golden->inputs.begin() +
                       static_cast<std::ptrdiff_t>(elements * static_cast<std::size_t>(index));
    return {first, first + static_cast<std::ptrdiff_t>(elements)};
}

std::vector<std::int32_t> expected_at(const Verification& verification,
                                      const kernels::IntegerNetwork& network,
                                      const std::vector<std::uint8_t>& image,
                                      int index) {
    if (!verification.golden) return expected_outputs(network, image);
    const auto outputs = static_cast<std::size_t>(verification.golden->outputs);
    const auto first = verification.golden->logits.begin() +
                       static_cast<std::ptrdiff_t>(outputs * static_cast<std::size_t>(index));
    return {first, first + static_cast<std::ptrdiff_t>(outputs)};
}

void keep_timings(const std::vector<sim::CallTiming>& timings, Deployment& deployment) {
    for (const auto& entry : deployment.firmware.layers) {
        const auto call = std::find_if(timings.begin(), timings.end(), [&](const auto& timing) {
            return timing.function == "mixq_layer_" + entry.layer.name;
        });
        if (call == timings.end()) {
            throw std::runtime_error("layer '" + entry.layer.name + "' was not timed");
        }
        deployment.layers.push_back(*call);
    }
    const auto whole = std::find_if(timings.begin(), timings.end(), [](const auto& timing) {
        return timing.function == "mixq_network_run";
    });
    if (whole == timings.end()) throw std::runtime_error("mixq_network_run was not timed");
    deployment.whole = *whole;
}

// The first image twice timed (the second call is what counts: the branch predictor is warm), the
// rest at full speed.
void verify(const Options& options,
            const kernels::IntegerNetwork& network,
            const Verification& verification,
            const sim::Board& board,
            Deployment& deployment) {
    const sim::Image image = sim::read_elf(deployment.firmware.elf);
    deployment.elf_sha256 = image.sha256;
    RunningFirmware running(deployment.firmware, image, board);
    if (options.memory == "exact") running.set_memory(sim::full_speed(board));
    const int images = verification.images(options.images);
    Progress progress("images", images);
    int right = 0;
    for (int i = 0; i < images; ++i) {
        const std::vector<std::uint8_t> input = image_at(verification, network, options.seed, i);
        if (i == 0) {
            running.infer(input, true);
            running.infer(input, true);
            keep_timings(running.timings(), deployment);
        } else {
            running.infer(input, false);
        }
        const std::vector<std::int32_t> outputs = running.outputs();
        expect_equal(outputs,
                     expected_at(verification, network, input, i),
                     "image " + std::to_string(i) + " of " + verification.source);
        if (verification.golden) {
            const auto best = std::max_element(outputs.begin(), outputs.end()) - outputs.begin();
            right += best == verification.golden->labels[static_cast<std::size_t>(i)] ? 1 : 0;
        }
        progress.advance("equal", i + 1);
    }
    deployment.images_checked = images;
    if (verification.golden) deployment.accuracy = static_cast<double>(right) / images;
}

void check_limits(const Options& options, const Deployment& deployment) {
    const auto limit =
        [](const char* what, std::uint64_t value, const std::optional<std::uint64_t>& most) {
            if (!most || value <= *most) return;
            throw LimitNotMet(std::string(what) + " " + grouped(static_cast<std::int64_t>(value)) +
                              ", the limit is " + grouped(static_cast<std::int64_t>(*most)));
        };
    limit("cycles per inference:", deployment.whole.timing.cycles, options.max_cycles);
    limit("RAM bytes:", deployment.firmware.ram_bytes, options.max_ram);
    limit("flash bytes:", deployment.firmware.flash_bytes, options.max_flash);
}

// Builds a network, its weights and activations in the forms that are asked for.
class Builder {
  public:
    Builder(const Options& options,
            const Measurement& measurement,
            const kernels::IntegerNetwork& network,
            const std::vector<std::uint8_t>& input)
        : options_(options), measurement_(measurement), network_(network) {
        build_.directory = options.directory;
        build_.input = input;
        if (options.max_ram)
            build_.max_activations = activations_within(measurement, *options.max_ram);
        build_.arena_limit = build_.max_activations;
        choices_.assign(network.layers.size(), {options.kernel, ""});
        if (options.kernel == "best") choices_ = choose_kernels(measurement, network);
    }

    void build(Deployment& deployment) {
        ActivationChoice choice = forms_within(build_.max_activations);
        if (options_.activations == "bits") return build_in(choice, choice.all_bits(), deployment);
        if (options_.activations == "bytes" || !build_.max_activations) {
            try {
                return in_bytes(choice, deployment);
            } catch (const std::runtime_error&) {
                if (options_.activations == "bytes" && !build_.max_activations) throw;
            }
        }
        if (options_.activations == "auto") {
            if (const auto activations = choice.within_limit())
                return build_in(choice, *activations, deployment);
        }
        // The limit is told at the end, with what the network takes without one: in bits, little.
        build_.max_activations.reset();
        ActivationChoice any = forms_within(std::nullopt);
        if (options_.activations == "auto") return build_in(any, any.all_bits(), deployment);
        in_bytes(any, deployment);
    }

  private:
    ActivationChoice forms_within(std::optional<std::uint64_t> limit) const {
        return {measurement_, network_, choices_, options_.kernel == "best", limit};
    }

    void in_bytes(ActivationChoice& choice, Deployment& deployment) {
        build_in(
            choice, std::vector(network_.layers.size() + 1, kernels::Storage::Bytes), deployment);
    }

    void build_in(ActivationChoice& choice,
                  const std::vector<kernels::Storage>& activations,
                  Deployment& deployment) {
        build_.activations = activations;
        deployment.storage.clear();
        deployment.firmware = built(deployment.storage);
        if (std::ranges::any_of(deployment.firmware.layers,
                                [](const auto& layer) { return layer.strips.has_value(); }))
            deployment.activations = choice.costs(activations);
    }

    kernels::Firmware built(std::vector<StorageCost>& costs) const {
        const StorageRequest request{
            options_.storage, options_.max_flash, options_.kernel == "best"};
        return build_with_storage(request, measurement_, network_, choices_, build_, costs);
    }

    const Options& options_;
    const Measurement& measurement_;
    const kernels::IntegerNetwork& network_;
    kernels::BuildOptions build_;
    std::vector<kernels::Choice> choices_;
};

void run_deploy(const Options& options) {
    const kernels::IntegerNetwork network = kernels::read_plan(options.plan);
    const Verification verification = find_golden(options, network);
    const MemoryUse memory{options.memory == "exact", false};
    const Measurement measurement(options.board, options.seed, memory);
    if (options.kernel != "best") kernels::find_kernel(options.kernel);
    Deployment deployment;
    Builder(options, measurement, network, image_at(verification, network, options.seed, 0))
        .build(deployment);
    verify(options, network, verification, measurement.board(), deployment);
    const nlohmann::json json =
        deployment_json(deployment, verification.source, measurement.board(), memory, options.seed);
    write_json((std::filesystem::path(options.directory) / "deploy.json").string(), json);
    if (options.json != "-")
        print_deployment(deployment, verification.source, measurement.board(), memory);
    write_json(options.json, json);
    check_limits(options, deployment);
}

}  // namespace

void add_deploy(CLI::App& app) {
    auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("deploy", "Turn a plan into firmware and verify it");
    verb->add_option("plan", options->plan, "Plan of a quantised network, as nas writes it")
        ->required();
    verb->add_option("-o,--output", options->directory, "Folder for sources and ELF")->required();
    verb->add_option("--kernel",
                     options->kernel,
                     "One kernel for all layers, or best: the fastest for each, measured")
        ->capture_default_str();
    verb->add_option("--images", options->images, "Golden images to verify")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str();
    verb->add_option("--board", options->board, "Board to build for and simulate")
        ->capture_default_str();
    verb->add_option("--seed", options->seed, "Of the inputs that kernels are chosen with")
        ->capture_default_str();
    verb->add_option("--memory",
                     options->memory,
                     "exact: caches, bus and flash wait states; ideal: memory answers at once")
        ->check(CLI::IsMember({"exact", "ideal"}))
        ->capture_default_str();
    verb->add_option(
            "--storage",
            options->storage,
            "Weights in flash: bytes, as kernels read them; bits, expanded into RAM when a "
            "layer runs; auto: bits where flash is too small otherwise")
        ->check(CLI::IsMember({"auto", "bytes", "bits"}))
        ->capture_default_str();
    verb->add_option("--activations",
                     options->activations,
                     "Activations in RAM: bytes; bits, made bytes some rows at a time (the last "
                     "output is bytes); "
                     "auto: bits where RAM is too small otherwise, for the fewest cycles")
        ->check(CLI::IsMember({"auto", "bytes", "bits"}))
        ->capture_default_str();
    verb->add_option("--max-cycles", options->max_cycles, "Exit 3 if an inference takes more");
    verb->add_option("--max-ram",
                     options->max_ram,
                     "Take kernels, packings and forms of activations that need no more bytes, "
                     "however slow; exit 3 if there are none");
    verb->add_option("--max-flash", options->max_flash, "Exit 3 if it takes more bytes");
    verb->add_option("--json", options->json, "The figures as JSON (- is stdout)");
    verb->footer(
        R"(PLAN comes with PLAN.weights, and with PLAN.golden if its outputs are to be verified image by
image (exit 4 if one differs). Everything lands in the folder: network.c, constants.S, packed weights, the linker
script, network.elf and deploy.json.

Example:
  mixq-sim deploy build/plan.csv -o build/firmware --max-ram 53248)");
    verb->callback([options] { run_deploy(*options); });
}

}  // namespace mixq::tools
