// What is decided on the latency table alone, and the shapes of the spaces it is made for.
#include "nas/latency.h"

#include <gtest/gtest.h>

#include "nas/search.h"
#include "nas/space.h"

namespace mixq::nas {
namespace {

using traces::Precision;

std::vector<traces::Layer> two_layers() {
    return {traces::parse_layer("conv3x3:3x8@8x8"), traces::parse_layer("fc:512x10")};
}

// Cycles in three classes of width, as packing gives them: 2-3, 4-6, 7-8 bits.
double stepped(const traces::Layer& layer, Precision precision) {
    const auto level = [](int bits) { return bits <= 3 ? 1.0 : bits <= 6 ? 2.0 : 3.0; };
    return static_cast<double>(layer.macs()) *
           (level(precision.weight_bits) + level(precision.activation_bits));
}

TEST(LatencyTable, HoldsTheFunctionOfEveryPair) {
    const auto layers = two_layers();
    const LatencyTable table(layers, macs_bits());
    EXPECT_EQ(table.layers(), 2);
    EXPECT_DOUBLE_EQ(table.cycles(0, {3, 5}), static_cast<double>(layers[0].macs()) * 15);
    EXPECT_DOUBLE_EQ(
        table.total({{2, 8}, {4, 2}}),
        static_cast<double>(layers[0].macs()) * 16 + static_cast<double>(layers[1].macs()) * 8);
    EXPECT_DOUBLE_EQ(table.all_eight(), table.total({{8, 8}, {8, 8}}));
}

TEST(LatencyTable, RefusesALatencyThatIsNone) {
    EXPECT_THROW(LatencyTable(two_layers(), [](const auto&, auto) { return 0.0; }),
                 std::runtime_error);
    EXPECT_THROW(LatencyTable(two_layers(), [](const auto&, auto) { return 0.0 / 0.0; }),
                 std::runtime_error);
}

TEST(RaiseFree, TakesTheWidestPairOfEqualCycles) {
    const LatencyTable table(two_layers(), stepped);
    Log log;
    const auto bits = raise_free(table, {{4, 8}, {2, 5}}, log);
    EXPECT_EQ(to_string(bits), "w6a8 w3a6");
    EXPECT_EQ(log.size(), 2U);
    EXPECT_DOUBLE_EQ(table.total(bits), table.total({{4, 8}, {2, 5}}));
}

TEST(RaiseWithin, SpendsTheTargetAndNoMore) {
    const LatencyTable table(two_layers(), stepped);
    const double limit = table.all_eight() * 0.8;
    Log log;
    const auto bits = raise_within(table, {{2, 8}, {2, 2}}, limit, log);
    EXPECT_LE(table.total(bits), limit);
    for (std::size_t i = 0; i < bits.size(); ++i) {
        for (const Precision more : {Precision{bits[i].weight_bits + 1, bits[i].activation_bits},
                                     Precision{bits[i].weight_bits, bits[i].activation_bits + 1}}) {
            if (more.weight_bits > 8 || more.activation_bits > 8) continue;
            auto wider = bits;
            wider[i] = more;
            EXPECT_GT(table.total(wider), limit) << to_string(wider);
        }
    }
}

Preference indifferent(int layers) {
    return {std::vector<double>(static_cast<std::size_t>(layers * kWidths), 0.0),
            std::vector<double>(static_cast<std::size_t>(layers * kWidths), 0.0)};
}

TEST(LowerTo, MeetsTheLimitAndLeavesTheInputAtEightBits) {
    const LatencyTable table(two_layers(), stepped);
    Log log;
    const double limit = table.all_eight() * 0.6;
    const auto bits = lower_to(table, indifferent(2), {{8, 8}, {8, 8}}, limit, log);
    EXPECT_LE(table.total(bits), limit);
    EXPECT_EQ(bits[0].activation_bits, kInputBits);
    EXPECT_FALSE(log.empty());
}

TEST(LowerTo, LowersWhereTheSearchCaresLeast) {
    const std::vector<traces::Layer> same(2, traces::parse_layer("conv3x3:8x8@8x8"));
    const LatencyTable table(same, stepped);
    Preference preference = indifferent(2);
    // Layer 2 minds any loss of weight or activation bits, layer 1 does not.
    for (int i = 0; i < kWidths - 1; ++i) {
        preference.weight[static_cast<std::size_t>(kWidths + i)] = -5;
        preference.activation[static_cast<std::size_t>(kWidths + i)] = -5;
    }
    Log log;
    const auto bits = lower_to(table, preference, {{8, 8}, {8, 8}}, table.all_eight() * 0.85, log);
    EXPECT_LT(bits[0].weight_bits, 8);
    EXPECT_EQ(bits[1], (Precision{8, 8}));
}

TEST(LowerTo, SaysWhenALimitIsOutOfReach) {
    const LatencyTable table(two_layers(), stepped);
    Log log;
    EXPECT_THROW(lower_to(table, indifferent(2), {{8, 8}, {8, 8}}, 1, log), std::runtime_error);
}

TEST(Spaces, ChainAndEndInTheClasses) {
    for (const std::string& name : space_names()) {
        const Space& space = find_space(name);
        const auto shapes = layers(space);
        ASSERT_EQ(shapes.size(), space.blocks.size());
        EXPECT_EQ(shapes.back().out_channels, 10);
        for (std::size_t i = 0; i + 1 < shapes.size(); ++i) {
            EXPECT_EQ(shapes[i].out_channels % 4, 0) << space.blocks[i].name;
        }
    }
}

TEST(Spaces, AnUnknownOneListsWhatThereIs) {
    try {
        find_space("huge");
        FAIL() << "no error";
    } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("vgg_tiny"), std::string::npos) << error.what();
    }
}

TEST(Results, TablesReadBackAsWritten) {
    const std::vector<HistoryRow> history = {{1, Phase::Float, 1.25, 0.5, 0, 0},
                                             {2, Phase::Search, 0.75, 0.625, 1e6, 0.3}};
    const auto again = read_history(history_table(history));
    ASSERT_EQ(again.size(), 2U);
    EXPECT_EQ(again[1].phase, Phase::Search);
    EXPECT_EQ(again[1].lambda, 0.3);
    const std::vector<SearchPoint> points = {{"result", 3, {{8, 8}, {2, 5}}, 12345.5, 0.75}};
    const auto read = read_points(points_table(points));
    ASSERT_EQ(read.size(), 1U);
    EXPECT_EQ(read[0].bits, points[0].bits);
    EXPECT_EQ(read[0].predicted_cycles, 12345.5);
}

}  // namespace
}  // namespace mixq::nas
