// One layer through one generated kernel in the simulator, in either output layout, with what the routine executed.
#pragma once

#include "sim/block.h"
#include "sim/image.h"
#include "sim/machine.h"
#include "tests/kernels/kernel_run.h"
#include "traces/counts.h"

namespace mixq::kernels {

inline constexpr const char* kReader = "reader";

struct GeneratedRun {
    std::vector<std::uint8_t> bytes;
    traces::Counts counted;   // of one call of the routine, in the simulator
    traces::Counts promised;  // what generating it said
};

inline GeneratedRun run_generated(const IntegerNetwork& network,
                                  const std::string& kernel,
                                  const std::vector<std::uint8_t>& input) {
    const Folder folder;
    static const Folder shared;
    BuildOptions options;
    options.directory = folder.path();
    options.shared_objects = shared.path();
    options.kernel = "best";
    options.choose = [&](const IntegerLayer& layer) {
        return Choice{layer.name == kReader ? "simd-int8" : kernel, ""};
    };
    options.input = input;
    options.calls = 1;
    const Firmware firmware = build_firmware(network, options);
    const sim::Image image = sim::read_elf(firmware.elf);
    sim::Machine machine(image, sim::find_board("stm32f746"));

    struct Counter final : sim::BlockObserver {
        const sim::Symbol* routine = nullptr;
        traces::Counts counts;

        void on_block(const sim::BlockRun& run) override {
            if (run.block->address - routine->address < routine->size) counts += run.block->counts;
        }
    } counter;

    counter.routine = image.find_symbol("mixq_kernel_" + network.layers[0].name);
    machine.set_observer(&counter);
    const sim::Stop stop = machine.reset();
    EXPECT_EQ(stop.halt, sim::Halt::Exited) << stop.message;
    return {printed_output(machine.console()),
            counter.counts,
            firmware.layers[0].counts.value_or(traces::Counts{})};
}

// A second layer that hands its input through, one output channel per input channel. The kernel that runs it reads interleaved
// channels, so the first layer has to write that layout.
inline IntegerNetwork with_interleaved_reader(IntegerNetwork network) {
    const IntegerLayer& first = network.layers[0];
    IntegerLayer second;
    second.name = kReader;
    const int channels = first.shape.out_channels;
    second.shape = traces::parse_layer(
        "conv1x1:" + std::to_string(channels) + "x" + std::to_string(channels) + "@" +
        std::to_string(first.shape.out_height()) + "x" + std::to_string(first.shape.out_width()));
    second.precision = {2, first.output_bits};
    second.output_bits = 0;
    second.bias.assign(static_cast<std::size_t>(channels), 0);
    second.multiplier.assign(second.bias.size(), 1);
    second.weights.assign(second.bias.size() * second.bias.size(), 0);
    for (std::size_t c = 0; c < second.bias.size(); ++c)
        second.weights[c * second.bias.size() + c] = 1;
    network.layers.push_back(second);
    return network;
}

}  // namespace mixq::kernels
