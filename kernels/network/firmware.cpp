// Builds firmware: choose, pack, plan memory; then its sources and what becomes of them.
#include "kernels/network/firmware.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "kernels/network/pack_layer.h"
#include "kernels/network/parallel.h"
#include "kernels/network/sources.h"
#include "kernels/network/toolchain.h"
#include "traces/file.h"

namespace mixq::kernels {

namespace {

namespace fs = std::filesystem;

const char* linker_script_name(Target target) {
    return target == Target::Stm32f746 ? "stm32f746.ld" : "mps2_an500.ld";
}

MemoryPlan plan(std::span<const FirmwareLayer> layers) {
    std::vector<LayerMemory> needs;
    for (const FirmwareLayer& entry : layers) needs.push_back(memory_of(entry));
    return plan_memory(needs);
}

// Where the tensors of layers in strips lie: in the layout of who reads them.
void settle_tensors(std::vector<FirmwareLayer>& layers, const BuildOptions& options) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (!layers[i].strips) continue;
        const IntegerLayer& layer = layers[i].layer;
        const Bits bits = stored_bits(layer, options.activations, i);
        strips::Strips& strips = *layers[i].strips;
        if (i == 0) {
            strips.input = strips::tensor_of(find_kernel(layers[i].packed.kernel).input_layout(),
                                             layer.shape.in_channels,
                                             layer.shape.height,
                                             layer.shape.width,
                                             bits.input);
        } else {
            const IntegerLayer& writer = layers[i - 1].layer;
            strips.input = strips::tensor_of(output_layout(layers, i - 1),
                                             writer.shape.out_channels,
                                             writer.output_height(),
                                             writer.output_width(),
                                             bits.input);
        }
        strips.output = strips::tensor_of(output_layout(layers, i),
                                          layer.shape.out_channels,
                                          layer.output_height(),
                                          layer.output_width(),
                                          bits.output);
    }
}

constexpr std::uint64_t kStack = 4096;  // kernels/device/sections.ld

// LENGTH of a memory in a linker script: the one place that says how large a target's memory is.
std::uint64_t memory_length(const std::string& script, const std::string& memory) {
    const std::size_t line = script.find(memory + " (");
    const std::size_t length = script.find("LENGTH = ", line);
    std::uint64_t kilobytes = 0;
    if (line != std::string::npos && length != std::string::npos) {
        const char* first = script.data() + length + 9;
        const auto [end, error] = std::from_chars(first, script.data() + script.size(), kilobytes);
        if (error == std::errc{} && *end == 'K') return kilobytes * 1024;
    }
    throw std::runtime_error("the linker script gives no 'LENGTH = <n>K' for memory " + memory);
}

// Stores the weights of layer i in bits, expanded in as few parts as the limit allows. `layers` are those of the network, with what
// was decided of them so far.
void store_in_bits(std::vector<FirmwareLayer>& layers, std::size_t i, std::uint64_t limit) {
    FirmwareLayer& entry = layers[i];
    const auto refuse = [&](const std::string& why) {
        throw StorageRefused("layer '" + entry.layer.name + "' (" + to_string(entry.layer.shape) +
                             " " + to_string(entry.layer.precision) +
                             "): its weights cannot be stored in bits: " + why);
    };
    if (const auto why = storage_refusal(entry.packed)) refuse(*why);
    // A strip needs all of them; making them for every strip again would take longer than the strip.
    const bool at_once = entry.runs() > 1;
    // A network that is beyond the limit as it is may not get any larger.
    limit = std::max<std::uint64_t>(limit, plan(layers).arena_bytes);
    storage::StoredWeights stored;
    stored.plan = storage::plan_of(*entry.packed.structure);
    stored.bytes = storage::store(stored.plan, entry.packed.weights);
    for (int parts = 1; parts <= (at_once ? 1 : stored.plan.units); ++parts) {
        stored.units = (stored.plan.units + parts - 1) / parts;
        entry.stored = stored;
        if (plan(layers).arena_bytes <= limit) {
            entry.weight_bytes = static_cast<std::uint32_t>(stored.bytes.size());
            return;
        }
    }
    const std::uint64_t needed = plan(layers).arena_bytes;
    refuse("with the " + std::to_string(entry.stored->expanded_bytes()) + " bytes that " +
           (at_once ? "they expand" : "even its smallest part expands") +
           " to, activations and scratch need " + std::to_string(needed) + " bytes of " +
           std::to_string(limit));
}

void check_fit(const IntegerNetwork& network,
               const MemoryPlan& memory,
               std::span<const FirmwareLayer> layers,
               std::uint64_t ram,
               const std::string& script,
               const char* script_name) {
    std::uint64_t weights = 0;
    for (const FirmwareLayer& entry : layers) weights += entry.weight_bytes;
    const auto refuse = [&](const char* what, std::uint64_t needed, std::uint64_t there) {
        throw std::runtime_error("network '" + network.name + "' does not fit " + script_name +
                                 ": " + what + " need " + std::to_string(needed) + " bytes of " +
                                 std::to_string(there));
    };
    const std::uint64_t flash = memory_length(script, "FLASH");
    if (memory.arena_bytes > ram) refuse("activations and scratch", memory.arena_bytes, ram);
    if (weights > flash) refuse("weights", weights, flash);
}

std::vector<std::uint8_t> checked_input(const IntegerNetwork& network,
                                        const BuildOptions& options) {
    const auto elements = static_cast<std::size_t>(network.input().input_elements());
    std::vector<std::uint8_t> input = options.input;
    if (input.empty()) input.resize(elements);
    if (input.size() != elements) {
        throw std::runtime_error("network '" + network.name + "': the built-in input has " +
                                 std::to_string(input.size()) +
                                 " elements, its first layer takes " + std::to_string(elements));
    }
    const int bits = network.layers.front().precision.activation_bits;
    if (std::any_of(input.begin(), input.end(), [&](std::uint8_t x) { return x >> bits != 0; })) {
        throw std::runtime_error("network '" + network.name +
                                 "': an element of the built-in input does not fit " +
                                 std::to_string(bits) + " bits");
    }
    return input;
}

}  // namespace

std::uint64_t flash_bytes_of(Target target) {
    const fs::path script = device_directory() / "device" / linker_script_name(target);
    return memory_length(traces::read_text(script), "FLASH");
}

std::string_view name(Storage storage) {
    return storage == Storage::Bits ? "bits" : "bytes";
}

std::optional<std::string> storage_refusal(const PackedLayer& packed) {
    if (packed.structure) return std::nullopt;
    return "the packed weights of the kernel " + packed.kernel + " are not a form of " +
           "fields that could be made again; rp-conv, dual-gemm and smlad-gemm have it";
}

Firmware build_firmware(const IntegerNetwork& network, const BuildOptions& options) {
    check(network);
    const std::vector<std::uint8_t> input = checked_input(network, options);
    Firmware firmware;
    firmware.network = network.name;
    firmware.compiler = find_compiler().version;
    firmware.flags = compiler_flags();
    if (!options.storage.empty() && options.storage.size() != network.layers.size()) {
        throw std::invalid_argument("storage of " + std::to_string(options.storage.size()) +
                                    " layers, the network has " +
                                    std::to_string(network.layers.size()));
    }
    if (!options.activations.empty() && options.activations.size() != network.layers.size() + 1) {
        throw std::invalid_argument("storage of " + std::to_string(options.activations.size()) +
                                    " tensors, the network has " +
                                    std::to_string(network.layers.size() + 1));
    }
    const char* script_name = linker_script_name(options.target);
    const std::string script = traces::read_text(device_directory() / "device" / script_name);
    const std::uint64_t most = std::min(options.max_activations.value_or(~std::uint64_t{0}),
                                        memory_length(script, "RAM") - kStack);
    std::vector<std::vector<Ready>> ways(network.layers.size());
    in_parallel(network.layers.size(), options.parallel, [&](std::size_t i) {
        ways[i] = ready_layer(network.layers[i],
                              options,
                              most,
                              stored_bits(network.layers[i], options.activations, i));
    });
    firmware.layers = settled(std::move(ways), options.max_activations.has_value());
    settle_tensors(firmware.layers, options);
    for (std::size_t i = 0; i < options.storage.size(); ++i) {
        if (options.storage[i] == Storage::Bits)
            store_in_bits(firmware.layers, i, std::min(most, options.arena_limit.value_or(most)));
    }
    firmware.memory = plan(firmware.layers);
    check_fit(network, firmware.memory, firmware.layers, most, script, script_name);

    std::error_code error;
    fs::create_directories(options.directory, error);
    if (error) {
        throw std::runtime_error("cannot make the folder '" + options.directory.string() +
                                 "': " + error.message());
    }
    write_sources(firmware, options, input, script);
    build_sources(firmware, options);
    return firmware;
}

}  // namespace mixq::kernels
