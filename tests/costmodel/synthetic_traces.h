// Made-up traces of the project's own kernels: every class a known linear combination of the
// kernel's work, cycles by Eq. 12 exactly, times a factor per kernel.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "costmodel/fit.h"
#include "kernels/kernel.h"
#include "tests/costmodel/synthetic.h"

namespace mixq::costmodel {

inline const std::vector<std::string> kShapes = {"conv3x3:16x16@16x16",
                                                 "conv3x3:32x16@12x12",
                                                 "conv3x3:8x32@10x14",
                                                 "conv3x3:32x32@8x8",
                                                 "conv3x3:24x12@11x9",
                                                 "conv3x3:12x20@18x6",
                                                 "conv3x3:4x40@9x13",
                                                 "conv3x3:20x8@7x16",
                                                 "conv1x1:16x32@16x16",
                                                 "conv1x1:64x32@8x8",
                                                 "conv1x1:32x8@12x10",
                                                 "conv1x1:48x20@9x7",
                                                 "conv1x1:24x52@6x11",
                                                 "conv1x1:96x12@5x5",
                                                 "conv1x1:8x64@14x9",
                                                 "conv5x5:8x16@12x12"};

struct SyntheticTraces {
    std::vector<std::string> shapes = kShapes;
    std::vector<std::string> bits = {"w2a2", "w3a3", "w4a4"};
    std::vector<std::string> kernels = {"naive", "simd-int8", "slbc-deep"};
    std::vector<double> factors = {1, 1, 1};  // cycles of each kernel, times this
};

// Instructions of class `c` per unit of term `t` of kernel `k`: any numbers, unlike each other.
inline double true_count(std::size_t k, std::size_t c, std::size_t t) {
    return 0.25 * static_cast<double>(1 + (5 * k + 3 * c + 7 * t + 2 * k * c) % 11);
}

inline traces::Record synthetic_record(const SyntheticTraces& traces,
                                       std::size_t k,
                                       const traces::Layer& layer,
                                       traces::Precision precision) {
    traces::Record record;
    record.kernel = traces.kernels[k];
    record.layer = layer;
    record.precision = precision;
    const auto work = work_of(record.kernel, layer, precision);
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        double count = 0;
        for (std::size_t t = 0; t < work.size(); ++t) count += true_count(k, c, t) * work[t].amount;
        record.counts.by_class[c] = static_cast<std::uint64_t>(std::llround(count));
    }
    record.cycles = static_cast<std::uint64_t>(
        std::llround(traces.factors[k] * kTruth.cycles(features(record.counts))));
    record.provenance.tool = "mixq-sim test";
    record.provenance.compiler = "compiler, version \"1\"";
    record.provenance.flags = "-O3";
    record.provenance.core = "cortex_m7";
    record.provenance.board = "stm32f746";
    record.provenance.clock_hz = 216000000;
    record.provenance.memory = "ideal";
    record.provenance.elf_sha256 = "0";
    return record;
}

inline std::vector<TraceFile> synthetic_traces(const SyntheticTraces& traces) {
    TraceFile file{"synthetic.csv", "0123", {}};
    for (std::size_t k = 0; k < traces.kernels.size(); ++k) {
        for (const std::string& shape : traces.shapes) {
            for (const std::string& bits : traces.bits) {
                const traces::Layer layer = traces::parse_layer(shape);
                const traces::Precision precision = traces::parse_precision(bits);
                if (kernels::find_kernel(traces.kernels[k]).refuses(layer, precision)) continue;
                file.records.push_back(synthetic_record(traces, k, layer, precision));
            }
        }
    }
    return {file};
}

}  // namespace mixq::costmodel
