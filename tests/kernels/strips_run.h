// A network whose activations may be in bits, in the simulator.
#pragma once

#include <cstring>

#include "kernels/reference/reference.h"
#include "tests/kernels/generated_run.h"

namespace mixq::kernels::strips {

struct Ran {
    Firmware firmware;
    std::vector<std::int32_t> outputs;
};

inline Ran run(const IntegerNetwork& network,
               const std::vector<std::uint8_t>& input,
               BuildOptions options) {
    const Folder folder;
    static const Folder shared;
    options.directory = folder.path();
    options.shared_objects = shared.path();
    options.input = input;
    options.calls = 1;
    Ran result;
    result.firmware = build_firmware(network, options);
    const std::vector<std::uint8_t> bytes =
        arranged_output(result.firmware, simulated_output(result.firmware));
    if (network.layers.back().output_bits != 0) {
        result.outputs.assign(bytes.begin(), bytes.end());
    } else {
        result.outputs.resize(bytes.size() / 4);
        std::memcpy(result.outputs.data(), bytes.data(), bytes.size());
    }
    return result;
}

// What the reference says they are.
inline std::vector<std::int32_t> expected(const IntegerNetwork& network,
                                          const std::vector<std::uint8_t>& input) {
    if (network.layers.back().output_bits == 0) return reference_logits(network, input);
    std::vector<std::uint8_t> tensor = input;
    for (const IntegerLayer& layer : network.layers) tensor = reference_layer(layer, tensor);
    return {tensor.begin(), tensor.end()};
}

}  // namespace mixq::kernels::strips
