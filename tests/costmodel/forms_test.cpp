// The laws of the forms beside Eq. 12: eq12+, resource, simulated.
#include <algorithm>

#include <gtest/gtest.h>

#include "costmodel/eq12_plus.h"
#include "costmodel/model.h"
#include "costmodel/resource.h"
#include "kernels/analytic.h"
#include "tests/costmodel/synthetic_traces.h"

namespace mixq::costmodel {
namespace {

using traces::parse_layer;
using traces::parse_precision;

const FitResult& exact_fit() {
    static const FitResult kFit = fit(synthetic_traces({}));
    return kFit;
}

TEST(Eq12Plus, FindsTheCostOfEveryClass) {
    const Eq12Plus truth{{0.6, 1.0, 0.8, 0.5, 0.9, 1.5}};
    std::vector<ClassSample> samples;
    for (int i = 0; i < 40; ++i) {
        ClassSample sample;
        for (int c = 0; c < 6; ++c) sample.counts[c] = 100 + (i * (7 + 3 * c) + 13 * c * c) % 97;
        sample.cycles = truth.cycles(sample.counts);
        sample.shape = std::to_string(i % 10);
        samples.push_back(sample);
    }
    const Eq12PlusFit fitted = fit_eq12_plus(samples, 100, 1);
    ASSERT_TRUE(fitted.answered);
    for (std::size_t c = 0; c < 6; ++c) {
        EXPECT_NEAR(fitted.equation.per_instruction[c], truth.per_instruction[c], 1e-6);
        EXPECT_LE(fitted.bootstrap[c].low, truth.per_instruction[c] + 1e-6);
        EXPECT_GE(fitted.bootstrap[c].high, truth.per_instruction[c] - 1e-6);
    }
    EXPECT_LT(fitted.in_sample.worst, 1e-4);
}

TEST(Eq12Plus, AClassThatHidesIsSaidAndNeverNegative) {
    std::vector<ClassSample> samples;
    for (int i = 0; i < 40; ++i) {
        ClassSample sample;
        for (int c = 0; c < 6; ++c) sample.counts[c] = 100 + (i * (7 + 3 * c) + 13 * c * c) % 97;
        // A load that makes a run faster does not exist.
        sample.cycles = 2 * sample.counts[0] + sample.counts[1] - 0.3 * sample.counts[3];
        sample.shape = std::to_string(i);
        samples.push_back(sample);
    }
    const Eq12PlusFit fitted = fit_eq12_plus(samples, 50, 1);
    for (const double cost : fitted.equation.per_instruction) EXPECT_GE(cost, 0);
    EXPECT_EQ(fitted.equation.per_instruction[3], 0);
    EXPECT_TRUE(
        std::any_of(fitted.warnings.begin(), fitted.warnings.end(), [](const auto& warning) {
            return warning.find("a load instruction comes out at 0") != std::string::npos;
        }));
}

TEST(Eq12Plus, AHandfulOfRowsGetsNoAnswer) {
    const std::vector<ClassSample> few(10, ClassSample{{1, 2, 3, 4, 5, 6}, 10, "one"});
    const Eq12PlusFit fitted = fit_eq12_plus(few, 10, 1);
    EXPECT_FALSE(fitted.answered);
    EXPECT_FALSE(fitted.warnings.empty());
}

// Blocks that cost what only their stalls can say: no scale of instruction counts describes them.
std::vector<TraceFile> stalled_traces() {
    std::vector<TraceFile> files = synthetic_traces({});
    for (traces::Record& record : files[0].records) {
        double cycles = 0;
        int t = 0;
        for (const auto& term : work_of(record)) {
            double instructions = 0;
            for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
                instructions += true_count(record.kernel == "naive"       ? 0
                                           : record.kernel == "simd-int8" ? 1
                                                                          : 2,
                                           c,
                                           static_cast<std::size_t>(t));
            }
            cycles += term.amount * (instructions + (t % 3 == 1 ? 9 : 0));
            ++t;
        }
        record.cycles = static_cast<std::uint64_t>(cycles);
    }
    return files;
}

TEST(Resource, FindsStallsThatNoInstructionExplains) {
    const FitResult fitted = fit(stalled_traces());
    const auto mape = [&](ModelForm form) {
        return fitted.predict[static_cast<std::size_t>(form)]->mape;
    };
    EXPECT_LT(mape(ModelForm::Resource), 0.5);
    EXPECT_GT(mape(ModelForm::Eq12), 5);
    EXPECT_EQ(fitted.form, ModelForm::Resource);
}

TEST(Resource, NoBlockBeatsItsBounds) {
    for (const KernelFit& kernel : exact_fit().kernels) {
        const auto& all = kernel.resource.per_execution.at("");
        for (std::size_t t = 0; t < all.size(); ++t) {
            double instructions = 0;
            for (const auto& per_unit : kernel.law.per_unit) instructions += per_unit[t];
            EXPECT_GE(all[t], instructions / 2 - 1e-9)
                << kernel.law.kernel << " " << kernel.law.terms[t];
        }
    }
}

TEST(Resource, LayersOfOneFamilyShareTheirStalls) {
    EXPECT_EQ(family_of(parse_layer("conv3x3:8x8@8x8")), "conv");
    EXPECT_EQ(family_of(parse_layer("conv3x3:8x8@8x8s2")), "conv s2");
    EXPECT_EQ(family_of(parse_layer("conv1x1:8x8@8x8")), "conv1x1");
    EXPECT_EQ(family_of(parse_layer("dw3x3:8@8x8s2")), "dw s2");
    EXPECT_EQ(family_of(parse_layer("fc:8x8")), "fc");
}

TEST(Simulated, SaysWhatWasSimulatedExactlyAndRefusesTheRest) {
    const LatencyModel model = LatencyModel::from(exact_fit()).with_form(ModelForm::Simulated);
    for (const traces::Record& row : exact_fit().rows) {
        const Prediction prediction = model.predict(row.layer, row.precision, row.kernel);
        EXPECT_EQ(prediction.cycles, static_cast<double>(row.cycles));
        EXPECT_EQ(prediction.low, prediction.high);
    }
    try {
        model.predict(parse_layer("conv3x3:7x7@7x7"), parse_precision("w4a4"));
        FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("was not simulated"), std::string::npos)
            << error.what();
    }
}

}  // namespace
}  // namespace mixq::costmodel
