// A layer whose weights are stored in bits, in the simulator.
#pragma once

#include <algorithm>

#include "tests/kernels/generated_run.h"

namespace mixq::kernels {

struct StoredRun {
    Firmware firmware;
    std::vector<std::uint8_t> bytes;     // of the output
    std::vector<std::uint8_t> expanded;  // what the last call of the kernel read
    traces::Counts counted;              // of the expansion's calls, in the simulator
};

// The first layer's weights in bits; any other in bytes, for simd-int8.
inline StoredRun run_stored(const IntegerNetwork& network,
                            const std::string& kernel,
                            const std::vector<std::uint8_t>& input,
                            std::optional<std::uint64_t> arena_limit) {
    const Folder folder;
    static const Folder shared;
    BuildOptions options;
    options.directory = folder.path();
    options.shared_objects = shared.path();
    options.choose = [&](const IntegerLayer& layer) {
        return Choice{layer.name == kReader ? "simd-int8" : kernel, ""};
    };
    options.storage.assign(network.layers.size(), Storage::Bytes);
    options.storage.front() = Storage::Bits;
    options.arena_limit = arena_limit;
    options.input = input;
    options.calls = 1;
    StoredRun result;
    result.firmware = build_firmware(network, options);
    const sim::Image image = sim::read_elf(result.firmware.elf);
    sim::Machine machine(image, sim::find_board("stm32f746"));

    struct Counter final : sim::BlockObserver {
        const sim::Symbol* routine = nullptr;
        traces::Counts counts;

        void on_block(const sim::BlockRun& run) override {
            if (run.block->address - routine->address < routine->size) counts += run.block->counts;
        }
    } counter;

    counter.routine = image.find_symbol("mixq_expand_" + network.layers[0].name);
    machine.set_observer(&counter);
    const sim::Stop stop = machine.reset();
    EXPECT_EQ(stop.halt, sim::Halt::Exited) << stop.message;
    result.bytes = printed_output(machine.console());
    result.counted = counter.counts;
    result.expanded.resize(result.firmware.layers[0].stored->expanded_bytes());
    machine.read(image.find_symbol("mixq_weights_" + network.layers[0].name)->address,
                 result.expanded);
    return result;
}

// The packed weights of the units that the last call expands, and the tail.
inline std::vector<std::uint8_t> last_packed(const FirmwareLayer& layer) {
    const storage::StoredWeights& stored = *layer.stored;
    const std::size_t unit = storage::packed_bytes(stored.plan.unit);
    const std::size_t first =
        unit * static_cast<std::size_t>(stored.first_unit(stored.calls() - 1));
    return {layer.packed.weights.begin() + static_cast<std::ptrdiff_t>(first),
            layer.packed.weights.end()};
}

}  // namespace mixq::kernels
