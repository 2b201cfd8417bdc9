// The fit of Eq. 12: what it recovers, and what it refuses to be sure of.
#include "costmodel/eq12.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/costmodel/synthetic.h"

namespace mixq::costmodel {
namespace {

bool warns_of(const Eq12Fit& fit, const std::string& text) {
    return std::any_of(fit.warnings.begin(), fit.warnings.end(), [&](const std::string& warning) {
        return warning.find(text) != std::string::npos;
    });
}

TEST(Features, ScalarInstructionsOfEveryKindAreSisd) {
    traces::Counts counts;
    counts[traces::InstrClass::Sisd] = 1;
    counts[traces::InstrClass::Simd] = 20;
    counts[traces::InstrClass::Bitop] = 300;
    counts[traces::InstrClass::Load] = 4000;
    counts[traces::InstrClass::Store] = 50000;
    counts[traces::InstrClass::Branch] = 600000;
    const Features f = features(counts);
    EXPECT_EQ(f.sisd, 654001);
    EXPECT_EQ(f.simd, 20);
    EXPECT_EQ(f.bit, 300);
}

TEST(Fit, RecoversAlphaAndBetaFromExactRows) {
    const Eq12Fit fit = fit_eq12(synthetic_samples({}), {});
    EXPECT_TRUE(fit.answered);
    EXPECT_TRUE(fit.identifiable);
    EXPECT_TRUE(fit.warnings.empty()) << fit.warnings.front();
    EXPECT_NEAR(fit.scale.value, kTruth.scale, 1e-12);
    EXPECT_NEAR(fit.alpha.value, kTruth.alpha, 1e-12);
    EXPECT_NEAR(fit.beta.value, kTruth.beta, 1e-12);
    EXPECT_NEAR(fit.r2, 1, 1e-12);
    EXPECT_NEAR(fit.mape, 0, 1e-10);
    EXPECT_NEAR(fit.shape->mape, 0, 1e-10);
    EXPECT_DOUBLE_EQ(fit.rank_correlation, 1);
}

TEST(Fit, ASmallLayerCountsAsMuchAsALargeOne) {
    // One large run is off by 50 %: with plain least squares it would drag everything after it.
    std::vector<Sample> samples = synthetic_samples({});
    const auto largest =
        std::max_element(samples.begin(), samples.end(), [](const Sample& a, const Sample& b) {
            return a.cycles < b.cycles;
        });
    largest->cycles *= 1.5;
    const Eq12Fit fit = fit_eq12(samples, {});
    EXPECT_NEAR(fit.scale.value, kTruth.scale, 0.02);
    EXPECT_NEAR(fit.alpha.value, kTruth.alpha, 0.05);
}

TEST(Fit, HoldOutLeavesTheShapeOut) {
    // Rows of one shape obey another law. A fit that had seen them would be off by less on them.
    std::vector<Sample> samples = synthetic_samples({});
    std::vector<Sample> rest;
    double seen_error = 0;
    double unseen_error = 0;
    for (Sample& sample : samples) {
        if (sample.shape == "shape3") {
            sample.cycles *= 2;
        } else {
            rest.push_back(sample);
        }
    }
    const Eq12 without = *solve_eq12(rest);
    const Eq12Fit fit = fit_eq12(samples, {});
    for (const Sample& sample : samples) {
        if (sample.shape != "shape3") continue;
        seen_error += std::abs(fit.equation().cycles(sample.features) / sample.cycles - 1);
        unseen_error += std::abs(without.cycles(sample.features) / sample.cycles - 1);
    }
    EXPECT_GT(unseen_error, seen_error);
    // The worst held-out row is one of that shape, at exactly half its cycles.
    EXPECT_NEAR(fit.shape->worst, 50, 1e-9);
    EXPECT_EQ(fit.shape->groups, 10);
    EXPECT_EQ(fit.kernel->groups, 4);
    EXPECT_EQ(fit.bits->groups, 3);
    EXPECT_GT(fit.shape->mape, fit.mape);
}

TEST(Fit, ANegativeCoefficientIsReported) {
    SyntheticOptions options;
    options.truth = {1.0, -0.4, 0.8};
    const Eq12Fit fit = fit_eq12(synthetic_samples(options), {});
    EXPECT_TRUE(fit.answered);
    EXPECT_NEAR(fit.alpha.value, -0.4, 1e-9);
    EXPECT_FALSE(fit.identifiable);
    EXPECT_TRUE(warns_of(fit, "alpha is negative"));
}

TEST(Fit, AnIntervalThatIncludesZeroIsReported) {
    SyntheticOptions options;
    options.truth = {1.0, 0.01, 0.8};
    options.noise = 0.1;
    const Eq12Fit fit = fit_eq12(synthetic_samples(options), {});
    EXPECT_FALSE(fit.identifiable);
    EXPECT_TRUE(warns_of(fit, "includes 0"));
}

TEST(Fit, ProportionalColumnsAreUnidentifiable) {
    std::vector<Sample> samples = synthetic_samples({});
    for (Sample& sample : samples) {
        sample.features.bit = 0.5 * sample.features.sisd;
        sample.cycles = kTruth.cycles(sample.features);
    }
    const Eq12Fit fit = fit_eq12(samples, {});
    EXPECT_FALSE(fit.answered);
    EXPECT_FALSE(fit.identifiable);
    EXPECT_TRUE(warns_of(fit, "C_SISD and C_bit are nearly proportional"));
}

TEST(Fit, NearlyProportionalColumnsAreAnsweredWithAWarning) {
    std::vector<Sample> samples = synthetic_samples({});
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const double ratio = i % 2 == 0 ? 0.5 : 0.505;
        samples[i].features.bit = ratio * samples[i].features.sisd;
        samples[i].cycles = kTruth.cycles(samples[i].features);
    }
    const Eq12Fit fit = fit_eq12(samples, {});
    EXPECT_TRUE(fit.answered);
    EXPECT_FALSE(fit.identifiable);
    EXPECT_GT(fit.condition, kSafeCondition);
    EXPECT_TRUE(warns_of(fit, "nearly proportional"));
}

TEST(Fit, AColumnOfZerosIsUnidentifiable) {
    std::vector<Sample> samples = synthetic_samples({});
    for (Sample& sample : samples) sample.features.simd = 0;
    const Eq12Fit fit = fit_eq12(samples, {});
    EXPECT_FALSE(fit.answered);
    EXPECT_TRUE(warns_of(fit, "C_SIMD is 0 in every row"));
}

TEST(Fit, AHandfulOfRowsIsNotAnswered) {
    std::vector<Sample> samples = synthetic_samples({});
    samples.resize(6);
    const Eq12Fit fit = fit_eq12(samples, {});
    EXPECT_FALSE(fit.answered);
    EXPECT_TRUE(warns_of(fit, "too few rows: 6"));
}

TEST(Fit, FewRowsAreAnsweredWithAWarning) {
    const Eq12Fit fit = fit_eq12(synthetic_samples({.shapes = 2}), {});
    EXPECT_TRUE(fit.answered);
    EXPECT_FALSE(fit.identifiable);
    EXPECT_TRUE(warns_of(fit, "too few rows: 24"));
    EXPECT_TRUE(warns_of(fit, "too few layer shapes: 2"));
}

TEST(Fit, ACoefficientThatOneKernelShapesIsReported) {
    std::vector<Sample> samples = synthetic_samples({.noise = 0.01});
    for (Sample& sample : samples) {
        if (sample.kernel == "packed") sample.cycles *= 1.5;
    }
    EXPECT_TRUE(warns_of(fit_eq12(samples, {}), "without kernel packed"));
}

TEST(Fit, TheSameRowsAndSeedGiveTheSameIntervals) {
    const std::vector<Sample> samples = synthetic_samples({.noise = 0.05});
    const Eq12Fit first = fit_eq12(samples, {});
    const Eq12Fit second = fit_eq12(samples, {});
    EXPECT_EQ(first.alpha.bootstrap, second.alpha.bootstrap);
    EXPECT_EQ(first.beta.bootstrap, second.beta.bootstrap);
    EXPECT_LT(first.alpha.bootstrap.low, first.alpha.value);
    EXPECT_GT(first.alpha.bootstrap.high, first.alpha.value);
}

}  // namespace
}  // namespace mixq::costmodel
