// Reads and writes precisions.
#include "traces/precision.h"

#include <stdexcept>

namespace mixq::traces {

Precision parse_precision(std::string_view text) {
    const auto is_bits = [](char c) { return c >= '0' + kMinBits && c <= '0' + kMaxBits; };
    if (text.size() != 4 || text[0] != 'w' || text[2] != 'a' || !is_bits(text[1]) ||
        !is_bits(text[3])) {
        throw std::invalid_argument("precision '" + std::string(text) +
                                    "' is not wNaM with N weight bits and M activation bits, 2 to "
                                    "8 each, such as w4a2");
    }
    return {text[1] - '0', text[3] - '0'};
}

std::string to_string(Precision precision) {
    return "w" + std::to_string(precision.weight_bits) + "a" +
           std::to_string(precision.activation_bits);
}

std::vector<Precision> all_precisions() {
    std::vector<Precision> all;
    for (int weight_bits = kMinBits; weight_bits <= kMaxBits; ++weight_bits) {
        for (int activation_bits = kMinBits; activation_bits <= kMaxBits; ++activation_bits) {
            all.push_back({weight_bits, activation_bits});
        }
    }
    return all;
}

}  // namespace mixq::traces
