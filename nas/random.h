// The search's own random numbers: integers only, the same on every machine, and cheap to start anew
// for every epoch and image, so that a resumed run draws what an uninterrupted one would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mixq::nas {

// One step of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
constexpr std::uint64_t split_mix(std::uint64_t& state) {
    std::uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

// The seed of an independent stream: of one image, of one epoch of one phase.
constexpr std::uint64_t stream(std::uint64_t seed, std::uint64_t kind, std::uint64_t index) {
    std::uint64_t state = seed;
    state = split_mix(state) ^ kind;
    state = split_mix(state) ^ index;
    return split_mix(state);
}

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    // 0 <= result < limit. The bias of the multiply is below limit / 2^32.
    std::uint32_t below(std::uint32_t limit) {
        return static_cast<std::uint32_t>(((split_mix(state_) >> 32) * limit) >> 32);
    }

    // low <= result <= high.
    int between(int low, int high) {
        return low + static_cast<int>(below(static_cast<std::uint32_t>(high - low + 1)));
    }

    // 0 .. count - 1 in random order (Fisher and Yates).
    std::vector<int> permutation(int count) {
        std::vector<int> order(static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i) {
            order[static_cast<std::size_t>(i)] = i;
        }
        for (int i = count - 1; i > 0; --i) {
            std::swap(order[static_cast<std::size_t>(i)],
                      order[below(static_cast<std::uint32_t>(i + 1))]);
        }
        return order;
    }

  private:
    std::uint64_t state_;
};

}  // namespace mixq::nas
