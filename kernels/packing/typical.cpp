// Moments of the mean of four uniform values, and the expected largest of many normal ones.
#include "kernels/packing/typical.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

namespace mixq::kernels::packing {

namespace {

constexpr int kDraws =
    4;  // as random_layer draws its bell-shaped weights: the rounded mean of so many

constexpr std::uint64_t kSampleSeed = 1;
constexpr std::size_t kLeastSample = 4096;

// Of n standard normal values: the usual asymptotic form, which is within a tenth from n = 3 on.
double expected_largest(std::int64_t n) {
    constexpr double kTwo = 0.56;  // of two values: 1 / sqrt(pi)
    if (n <= 1) return 0;
    if (n == 2) return kTwo;
    const double log = std::log(static_cast<double>(n));
    const double root = std::sqrt(2 * log);
    return std::max(kTwo, root - (std::log(log) + std::log(4 * M_PI)) / (2 * root));
}

}  // namespace

TypicalWeights::TypicalWeights(int weight_bits) {
    const int count = 1 << weight_bits;
    const int least = -count / 2;
    std::vector<double> sums{1};  // probabilities, from kDraws times the least upwards
    for (int draw = 0; draw < kDraws; ++draw) {
        std::vector<double> next(sums.size() + static_cast<std::size_t>(count) - 1);
        for (std::size_t i = 0; i < sums.size(); ++i) {
            for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k)
                next[i + k] += sums[i] / count;
        }
        sums = std::move(next);
    }
    std::array<double, 3> mean{};
    std::array<double, 3> square{};
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const int sum = kDraws * least + static_cast<int>(i);
        const int weight = (sum >= 0 ? sum + 2 : sum - 2) / kDraws;
        const std::array<double, 3> values{
            std::abs(weight) * 1.0, std::max(0, -weight) * 1.0, std::max(0, weight) * 1.0};
        for (std::size_t k = 0; k < values.size(); ++k) {
            mean[k] += sums[i] * values[k];
            square[k] += sums[i] * values[k] * values[k];
        }
        if (weight == least) least_share_ += sums[i];
        if (weight < 0) negative_share_ += sums[i];
    }
    const std::array<Moments*, 3> all{&magnitude_, &negative_, &positive_};
    for (std::size_t k = 0; k < all.size(); ++k) {
        *all[k] = {mean[k],
                   std::sqrt(square[k] - mean[k] * mean[k]),
                   static_cast<double>(k == 2 ? -least - 1 : -least)};
    }
}

double TypicalWeights::largest(const Moments& of, std::int64_t weights, std::int64_t sums) {
    const auto n = static_cast<double>(weights);
    return std::min(n * of.most,
                    n * of.mean + expected_largest(sums) * std::sqrt(n) * of.deviation);
}

double TypicalWeights::magnitudes(std::int64_t weights, std::int64_t sums) const {
    return largest(magnitude_, weights, sums);
}

double TypicalWeights::negative(std::int64_t weights, std::int64_t sums) const {
    return largest(negative_, weights, sums);
}

double TypicalWeights::positive(std::int64_t weights, std::int64_t sums) const {
    return largest(positive_, weights, sums);
}

std::span<const std::int8_t> sample_weights(int weight_bits, std::size_t count) {
    // Drawn once, to the end that was asked for so far; what was handed out stays where it is.
    struct Drawn {
        std::mutex mutex;
        std::mt19937_64 engine{kSampleSeed};
        std::vector<std::unique_ptr<std::vector<std::int8_t>>> all;
    };

    static std::array<Drawn, 9> kDrawn;
    Drawn& drawn = kDrawn.at(static_cast<std::size_t>(weight_bits));
    const std::lock_guard lock(drawn.mutex);
    if (drawn.all.empty() || drawn.all.back()->size() < count) {
        auto more = std::make_unique<std::vector<std::int8_t>>();
        if (!drawn.all.empty()) *more = *drawn.all.back();
        const std::size_t length = std::max(count, std::max(kLeastSample, 2 * more->size()));
        more->reserve(length);
        const int least = -(1 << (weight_bits - 1));
        while (more->size() < length) {
            int sum = 0;
            for (int i = 0; i < kDraws; ++i)
                sum += least + static_cast<int>(drawn.engine() % (1u << weight_bits));
            more->push_back(static_cast<std::int8_t>((sum >= 0 ? sum + 2 : sum - 2) / kDraws));
        }
        drawn.all.push_back(std::move(more));
    }
    return std::span(*drawn.all.back()).first(count);
}

const TypicalWeights& typical_weights(int weight_bits) {
    static const std::array<TypicalWeights, 7> kAll{TypicalWeights(2),
                                                    TypicalWeights(3),
                                                    TypicalWeights(4),
                                                    TypicalWeights(5),
                                                    TypicalWeights(6),
                                                    TypicalWeights(7),
                                                    TypicalWeights(8)};
    return kAll.at(static_cast<std::size_t>(weight_bits - traces::kMinBits));
}

}  // namespace mixq::kernels::packing
