// Builds, runs and times kernels.
#include "tools/measure.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "kernels/compiled/analysis.h"
#include "kernels/network/toolchain.h"
#include "kernels/reference/reference.h"
#include "tools/console.h"

namespace mixq::tools {

namespace {

// Longer than any run of this project: a kernel that loops forever is stopped and named.
constexpr std::uint64_t kInstructionLimit = 20'000'000'000;

std::vector<std::string> watched_functions(const kernels::Firmware& firmware) {
    std::vector<std::string> names = {"mixq_network_run"};
    for (const auto& entry : firmware.layers) names.push_back("mixq_layer_" + entry.layer.name);
    return names;
}

bool gives_logits(const kernels::IntegerLayer& last) {
    return last.output_bits == 0;
}

std::vector<std::int32_t> widened(std::span<const std::uint8_t> bytes, bool logits) {
    if (!logits) return {bytes.begin(), bytes.end()};
    std::vector<std::int32_t> words(bytes.size() / 4);
    std::memcpy(words.data(), bytes.data(), words.size() * 4);
    return words;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mixq-sim-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("cannot make a temporary folder '" + pattern +
                                 "': " + std::strerror(errno));
    }
    path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string to_string(const KernelRun& run) {
    return run.kernel + " " + to_string(run.layer) + " " + to_string(run.precision);
}

RunningFirmware::RunningFirmware(const kernels::Firmware& firmware,
                                 const sim::Image& image,
                                 const sim::Board& board)
    : firmware_(firmware), image_(image), simulation_(image, board, watched_functions(firmware)) {
    simulation_.machine().set_instruction_limit(kInstructionLimit);
    const sim::Stop stop = simulation_.run(false);
    if (stop.halt != sim::Halt::Exited || stop.exit_code != 0) {
        throw std::runtime_error(
            "firmware '" + firmware.elf.string() + "' did not end well: " +
            (stop.message.empty() ? simulation_.machine().console() : stop.message));
    }
}

const sim::Symbol& RunningFirmware::symbol(const char* name) const {
    const sim::Symbol* found = image_.find_symbol(name);
    if (found == nullptr) {
        throw std::runtime_error("'" + image_.path + "' has no symbol '" + name + "'");
    }
    return *found;
}

void RunningFirmware::set_memory(const sim::MemorySettings& settings) {
    simulation_.set_memory(settings);
}

void RunningFirmware::infer(std::span<const std::uint8_t> image, bool timed) {
    simulation_.machine().write(symbol("mixq_input").address,
                                kernels::arrange_input(firmware_, image));
    timed_before_ = simulation_.calls().size();
    const sim::Stop stop = simulation_.call(symbol("mixq_network_run").address, {}, timed);
    if (stop.halt != sim::Halt::Returned) {
        throw std::runtime_error("network '" + firmware_.network +
                                 "' did not return: " + stop.message);
    }
}

std::vector<std::int32_t> RunningFirmware::outputs() {
    const kernels::IntegerLayer& last = firmware_.layers.back().layer;
    const sim::Symbol& output = symbol("mixq_output");
    std::vector<std::uint8_t> bytes(output.size);
    simulation_.machine().read(output.address, bytes);
    return widened(kernels::arranged_output(firmware_, bytes), gives_logits(last));
}

std::vector<sim::CallTiming> RunningFirmware::timings() const {
    const auto& calls = simulation_.calls();
    return {calls.begin() + static_cast<std::ptrdiff_t>(timed_before_), calls.end()};
}

std::vector<std::int32_t> expected_outputs(const kernels::IntegerNetwork& network,
                                           std::span<const std::uint8_t> image) {
    if (gives_logits(network.layers.back())) return kernels::reference_logits(network, image);
    std::vector<std::uint8_t> tensor(image.begin(), image.end());
    for (const kernels::IntegerLayer& layer : network.layers) {
        tensor = kernels::reference_layer(layer, tensor);
    }
    return {tensor.begin(), tensor.end()};
}

void expect_equal(const std::vector<std::int32_t>& outputs,
                  const std::vector<std::int32_t>& expected,
                  const std::string& what) {
    if (outputs.size() != expected.size()) {
        throw OutputDiffers(what + ": " + std::to_string(outputs.size()) + " outputs where " +
                            std::to_string(expected.size()) + " belong");
    }
    const auto [ours, theirs] = std::mismatch(outputs.begin(), outputs.end(), expected.begin());
    if (ours == outputs.end()) return;
    throw OutputDiffers(what + ": output " + std::to_string(ours - outputs.begin()) + " is " +
                        std::to_string(*ours) + ", the reference says " + std::to_string(*theirs));
}

std::string MemoryUse::text() const {
    return std::string(exact ? "caches and wait states at full speed" : "ideal") +
           (constants_in_ram ? ", weights in DTCM"
            : exact          ? ", weights in flash"
                             : "");
}

Measurement::Measurement(const std::string& board, std::uint64_t seed, MemoryUse memory)
    : board_(sim::find_board(board)), seed_(seed), memory_(memory) {
    if (board_.name != "stm32f746") {
        throw std::invalid_argument("there is no linker script for board '" + board +
                                    "' yet; firmware is built for stm32f746");
    }
}

BuiltRun Measurement::build(const KernelRun& run) const {
    const kernels::IntegerNetwork network =
        kernels::random_layer(run.layer, run.precision, kernels::WeightKind::BellShaped, seed_);
    return build(run.kernel, network.layers[0]);
}

BuiltRun Measurement::build(const std::string& kernel,
                            const kernels::IntegerLayer& layer,
                            const LayerBuild& how) const {
    BuiltRun run;
    run.kernel = kernel;
    run.network = {layer.name, {layer}};
    run.input = kernels::random_input(layer, seed_ + 1);
    run.folder = std::make_unique<TemporaryFolder>();
    kernels::BuildOptions options;
    options.directory = run.folder->path();
    options.kernel = kernel;
    if (how.other_kernels) {
        options.kernel = "best";
        options.choose = [&](const kernels::IntegerLayer&) { return kernels::Choice{kernel, ""}; };
    }
    options.activations = how.activations;
    options.input = run.input;
    options.calls = 1;
    options.shared_objects = shared_.path();
    options.parallel = 1;
    options.constants_in_ram = memory_.constants_in_ram;
    options.storage = {how.storage};
    options.arena_limit = how.arena_limit;
    options.max_activations = how.max_activations;
    run.firmware = kernels::build_firmware(run.network, options);
    run.kernel = run.firmware.layers[0].packed.kernel;
    run.image = sim::read_elf(run.firmware.elf);
    return run;
}

traces::Record Measurement::simulate(const BuiltRun& run) const {
    const kernels::FirmwareLayer& built = run.firmware.layers[0];
    const std::string what =
        to_string(KernelRun{run.kernel, built.layer.shape, built.layer.precision});
    RunningFirmware running(run.firmware, run.image, board_);
    if (memory_.exact) running.set_memory(sim::full_speed(board_));
    const std::vector<std::int32_t> expected = expected_outputs(run.network, run.input);
    for (int call = 0; call < 2; ++call) {
        running.infer(run.input, true);
        expect_equal(running.outputs(), expected, what);
    }
    const std::vector<sim::CallTiming> timings = running.timings();
    const auto timing = std::find_if(timings.begin(), timings.end(), [&](const auto& call) {
        return call.function == "mixq_layer_" + built.layer.name;
    });
    if (timing == timings.end()) throw std::runtime_error(what + ": its call was not timed");
    traces::Record record;
    record.kernel = run.kernel;
    record.layer = built.layer.shape;
    record.precision = built.layer.precision;
    record.counts = timing->counts;
    record.cycles = timing->timing.cycles;
    record.issue_cycles = timing->timing.issue_cycles;
    record.scheduled_cycles = built.packed.generate
                                  ? built.scheduled_cycles
                                  : kernels::compiled::analyse(run.firmware.elf,
                                                               "mixq_layer_" + built.layer.name,
                                                               "mixq_kernel_" + built.layer.name)
                                        .cycles;
    record.code_bytes = built.code_bytes;
    record.weight_bytes = built.weight_bytes;
    record.scratch_bytes = built.packed.scratch_bytes;
    record.provenance = {tool_version(),
                         run.firmware.compiler,
                         run.firmware.flags,
                         std::string(board_.core),
                         std::string(board_.name),
                         board_.clock_hz,
                         memory_.text(),
                         run.image.sha256,
                         seed_};
    return record;
}

void Measurement::check_in_qemu(const KernelRun& run) const {
    const TemporaryFolder folder;
    const kernels::IntegerNetwork network =
        kernels::random_layer(run.layer, run.precision, kernels::WeightKind::BellShaped, seed_);
    kernels::BuildOptions options;
    options.directory = folder.path();
    options.target = kernels::Target::Mps2An500;
    options.kernel = run.kernel;
    options.input = kernels::random_input(network.layers[0], seed_ + 1);
    options.calls = 1;
    options.shared_objects = shared_.path();
    options.parallel = 1;
    const kernels::Firmware firmware = kernels::build_firmware(network, options);
    const auto result = kernels::run_in_qemu(firmware.elf);
    if (!result) {
        throw std::runtime_error("--qemu needs qemu-system-arm, which is not installed");
    }
    if (result->timed_out || result->exit_code != 0) {
        throw std::runtime_error(to_string(run) + " in QEMU: " +
                                 (result->timed_out ? "it did not end" : result->errors));
    }
    expect_equal(widened(kernels::printed_output(result->output), false),
                 expected_outputs(network, options.input),
                 to_string(run) + " in QEMU");
}

kernels::Firmware smallest_firmware(const Measurement& measurement) {
    const kernels::IntegerNetwork any = kernels::random_layer(
        traces::parse_layer("fc:8x8"), {8, 8}, kernels::WeightKind::Uniform, 1);
    return measurement.build("naive", any.layers[0]).firmware;
}

}  // namespace mixq::tools
