// Sums of instruction counts.
#include "traces/counts.h"

#include <numeric>

namespace mixq::traces {

std::string_view name(InstrClass instr_class) {
    constexpr std::string_view kNames[kInstrClasses] = {
        "sisd", "simd", "bitop", "load", "store", "branch"};
    return kNames[static_cast<std::size_t>(instr_class)];
}

std::uint64_t Counts::total() const {
    return std::accumulate(by_class.begin(), by_class.end(), std::uint64_t{0});
}

Counts& Counts::operator+=(const Counts& other) {
    for (std::size_t i = 0; i < kInstrClasses; ++i) by_class[i] += other.by_class[i];
    return *this;
}

Counts operator-(Counts left, const Counts& right) {
    for (std::size_t i = 0; i < kInstrClasses; ++i) left.by_class[i] -= right.by_class[i];
    return left;
}

}  // namespace mixq::traces
