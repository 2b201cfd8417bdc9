// Whether 95 % intervals hold the truth 95 times in 100: the only proof an interval has.
#include <gtest/gtest.h>

#include "costmodel/eq12.h"
#include "tests/costmodel/synthetic.h"

namespace mixq::costmodel {
namespace {

constexpr int kRuns = 2000;
// Of 2000 runs at 95 % the share strays by 0.5 % (one standard deviation).
constexpr double kLeast = 0.93;
constexpr double kMost = 0.97;

struct Covered {
    int scale = 0;
    int alpha = 0;
    int beta = 0;

    void count(bool scale_in, bool alpha_in, bool beta_in) {
        scale += scale_in ? 1 : 0;
        alpha += alpha_in ? 1 : 0;
        beta += beta_in ? 1 : 0;
    }

    void expect_95_percent(const char* kind) const {
        for (const int covered : {scale, alpha, beta}) {
            const double share = static_cast<double>(covered) / kRuns;
            EXPECT_GE(share, kLeast) << kind;
            EXPECT_LE(share, kMost) << kind;
        }
        testing::Test::RecordProperty(std::string(kind) + "_alpha", alpha);
        testing::Test::RecordProperty(std::string(kind) + "_beta", beta);
        testing::Test::RecordProperty(std::string(kind) + "_scale", scale);
    }
};

// Truth under relative least squares: noise whose mean of 1 / cycles weights is not 1 shifts the
// scale by exp(-1.5 s^2), far inside the interval at the 3 % used here.
TEST(Coverage, IntervalsCoverTheTruthNineteenTimesInTwenty) {
    Covered bootstrap;
    Covered closed;
    for (int run = 0; run < kRuns; ++run) {
        SyntheticOptions options;
        options.shapes = 12;
        options.noise = 0.03;
        options.seed = 1000 + static_cast<std::uint64_t>(run);
        const Eq12Fit fit =
            fit_eq12(synthetic_samples(options), {.draws = 1000, .seed = options.seed});
        bootstrap.count(fit.scale.bootstrap.contains(kTruth.scale),
                        fit.alpha.bootstrap.contains(kTruth.alpha),
                        fit.beta.bootstrap.contains(kTruth.beta));
        closed.count(fit.scale.closed.contains(kTruth.scale),
                     fit.alpha.closed.contains(kTruth.alpha),
                     fit.beta.closed.contains(kTruth.beta));
    }
    bootstrap.expect_95_percent("bootstrap");
    closed.expect_95_percent("closed");
}

}  // namespace
}  // namespace mixq::costmodel
