// Loops in closed form against what is built: weights that are typical, plans that are taken.
#include "kernels/loops.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/network/firmware.h"
#include "kernels/packed_conv/plan.h"
#include "kernels/packed_gemm/pack.h"
#include "kernels/packing/typical.h"

namespace mixq::kernels {
namespace {

IntegerLayer layer_of(const std::string& shape, traces::Precision precision) {
    return random_layer(traces::parse_layer(shape), precision, WeightKind::BellShaped, 1)
        .layers.front();
}

TEST(TypicalWeights, ASampleIsTheWeightsOfTracedLayers) {
    for (int bits = traces::kMinBits; bits <= traces::kMaxBits; ++bits) {
        const IntegerLayer layer = layer_of("conv3x3:6x10@4x4", {bits, 3});
        const auto sample = packing::sample_weights(bits, layer.weights.size());
        EXPECT_TRUE(std::equal(sample.begin(), sample.end(), layer.weights.begin())) << bits;
    }
}

TEST(TypicalWeights, TheirLargestSumsAreThoseOfActualWeights) {
    for (int bits = traces::kMinBits; bits <= traces::kMaxBits; ++bits) {
        const IntegerLayer layer = layer_of("conv3x3:16x24@4x4", {bits, 3});
        double largest = 0;
        for (std::size_t first = 0; first < layer.weights.size(); first += 144) {
            double sum = 0;
            for (std::size_t i = first; i < first + 144; ++i) sum += std::abs(layer.weights[i]);
            largest = std::max(largest, sum);
        }
        EXPECT_NEAR(packing::typical_weights(bits).magnitudes(144, 24) / largest, 1, 0.05) << bits;
    }
}

TEST(TypicalWeights, NoSumIsMoreThanAllWeightsAtTheirMost) {
    for (int bits = traces::kMinBits; bits <= traces::kMaxBits; ++bits) {
        const auto& weights = packing::typical_weights(bits);
        EXPECT_LE(weights.magnitudes(1, 1'000'000), 1 << (bits - 1));
        EXPECT_LE(weights.negative(2, 1'000'000), 2 << (bits - 1));
        EXPECT_LE(weights.positive(2, 1'000'000), (2 << (bits - 1)) - 2);
    }
}

const std::vector<std::string> kShapes = {"conv3x3:8x12@9x10",
                                          "conv3x3:20x6@7x12s2",
                                          "conv1x1:24x16@6x10",
                                          "conv1x1:64x32@4x4",
                                          "fc:320x48",
                                          "fc:96x64"};

const std::vector<traces::Precision> kPairs = {
    {2, 2}, {2, 4}, {3, 5}, {4, 3}, {4, 6}, {6, 4}, {7, 3}};

// What is chosen without weights is what actual weights pack, but for depths on the edge.
TEST(Loops, DualGemmTakesTheTileOfItsActualWeights) {
    int same = 0;
    int all = 0;
    for (const std::string& shape : kShapes) {
        for (const traces::Precision precision : kPairs) {
            const IntegerLayer layer = layer_of(shape, precision);
            const auto actual = packed_gemm::dual_plans(layer);
            const auto typical = packed_gemm::typical_dual_plan(layer.shape, precision);
            ++all;
            ASSERT_EQ(actual.empty(), !typical) << shape << " " << to_string(precision);
            if (!typical) continue;
            const packed_gemm::Plan& plan = actual.front().plan;
            same += plan.product == typical->product && plan.positions == typical->positions &&
                            plan.words == typical->words
                        ? 1
                        : 0;
        }
    }
    RecordProperty("same_percent", std::to_string(100 * same / all));
    EXPECT_GE(same, all * 8 / 10) << "of " << all;
}

TEST(Loops, RpConvHasThePlansOfItsActualWeights) {
    int same = 0;
    int all = 0;
    for (const char* shape : {"conv3x3:8x12@9x10", "conv3x3:20x6@7x12s2", "conv5x5:6x8@10x12"}) {
        for (const traces::Precision precision : kPairs) {
            const IntegerLayer layer = layer_of(shape, precision);
            std::set<std::string> actual;
            std::set<std::string> typical;
            for (const auto& plan : packed_conv::plans(layer)) actual.insert(plan.descriptor());
            for (const auto& plan : packed_conv::typical_plans(layer.shape, precision))
                typical.insert(plan.descriptor());
            std::vector<std::string> both;
            std::set_intersection(actual.begin(),
                                  actual.end(),
                                  typical.begin(),
                                  typical.end(),
                                  std::back_inserter(both));
            same += static_cast<int>(both.size());
            all += static_cast<int>(std::max(actual.size(), typical.size()));
        }
    }
    RecordProperty("same_percent", std::to_string(100 * same / all));
    EXPECT_GE(same, all * 8 / 10) << "of " << all;
}

// Laws have a factor for every kind, so that no layer meets one that has none.
TEST(Loops, AKernelHasTheSameKindsOfCodeForEveryLayer) {
    for (const Kernel* kernel : all_kernels()) {
        if (kernel->purpose() != Purpose::Deploy) continue;
        std::set<std::vector<std::string>> kinds;
        int layers = 0;
        for (const char* shape : {"conv3x3:8x12@9x10",
                                  "conv3x3:20x6@7x12s2",
                                  "conv1x1:24x16@6x10",
                                  "conv1x1:48x12@28x9",
                                  "fc:320x48",
                                  "dw3x3:8@9x10",
                                  "dw3x3:16@8x8s2"}) {
            for (const traces::Precision precision : kPairs) {
                try {
                    const auto work =
                        loop_work(kernel->name(), traces::parse_layer(shape), precision);
                    ASSERT_TRUE(work) << kernel->name();
                    std::vector<std::string> names;
                    for (const WorkTerm& term : *work) {
                        EXPECT_TRUE(std::isfinite(term.amount) && term.amount >= 0)
                            << kernel->name() << " " << shape << " " << term.name;
                        names.push_back(term.name);
                    }
                    kinds.insert(names);
                    ++layers;
                } catch (const std::runtime_error&) {
                    continue;  // not a layer of this kernel
                }
            }
        }
        EXPECT_GT(layers, 0) << kernel->name();
        EXPECT_EQ(kinds.size(), 1u) << kernel->name();
    }
}

}  // namespace
}  // namespace mixq::kernels
