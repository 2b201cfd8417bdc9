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

// Every packing that fits, not only the one that is taken.
inline int expect_round_trips(const Kernel& kernel, const IntegerLayer& layer) {
    const std::string what = std::string(kernel.name()) + " " + to_string(layer.shape) + " " +
                             to_string(layer.precision);
    int seen = 0;
    for (const Candidate& candidate : kernel.candidates(layer)) {
        const PackedLayer packed = candidate.pack();
        EXPECT_TRUE(packed.structure.has_value()) << what << " " << candidate.descriptor;
        if (!packed.structure) continue;
        const storage::Plan plan = storage::plan_of(*packed.structure);
        const std::vector<std::uint8_t> stored = storage::store(plan, packed.weights);
        EXPECT_EQ(storage::expanded(plan, stored), packed.weights)
            << what << " " << candidate.descriptor;
        EXPECT_EQ(stored.size(),
                  storage::stored_bytes(plan.unit) * static_cast<std::size_t>(plan.units) +
                      storage::stored_bytes(plan.tail));
        ++seen;
    }
    return seen;
}

inline void expect_equal_on_the_device(const IntegerNetwork& network,
                                       const std::string& kernel,
                                       std::optional<std::uint64_t> arena_limit,
                                       int calls) {
    const std::vector<std::uint8_t> input = random_input(network.layers[0], 3);
    const StoredRun run = run_stored(network, kernel, input, arena_limit);
    const FirmwareLayer& layer = run.firmware.layers[0];
    const std::string what =
        kernel + " " + to_string(layer.layer.shape) + " " + to_string(layer.layer.precision);
    EXPECT_EQ(layer.stored->calls(), calls) << what;
    if (network.layers.size() == 1) {
        EXPECT_EQ(run.bytes, expected_bytes(network, input)) << what;
        EXPECT_EQ(run.expanded, last_packed(layer)) << what;
    } else {
        const std::vector<std::int32_t> sums = reference_logits(network, input);
        EXPECT_EQ(std::memcmp(run.bytes.data(), sums.data(), run.bytes.size()), 0) << what;
    }
    traces::Counts promised;
    for (int call = 0; call < calls; ++call) promised += layer.expansion->counts;
    EXPECT_EQ(run.counted, promised) << what;
}

}  // namespace mixq::kernels
