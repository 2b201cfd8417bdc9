// The laws of iso-latency classes.
#include "costmodel/iso_latency.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace mixq::costmodel {
namespace {

// Cycles by the sum of the bits, in steps of a tenth, known to 4 %.
std::vector<PairPrediction> stepped_pairs(double reach) {
    std::vector<PairPrediction> pairs;
    for (const traces::Precision precision : traces::all_precisions()) {
        const double cycles =
            1000 + 100 * (precision.weight_bits + precision.activation_bits) / 2 * 2;
        pairs.push_back(
            {precision, {"kernel", cycles, cycles / (1 + reach), cycles * (1 + reach), false}});
    }
    return pairs;
}

TEST(IsoLatency, EveryPairIsInOneClassAndClassesAreInOrder) {
    const auto classes = iso_latency_classes(stepped_pairs(0.04));
    std::size_t members = 0;
    double before = 0;
    for (const IsoLatencyClass& of : classes) {
        members += of.members.size();
        EXPECT_GE(of.members.front().prediction.cycles, before);
        before = of.members.back().prediction.cycles;
    }
    EXPECT_EQ(members, 49u);
    EXPECT_GT(classes.size(), 3u);
}

TEST(IsoLatency, MembersCannotBeToldApart) {
    for (const IsoLatencyClass& of : iso_latency_classes(stepped_pairs(0.08))) {
        for (const auto& a : of.members) {
            for (const auto& b : of.members) {
                EXPECT_LE(a.prediction.low, b.prediction.cycles);
                EXPECT_GE(a.prediction.high, b.prediction.cycles);
            }
        }
    }
}

TEST(IsoLatency, EveryMemberHasNoMoreBitsThanOneOfTheWidest) {
    for (const IsoLatencyClass& of : iso_latency_classes(stepped_pairs(0.15))) {
        ASSERT_FALSE(of.widest.empty());
        for (const auto& member : of.members) {
            EXPECT_TRUE(
                std::any_of(of.widest.begin(), of.widest.end(), [&](traces::Precision widest) {
                    return widest.weight_bits >= member.precision.weight_bits &&
                           widest.activation_bits >= member.precision.activation_bits;
                }));
        }
    }
}

TEST(IsoLatency, ASurerModelTellsMoreApart) {
    EXPECT_GT(iso_latency_classes(stepped_pairs(0.01)).size(),
              iso_latency_classes(stepped_pairs(0.2)).size());
    EXPECT_TRUE(iso_latency_classes({}).empty());
}

}  // namespace
}  // namespace mixq::costmodel
