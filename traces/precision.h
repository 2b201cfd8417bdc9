// The bit widths of one layer: signed weights and unsigned activations.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace mixq::traces {

constexpr int kMinBits = 2;
constexpr int kMaxBits = 8;

struct Precision {
    int weight_bits = 8;      // two's complement, kMinBits..kMaxBits
    int activation_bits = 8;  // unsigned, kMinBits..kMaxBits; of the layer's input

    auto operator<=>(const Precision&) const = default;
};

// Reads "w4a2" (weights first). Throws std::invalid_argument that says what is wrong.
Precision parse_precision(std::string_view text);

std::string to_string(Precision precision);

// All 49 pairs, weights slowest.
std::vector<Precision> all_precisions();

}  // namespace mixq::traces
