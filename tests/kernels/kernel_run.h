// One layer through one kernel in the simulator.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/network/firmware.h"
#include "kernels/reference/reference.h"
#include "sim/simulate.h"
#include "tests/kernels/firmware_test.h"

namespace mixq::kernels {

inline std::vector<std::uint8_t> full_input(const IntegerLayer& layer) {
    return std::vector<std::uint8_t>(
        static_cast<std::size_t>(layer.shape.input_elements()),
        static_cast<std::uint8_t>((1 << layer.precision.activation_bits) - 1));
}

// The layer's own sums instead of bytes: nothing is clamped away.
inline IntegerNetwork with_sums(IntegerNetwork network) {
    network.layers[0].output_bits = 0;
    network.layers[0].shift = 0;
    return network;
}

inline std::vector<std::uint8_t> expected_bytes(const IntegerNetwork& network,
                                                const std::vector<std::uint8_t>& input) {
    if (network.layers[0].output_bits != 0) return reference_layer(network.layers[0], input);
    const std::vector<std::int32_t> sums = reference_logits(network, input);
    std::vector<std::uint8_t> bytes(sums.size() * sizeof(std::int32_t));
    std::memcpy(bytes.data(), sums.data(), bytes.size());
    return bytes;
}

// What a firmware that is run to its end says its output is.
inline std::vector<std::uint8_t> simulated_output(const Firmware& firmware) {
    sim::Machine machine(sim::read_elf(firmware.elf), sim::find_board("stm32f746"));
    const sim::Stop stop = machine.reset();
    EXPECT_EQ(stop.halt, sim::Halt::Exited) << stop.message;
    return printed_output(machine.console());
}

inline std::vector<std::uint8_t> simulated_bytes(
    const IntegerNetwork& network,
    const std::string& kernel,
    const std::vector<std::uint8_t>& input,
    std::optional<std::uint64_t> max_activations = {}) {
    const Folder folder;
    static const Folder shared;
    BuildOptions options;
    options.directory = folder.path();
    options.shared_objects = shared.path();
    options.kernel = kernel;
    options.input = input;
    options.calls = 1;
    options.max_activations = max_activations;
    return simulated_output(build_firmware(network, options));
}

}  // namespace mixq::kernels
