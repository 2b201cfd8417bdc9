// Laws of fake quantisation: its levels, its steps, its gradients.
#include "nas/quantizer.h"

#include <cmath>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace mixq::nas {
namespace {

std::vector<float> normal(std::size_t count, bool relu = false) {
    std::mt19937 random(1);
    std::normal_distribution<float> distribution;
    std::vector<float> values(count);
    for (float& value : values) {
        value = distribution(random);
        if (relu) value = std::max(value, 0.0F);
    }
    return values;
}

std::vector<float> quantised(const std::vector<float>& x, const std::vector<Branch>& branches) {
    std::vector<float> out(x.size());
    quantise(x, branches, out);
    return out;
}

TEST(Quantise, WeightsLieOnTheNarrowRangeActivationsOnTheWhole) {
    std::vector<float> ramp;
    for (int i = -4000; i <= 4000; ++i) ramp.push_back(static_cast<float>(i) * 0.1F);
    for (int bits = 2; bits <= 8; ++bits) {
        for (const bool is_signed : {true, false}) {
            const auto out = quantised(ramp, {{{bits, is_signed}, 0.5F, 1}});
            const std::set<float> levels(out.begin(), out.end());
            const int positive = (1 << (is_signed ? bits - 1 : bits)) - 1;
            EXPECT_EQ(levels.size(),
                      static_cast<std::size_t>(is_signed ? 2 * positive + 1 : positive + 1));
            EXPECT_EQ(*levels.rbegin(), 0.5F * static_cast<float>(positive));
            EXPECT_EQ(*levels.begin(), is_signed ? -0.5F * static_cast<float>(positive) : 0.0F);
        }
    }
}

TEST(Quantise, AMixtureIsTheSumOfItsShares) {
    const auto x = normal(1000);
    const Branch two{{2, true}, 1.2F, 0.25F};
    const Branch six{{6, true}, 0.1F, 0.75F};
    const auto mixed = quantised(x, {two, six});
    const auto a = quantised(x, {two});
    const auto b = quantised(x, {six});
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_FLOAT_EQ(mixed[i], a[i] + b[i]);
}

double error(const std::vector<float>& x, Grid grid, double step) {
    const auto out = quantised(x, {{grid, static_cast<float>(step), 1}});
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += std::pow(x[i] - out[i], 2);
    return sum;
}

TEST(NormalStep, IsBetterThanStepsBesideIt) {
    for (const bool is_signed : {true, false}) {
        const auto x = normal(200000, !is_signed);
        for (int bits = 2; bits <= 6; ++bits) {
            const Grid grid{bits, is_signed};
            const double best = error(x, grid, normal_step(grid));
            EXPECT_LT(best, error(x, grid, normal_step(grid) * 1.08)) << bits;
            EXPECT_LT(best, error(x, grid, normal_step(grid) * 0.92)) << bits;
        }
    }
}

struct Gradients {
    std::vector<float> x;
    std::vector<double> share;
    std::vector<double> step;
};

Gradients backward(const std::vector<float>& x,
                   const std::vector<Branch>& branches,
                   const std::vector<float>& grad_out) {
    Gradients g{std::vector<float>(x.size()),
                std::vector<double>(branches.size()),
                std::vector<double>(branches.size())};
    quantise_backward(x, branches, grad_out, g.x, g.share, g.step);
    return g;
}

TEST(QuantiseBackward, PassesInsideTheRangeAndStopsOutside) {
    const std::vector<float> x = {-3, -0.4F, 0.2F, 0.9F, 5};
    const std::vector<float> ones(5, 1.0F);
    const auto weights = backward(x, {{{2, true}, 1, 1}}, ones);
    EXPECT_EQ(weights.x, (std::vector<float>{0, 1, 1, 1, 0}));
    const auto activations = backward(x, {{{2, false}, 1, 1}}, ones);
    EXPECT_EQ(activations.x, (std::vector<float>{0, 0, 1, 1, 0}));
}

TEST(QuantiseBackward, SharesGetTheQuantisedValues) {
    const auto x = normal(1003);  // not a multiple of the lanes
    const std::vector<float> grad(x.size(), 0.5F);
    const std::vector<Branch> branches = {{{2, true}, 1.2F, 0.3F}, {{8, true}, 0.03F, 0.7F}};
    const auto g = backward(x, branches, grad);
    for (std::size_t j = 0; j < branches.size(); ++j) {
        Branch alone = branches[j];
        alone.share = 1;
        double sum = 0;
        for (const float value : quantised(x, {alone})) sum += 0.5 * static_cast<double>(value);
        EXPECT_NEAR(g.share[j], sum, 1e-3);
    }
}

TEST(QuantiseBackward, StepsGetWhatTheRoundingLeft) {
    // LSQ, Eq. 3: round(v) - v inside, the bound outside.
    const std::vector<float> x = {0.3F, 0.9F, 7, -7};
    const std::vector<float> ones(4, 1.0F);
    const auto g = backward(x, {{{3, true}, 0.5F, 1}}, ones);
    EXPECT_NEAR(g.step[0], (1 - 0.6) + (2 - 1.8) + 3 - 3, 1e-6);
}

}  // namespace
}  // namespace mixq::nas
