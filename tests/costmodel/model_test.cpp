// From traces to predictions of layers that never ran.
#include "costmodel/model.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/costmodel/synthetic_traces.h"

namespace mixq::costmodel {
namespace {

using traces::parse_layer;
using traces::parse_precision;

bool warns_of(const FitResult& fit, const std::string& text) {
    return std::any_of(fit.warnings.begin(), fit.warnings.end(), [&](const std::string& warning) {
        return warning.find(text) != std::string::npos;
    });
}

std::string message_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "nothing was thrown";
}

const FitResult& exact_fit() {
    static const FitResult kFit = fit(synthetic_traces({}));
    return kFit;
}

TEST(ModelFit, CountsFollowFromALayerThatNeverRan) {
    const FitResult& fitted = exact_fit();
    ASSERT_EQ(fitted.kernels.size(), 3u);
    for (const KernelFit& kernel : fitted.kernels) {
        EXPECT_LT(kernel.count_mape, 0.1) << kernel.law.kernel;
        EXPECT_NEAR(kernel.factor, 1, 1e-4) << kernel.law.kernel;
        EXPECT_LT(kernel.mape[0], 0.1) << kernel.law.kernel;
    }
}

TEST(ModelFit, ACountLawIsNeverNegative) {
    for (const KernelFit& kernel : exact_fit().kernels) {
        for (const auto& per_unit : kernel.law.per_unit) {
            for (const double coefficient : per_unit) EXPECT_GE(coefficient, 0);
        }
    }
}

// Five kernels: with three, whose mixes hardly vary, alpha and beta would take up the factors.
const SyntheticTraces kOwnSpeeds{
    .kernels = {"naive", "simd-int8", "slbc", "rp-slbc", "slbc-deep"},
    .factors = {1.0, 0.7, 1.3, 0.9, 1.4},
};

TEST(ModelFit, AKernelOfItsOwnSpeedGetsAFactorAndTheModelAForm) {
    const FitResult fitted = fit(synthetic_traces(kOwnSpeeds));
    EXPECT_NE(fitted.form, ModelForm::Eq12);
    EXPECT_LT(fitted.predict[1]->mape, fitted.predict[0]->mape);
    for (const KernelFit& kernel : fitted.kernels) {
        EXPECT_LE(kernel.mape[1], kernel.mape[0] + 0.5) << kernel.law.kernel;
    }
}

TEST(ModelFit, AKernelWithTooFewTracesIsLeftOutWithAWarning) {
    std::vector<TraceFile> files = synthetic_traces({});
    int kept = 0;
    std::erase_if(files[0].records, [&](const traces::Record& record) {
        return record.kernel == "naive" && ++kept > 3;
    });
    const FitResult fitted = fit(files);
    EXPECT_EQ(fitted.kernels.size(), 2u);
    EXPECT_TRUE(warns_of(fitted, "kernel naive: 3 rows"));
}

TEST(ModelFit, ARunRecordedTwiceCountsOnce) {
    std::vector<TraceFile> files = synthetic_traces({});
    const std::size_t rows = files[0].records.size();
    files.push_back(files[0]);
    const FitResult fitted = fit(files);
    EXPECT_EQ(fitted.rows.size(), rows);
    EXPECT_TRUE(warns_of(fitted, "repeat a run"));
}

TEST(ModelFit, MixedBoardsAreRefused) {
    std::vector<TraceFile> files = synthetic_traces({});
    files[0].records.back().provenance.board = "stm32h743";
    EXPECT_NE(message_of([&] { fit(files); }).find("different boards"), std::string::npos);
}

TEST(ModelFit, NoRecordsAreRefused) {
    EXPECT_NE(message_of([] { fit({}); }).find("nothing to fit"), std::string::npos);
}

TEST(ModelFit, AHandfulOfRowsGivesNoModel) {
    std::vector<TraceFile> files = synthetic_traces({});
    files[0].records.resize(5);
    const FitResult fitted = fit(files);
    EXPECT_FALSE(fitted.eq12.answered);
    EXPECT_TRUE(fitted.kernels.empty());
    EXPECT_THROW(LatencyModel::from(fitted), std::runtime_error);
}

TEST(Model, PredictsALayerThatNeverRan) {
    const LatencyModel model = LatencyModel::from(exact_fit());
    const SyntheticTraces truth;
    const traces::Layer layer = parse_layer("conv3x3:24x24@14x14");
    for (std::size_t k = 0; k < truth.kernels.size(); ++k) {
        const traces::Precision precision = parse_precision("w3a3");
        if (kernels::find_kernel(truth.kernels[k]).refuses(layer, precision)) continue;
        const traces::Record run = synthetic_record(truth, k, layer, precision);
        const Prediction prediction = model.predict(layer, precision, truth.kernels[k]);
        const auto cycles = static_cast<double>(run.cycles);
        EXPECT_NEAR(prediction.cycles / cycles, 1, 1e-3) << truth.kernels[k];
        EXPECT_LE(prediction.low, prediction.cycles);
        EXPECT_GE(prediction.high, prediction.cycles);
        EXPECT_FALSE(prediction.extrapolated);
    }
}

TEST(Model, WithoutAKernelTheFastestThatFitsIsTaken) {
    const LatencyModel model = LatencyModel::from(exact_fit());
    const traces::Layer layer = parse_layer("conv3x3:32x32@16x16");
    const traces::Precision precision = parse_precision("w4a4");
    const Prediction best = model.predict(layer, precision);
    for (const std::string& kernel : model.kernels()) {
        if (kernels::find_kernel(kernel).refuses(layer, precision)) continue;
        EXPECT_LE(best.cycles, model.predict(layer, precision, kernel).cycles) << kernel;
    }
}

TEST(Model, AKernelItIsBiasedOnGetsAWiderInterval) {
    const LatencyModel sure = LatencyModel::from(exact_fit()).with_form(ModelForm::Eq12);
    const LatencyModel biased =
        LatencyModel::from(fit(synthetic_traces(kOwnSpeeds))).with_form(ModelForm::Eq12);
    const traces::Layer layer = parse_layer("conv3x3:24x24@14x14");
    const auto width = [&](const LatencyModel& model) {
        const Prediction p = model.predict(layer, parse_precision("w4a4"), "slbc-deep");
        return p.high / p.low;
    };
    EXPECT_GT(width(biased), width(sure) + 0.05);
}

TEST(Model, AnUnknownKernelStopsAndNamesTheTrace) {
    const LatencyModel model = LatencyModel::from(exact_fit());
    const std::string message = message_of(
        [&] { model.predict(parse_layer("conv3x3:8x8@8x8"), parse_precision("w4a4"), "mystery"); });
    EXPECT_NE(message.find("does not know kernel 'mystery'"), std::string::npos) << message;
    EXPECT_NE(message.find("naive, simd-int8"), std::string::npos) << message;
}

TEST(Model, AKindOfLayerThatNeverRanStopsAndNamesTheTrace) {
    const LatencyModel model = LatencyModel::from(exact_fit());
    const std::string message =
        message_of([&] { model.predict(parse_layer("fc:512x64"), parse_precision("w8a8")); });
    EXPECT_NE(message.find("simd-int8 was not traced on any fully connected layer"),
              std::string::npos)
        << message;
    EXPECT_NE(message.find("mixq-sim trace --kernel simd-int8 --layer fc:512x64 --bits w8a8"),
              std::string::npos)
        << message;
}

TEST(Model, ALayerFarFromThoseTracedIsMarked) {
    const LatencyModel model = LatencyModel::from(exact_fit());
    EXPECT_TRUE(
        model.predict(parse_layer("conv3x3:128x128@32x32"), parse_precision("w8a8")).extrapolated);
}

TEST(Model, ByteKernelsArePredictedAtBitsThatNeverRan) {
    const LatencyModel model = LatencyModel::from(
        fit(synthetic_traces({.bits = {"w8a8"}, .kernels = {"naive", "simd-int8"}})));
    const traces::Layer layer = parse_layer("conv3x3:24x24@14x14");
    EXPECT_DOUBLE_EQ(model.predict(layer, parse_precision("w8a8"), "simd-int8").cycles,
                     model.predict(layer, parse_precision("w5a7"), "simd-int8").cycles);
}

TEST(Model, PredictsTenThousandPairsInASecond) {
    const LatencyModel model = LatencyModel::from(exact_fit());
    const std::vector<traces::Precision> pairs = traces::all_precisions();
    const auto start = std::chrono::steady_clock::now();
    double sum = 0;
    for (int i = 0; i < 10000; ++i) {
        const std::string& shape = kShapes[static_cast<std::size_t>(i) % kShapes.size()];
        sum += model.predict(parse_layer(shape), pairs[static_cast<std::size_t>(i) % 49]).cycles;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    EXPECT_GT(sum, 0);
    RecordProperty("milliseconds", static_cast<int>(1000 * took.count()));
    EXPECT_LT(took.count(), 1.0);
}

TEST(Model, ManyThreadsGetTheSameAnswer) {
    const LatencyModel model = LatencyModel::from(exact_fit());
    const traces::Layer layer = parse_layer("conv3x3:32x32@16x16");
    const double expected = model.predict(layer, parse_precision("w4a4")).cycles;
    std::vector<std::thread> threads;
    std::vector<int> wrong(4, 0);
    for (int& misses : wrong) {
        threads.emplace_back([&] {
            for (int i = 0; i < 200; ++i) {
                misses += model.predict(layer, parse_precision("w4a4")).cycles == expected ? 0 : 1;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace mixq::costmodel
