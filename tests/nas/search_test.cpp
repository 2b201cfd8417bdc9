// The whole search on a small space and few images: it repeats, resumes, obeys and exports exactly.
#include "nas/search.h"

#include <gtest/gtest.h>

#include "kernels/reference/reference.h"

namespace mixq::nas {
namespace {

Space small_space() {
    using traces::LayerKind;
    return {.name = "small",
            .description = "",
            .blocks = {{"conv1", LayerKind::Conv, 8, 3, 1, kernels::Pool::Max2x2},
                       {"conv2", LayerKind::Conv, 8, 3, 1, kernels::Pool::Max2x2},
                       {"conv3", LayerKind::Conv, 16, 3, 1, kernels::Pool::Max2x2},
                       {"hidden", LayerKind::FullyConnected, 16, 1, 1, kernels::Pool::None},
                       {"fc", LayerKind::FullyConnected, 10, 1, 1, kernels::Pool::None}}};
}

// A stand-in for a fitted model: what packing of MACs into 32 bits would cost.
double packed_cycles(const traces::Layer& layer, traces::Precision precision) {
    return static_cast<double>(layer.macs()) *
           (0.2 + 0.05 * (precision.weight_bits + precision.activation_bits));
}

SearchOptions short_run() {
    SearchOptions options;
    options.seed = 11;
    options.threads = 1;
    options.batch = 32;
    options.float_epochs = 2;
    options.search_epochs = 2;
    options.qat_epochs = 1;
    options.golden_images = 20;
    return options;
}

const Dataset& images() {
    static const Dataset dataset = draw_shapes(1, 480, 120);
    return dataset;
}

SearchResult run(const SearchOptions& options) {
    const Space space = small_space();
    const LatencyTable table(layers(space), packed_cycles);
    return search(space, images(), table, table, options, [](auto, auto, auto) {});
}

void expect_same(const SearchResult& a, const SearchResult& b) {
    EXPECT_EQ(a.bits, b.bits);
    ASSERT_EQ(a.network.layers.size(), b.network.layers.size());
    for (std::size_t i = 0; i < a.network.layers.size(); ++i) {
        EXPECT_EQ(a.network.layers[i].weights, b.network.layers[i].weights);
        EXPECT_EQ(a.network.layers[i].multiplier, b.network.layers[i].multiplier);
        EXPECT_EQ(a.network.layers[i].bias, b.network.layers[i].bias);
    }
    EXPECT_EQ(a.golden.logits, b.golden.logits);
    EXPECT_EQ(a.accuracy, b.accuracy);
    EXPECT_EQ(traces::format_table(history_table(a.history)),
              traces::format_table(history_table(b.history)));
}

TEST(Search, TheSameSeedGivesTheSamePlanAndAnotherSeedAnother) {
    const SearchResult first = run(short_run());
    expect_same(first, run(short_run()));
    SearchOptions other = short_run();
    other.seed = 12;
    EXPECT_NE(run(other).golden.logits, first.golden.logits);
}

TEST(Search, AResumedRunEndsAsAnUninterruptedOne) {
    const auto path = std::filesystem::path(testing::TempDir()) / "nas_resume.pt";
    for (const int stop_after : {1, 3, 4}) {
        std::filesystem::remove(path);
        SearchOptions options = short_run();
        options.checkpoint = path;
        const SearchResult whole = run(options);
        std::filesystem::remove(path);

        struct Stop {};

        const Space space = small_space();
        const LatencyTable table(layers(space), packed_cycles);
        // 480 images in batches of 32: 15 batches an epoch (16 in the search), so one more batch is
        // after the epoch's checkpoint.
        const auto interrupt = [&](auto, std::int64_t done, auto) {
            if (done > 15 * stop_after) throw Stop();
        };
        EXPECT_THROW(search(space, images(), table, table, options, interrupt), Stop);
        options.resume = true;
        expect_same(whole, run(options));
    }
    std::filesystem::remove(path);
}

TEST(Search, ACheckpointOfAnotherRunIsRefused) {
    const auto path = std::filesystem::path(testing::TempDir()) / "nas_other.pt";
    SearchOptions options = short_run();
    options.checkpoint = path;
    run(options);
    options.resume = true;
    options.seed = 99;
    EXPECT_THROW(run(options), std::invalid_argument);
    std::filesystem::remove(path);
}

TEST(Search, TheIntegerForwardEqualsTheReferenceByteForByte) {
    for (const char* widths : {"w8a8", "w4a4", "w2a2", "w3a7"}) {
        SearchOptions options = short_run();
        options.uniform = traces::parse_precision(widths);
        const SearchResult result = run(options);
        ASSERT_EQ(result.golden.images(), 20);
        for (int i = 0; i < result.golden.images(); ++i) {
            const auto logits = kernels::reference_logits(result.network, images().test.image(i));
            const auto first = result.golden.logits.begin() +
                               static_cast<std::ptrdiff_t>(i) * result.golden.outputs;
            EXPECT_EQ(logits, std::vector(first, first + result.golden.outputs)) << widths << i;
        }
    }
}

TEST(Search, MultipliersKeepSixteenBits) {
    const SearchResult result = run(short_run());
    for (const kernels::IntegerLayer& layer : result.network.layers) {
        if (layer.output_bits == 0) continue;
        EXPECT_GE(*std::max_element(layer.multiplier.begin(), layer.multiplier.end()), 1 << 16);
    }
}

TEST(Search, MoreLambdaExpectsFewerCycles) {
    double before = 1e30;
    for (const double lambda : {0.0, 1.0, 30.0}) {
        SearchOptions options = short_run();
        options.lambda = lambda;
        const SearchResult result = run(options);
        double expected = 0;
        for (const HistoryRow& row : result.history) {
            if (row.phase == Phase::Search) expected = row.expected_cycles;
        }
        EXPECT_LT(expected, before) << lambda;
        before = expected;
    }
}

TEST(Search, ATargetIsMet) {
    const Space space = small_space();
    const LatencyTable table(layers(space), packed_cycles);
    SearchOptions options = short_run();
    options.target_cycles = 0.7 * table.all_eight();
    const SearchResult result = run(options);
    EXPECT_LE(result.predicted_cycles, *options.target_cycles);
    EXPECT_GT(result.predicted_cycles, 0.6 * table.all_eight());
    options.target_cycles = 1;
    EXPECT_THROW(run(options), std::runtime_error);
}

TEST(Search, UniformWidthsAreTakenAsTheyAre) {
    SearchOptions options = short_run();
    options.uniform = traces::Precision{4, 4};
    const SearchResult result = run(options);
    EXPECT_EQ(to_string(result.bits), "w4a8 w4a4 w4a4 w4a4 w4a4");
    for (const HistoryRow& row : result.history) EXPECT_NE(row.phase, Phase::Search);
}

}  // namespace
}  // namespace mixq::nas
