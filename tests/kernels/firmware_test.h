// Folders and networks for the tests of firmware.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "kernels/network/firmware.h"

namespace mixq::kernels {

// A folder of one test, gone after it.
class Folder {
  public:
    Folder() {
        std::string pattern = testing::TempDir() + "mixq-firmware-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }

    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    ~Folder() { std::filesystem::remove_all(path_); }

    const std::filesystem::path& path() const { return path_; }

    std::string file(const std::string& name) const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

inline IntegerLayer named_layer(const std::string& name,
                                const std::string& shape,
                                const std::string& bits,
                                int output_bits,
                                Pool pool,
                                std::uint64_t seed) {
    IntegerLayer layer =
        random_layer(
            traces::parse_layer(shape), traces::parse_precision(bits), WeightKind::BellShaped, seed)
            .layers[0];
    // Constants were spread for outputs as wide as the inputs.
    layer.shift += layer.precision.activation_bits - output_bits;
    for (std::int32_t& bias : layer.bias) {
        if (output_bits == 0) bias %= 1000;
    }
    if (output_bits == 0) layer.shift = 0;
    layer.name = name;
    layer.output_bits = output_bits;
    layer.pool = pool;
    return layer;
}

// Convolutions with and without pooling, two widths, a flattening, logits: every way a tensor is
// handed on.
inline IntegerNetwork small_network() {
    IntegerNetwork network{"small", {}};
    network.layers = {named_layer("conv1", "conv3x3:3x8@12x12", "w4a8", 4, Pool::Max2x2, 1),
                      named_layer("conv2", "conv3x3:8x12@6x6", "w4a4", 4, Pool::None, 2),
                      named_layer("conv3", "conv1x1:12x8@6x6", "w4a4", 8, Pool::Max2x2, 3),
                      named_layer("dense", "fc:72x10", "w8a8", 0, Pool::None, 4)};
    return network;
}

template <typename Action>
std::string error_of(const Action& action) {
    try {
        action();
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace mixq::kernels
