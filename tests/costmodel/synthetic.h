// Made-up runs whose true coefficients are known.
#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "costmodel/eq12.h"

namespace mixq::costmodel {

constexpr Eq12 kTruth{0.6, 1.4, 0.8};

struct SyntheticOptions {
    int shapes = 10;
    double noise = 0;  // standard deviation of log cycles
    std::uint64_t seed = 1;
    Eq12 truth = kTruth;
};

// Per shape: four kernels that mix instructions differently, at three bit pairs.
inline std::vector<Sample> synthetic_samples(const SyntheticOptions& options) {
    struct Mix {
        const char* kernel;
        double sisd, simd, bit;
    };

    constexpr Mix kMixes[] = {{"scalar", 4.0, 0.0, 0.1},
                              {"simd", 1.0, 0.5, 0.5},
                              {"packed", 0.5, 0.2, 1.0},
                              {"deep", 0.3, 0.3, 0.1}};
    std::mt19937_64 random(options.seed);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> vary(0.7, 1.3);
    std::vector<Sample> samples;
    for (int shape = 0; shape < options.shapes; ++shape) {
        const double macs = std::exp(10 + 4.0 * shape / options.shapes);
        for (const Mix& mix : kMixes) {
            for (const char* bits : {"w2a2", "w4a4", "w8a8"}) {
                Sample sample;
                sample.features = {macs * mix.sisd * vary(random),
                                   macs * mix.simd * vary(random),
                                   macs * mix.bit * vary(random)};
                sample.cycles = options.truth.cycles(sample.features) *
                                std::exp(options.noise * normal(random));
                sample.shape = "shape" + std::to_string(shape);
                sample.kernel = mix.kernel;
                sample.bits = bits;
                samples.push_back(sample);
            }
        }
    }
    return samples;
}

}  // namespace mixq::costmodel
