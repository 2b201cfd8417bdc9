// The recorded traces against the models fitted to them: what the cost model is worth, as limits that hold.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "costmodel/error.h"
#include "costmodel/measures.h"
#include "costmodel/model.h"
#include "kernels/analytic.h"
#include "kernels/kernel.h"

namespace mixq::costmodel {
namespace {

namespace fs = std::filesystem;

TraceFile recorded(const char* name) {
    return read_trace(fs::path(MIXQ_RECORDED) / name);
}

const FitResult& designed_fit() {
    static const FitResult kFit = fit({recorded("fit.csv")}, {.draws = 200, .seed = 1});
    return kFit;
}

LatencyModel model_of(ModelForm form) {
    return LatencyModel::from(designed_fit()).with_form(form);
}

// Generated kernels, whose routines are known before they run, and those that the compiler makes.
enum class Kernels { All, Generated, Compiled };

Measures on_unseen_layers(ModelForm form, Kernels which) {
    const LatencyModel model = model_of(form);
    std::vector<double> predicted;
    std::vector<double> simulated;
    for (const traces::Record& row : recorded("holdout.csv").records) {
        const bool generated = !kernels::has_closed_work(row.kernel);
        if (which != Kernels::All && generated != (which == Kernels::Generated)) continue;
        predicted.push_back(model.predict(row).cycles);
        simulated.push_back(static_cast<double>(row.cycles));
    }
    return measures(predicted, simulated);
}

void record(const std::string& key, double value) {
    testing::Test::RecordProperty(key, std::to_string(value));
}

TEST(Recorded, TheDesignedTracesIdentifyEq12) {
    EXPECT_TRUE(designed_fit().eq12.answered);
    EXPECT_LT(designed_fit().eq12.condition, kSafeCondition);
    EXPECT_GE(designed_fit().rows.size(), 200u);
}

TEST(Recorded, NoLayerOfTheHoldOutWasFitted) {
    std::set<traces::Layer> fitted;
    for (const traces::Record& row : designed_fit().rows) fitted.insert(row.layer);
    std::set<traces::Layer> unseen;
    for (const traces::Record& row : recorded("holdout.csv").records) {
        EXPECT_FALSE(fitted.contains(row.layer)) << to_string(row.layer);
        unseen.insert(row.layer);
    }
    EXPECT_EQ(unseen.size(), 40u);
}

TEST(Recorded, ResourcePredictsGeneratedKernelsOnUnseenLayersWithinTwoPercent) {
    const Measures resource = on_unseen_layers(ModelForm::Resource, Kernels::Generated);
    record("mape", resource.mape);
    record("worst", resource.worst);
    EXPECT_GE(resource.values, 80);
    EXPECT_LE(resource.mape, 2);
    EXPECT_LE(resource.worst, 6);
}

// Of compiled kernels the code is read, which the compiler unrolls and spills for each layer in its own way.
TEST(Recorded, ResourcePredictsAllKernelsOnUnseenLayersWithinTwoPercent) {
    const Measures all = on_unseen_layers(ModelForm::Resource, Kernels::All);
    const Measures compiled = on_unseen_layers(ModelForm::Resource, Kernels::Compiled);
    record("mape", all.mape);
    record("compiled_mape", compiled.mape);
    record("compiled_worst", compiled.worst);
    EXPECT_LE(all.mape, 2);
    EXPECT_LE(all.worst, 6);
    EXPECT_LE(compiled.worst, 6);
}

TEST(Recorded, ResourceIsBetterThanEveryLinearForm) {
    const double resource = on_unseen_layers(ModelForm::Resource, Kernels::All).mape;
    for (const ModelForm form : {ModelForm::Eq12, ModelForm::Eq12PerKernel, ModelForm::Eq12Plus}) {
        const Measures linear = on_unseen_layers(form, Kernels::All);
        record(std::string(name(form)), linear.mape);
        EXPECT_LT(resource, linear.mape) << name(form);
    }
}

// Of each layer, the pairs in order of the fastest kernel of each: as predicted, and as simulated.
TEST(Recorded, ResourceRanksTheFortyNinePairs) {
    const LatencyModel model = model_of(ModelForm::Resource);
    std::map<std::string, std::map<traces::Precision, std::pair<double, double>>> layers;
    for (const traces::Record& row : recorded("pairs.csv").records) {
        auto& pairs = layers[to_string(row.layer)];
        const double predicted = model.predict(row).cycles;
        const auto simulated = static_cast<double>(row.cycles);
        const auto [found, added] = pairs.try_emplace(row.precision, predicted, simulated);
        if (added) continue;
        found->second.first = std::min(found->second.first, predicted);
        found->second.second = std::min(found->second.second, simulated);
    }
    ASSERT_GE(layers.size(), 2u);
    for (const auto& [layer, pairs] : layers) {
        ASSERT_EQ(pairs.size(), 49u) << layer;
        std::vector<double> predicted;
        std::vector<double> simulated;
        for (const auto& [precision, cycles] : pairs) {
            predicted.push_back(cycles.first);
            simulated.push_back(cycles.second);
        }
        const double rank = rank_correlation(predicted, simulated);
        record("rank_of_" + layer.substr(0, 7), rank);
        EXPECT_GE(rank, 0.99) << layer;
    }
}

// What a search asks: every kernel that may be deployed, by the loops of layers that were never fitted.
TEST(Recorded, SearchesPredictGeneratedKernelsOnUnseenLayersWithinFivePercent) {
    const LatencyModel quick = model_of(ModelForm::Resource).with_estimates();
    std::vector<double> predicted;
    std::vector<double> simulated;
    for (const traces::Record& row : recorded("holdout.csv").records) {
        if (kernels::find_kernel(row.kernel).purpose() != kernels::Purpose::Deploy) continue;
        predicted.push_back(quick.predict(row.layer, row.precision, row.kernel).cycles);
        simulated.push_back(static_cast<double>(row.cycles));
    }
    const Measures loops = measures(predicted, simulated);
    record("mape", loops.mape);
    record("worst", loops.worst);
    EXPECT_GE(loops.values, 70);
    EXPECT_LE(loops.mape, 5);
    EXPECT_LE(loops.worst, 15);
}

// 204 layers at all pairs of bits, none asked for before, the fastest of all kernels for each.
// How long that takes, predict --benchmark tells.
TEST(Recorded, SearchesGetAnAnswerForEveryPairOfTwoHundredLayers) {
    const LatencyModel quick = model_of(ModelForm::Resource).with_estimates();
    std::vector<traces::Layer> layers;
    for (int channels = 8; static_cast<int>(layers.size()) < 204; channels += 2) {
        const std::string c = std::to_string(channels);
        for (const std::string& shape : {"conv3x3:" + c + "x24@11x12",
                                         "conv3x3:12x" + c + "@14x9s2",
                                         "conv1x1:" + c + "x40@9x8",
                                         "dw3x3:" + c + "@10x14",
                                         "dw3x3:" + c + "@16x11s2",
                                         "fc:" + c + "0x32"})
            layers.push_back(traces::parse_layer(shape));
    }
    int pairs = 0;
    for (const traces::Layer& layer : layers) {
        for (const traces::Precision precision : traces::all_precisions()) {
            if (pairs == 10'000) break;
            EXPECT_GT(quick.predict(layer, precision).cycles, 0);
            ++pairs;
        }
    }
    EXPECT_GE(pairs, 9'990);
}

// Intervals are of new layers: most of the hold-out lies in them.
TEST(Recorded, IntervalsHoldNineInTenUnseenRuns) {
    const LatencyModel model = model_of(ModelForm::Resource);
    int inside = 0;
    int all = 0;
    for (const traces::Record& row : recorded("holdout.csv").records) {
        const Prediction prediction = model.predict(row);
        const auto cycles = static_cast<double>(row.cycles);
        inside += prediction.low <= cycles && cycles <= prediction.high ? 1 : 0;
        ++all;
    }
    record("inside_percent", 100.0 * inside / all);
    EXPECT_GE(inside, all * 9 / 10);
}

}  // namespace
}  // namespace mixq::costmodel
