// The inner loops of fake quantisation, free of LibTorch so that they compile with their own flags.
#include "nas/quantizer.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "traces/precision.h"

namespace mixq::nas {

namespace {

// Adding and taking away 1.5 * 2^23 rounds a float of less than 2^22 to the nearest integer, and
// compiles to two vector instructions where a call of nearbyint would not.
constexpr float kRounder = 12582912.0F;

constexpr std::size_t kLanes = 8;  // independent sums: the compiler may not reorder one

using Lanes = std::array<float, kLanes>;

double sum(const Lanes& lanes) {
    double total = 0;
    for (const float lane : lanes) {
        total += static_cast<double>(lane);
    }
    return total;
}

struct Gradient {
    Lanes share{};
    Lanes step{};
};

// One branch over up to kLanes values.
inline void accumulate(const float* x,
                       const float* grad_out,
                       float* grad_x,
                       std::size_t count,
                       const Branch& branch,
                       Gradient& gradient) {
    const float low = branch.grid.low();
    const float high = branch.grid.high();
    const float inverse = 1.0F / branch.step;
    for (std::size_t i = 0; i < count; ++i) {
        const float scaled = x[i] * inverse;
        const float clamped = std::min(std::max(scaled, low), high);
        const float rounded = (clamped + kRounder) - kRounder;
        const float within = (scaled > low && scaled < high) ? 1.0F : 0.0F;
        const float g = grad_out[i];
        grad_x[i] += g * branch.share * within;
        gradient.share[i] += g * branch.step * rounded;
        gradient.step[i] += g * branch.share * (rounded - within * scaled);
    }
}

}  // namespace

double normal_step(Grid grid) {
    // Found by golden-section search over the numerically integrated error.
    constexpr std::array kSigned = {1.224, 0.651, 0.3533, 0.1933, 0.1055, 0.0573, 0.0309};
    constexpr std::array kUnsigned = {0.651, 0.3533, 0.1933, 0.1055, 0.0573, 0.0309, 0.0165};
    const auto index = static_cast<std::size_t>(grid.bits - traces::kMinBits);
    return grid.is_signed ? kSigned.at(index) : kUnsigned.at(index);
}

void quantise(std::span<const float> x, std::span<const Branch> branches, std::span<float> out) {
    std::fill(out.begin(), out.end(), 0.0F);
    const float* in = x.data();
    float* to = out.data();
    const std::size_t count = x.size();
    for (const Branch& branch : branches) {
        const float low = branch.grid.low();
        const float high = branch.grid.high();
        const float inverse = 1.0F / branch.step;
        const float scale = branch.step * branch.share;
        for (std::size_t i = 0; i < count; ++i) {
            const float clamped = std::min(std::max(in[i] * inverse, low), high);
            to[i] += scale * ((clamped + kRounder) - kRounder);
        }
    }
}

void quantise_backward(std::span<const float> x,
                       std::span<const Branch> branches,
                       std::span<const float> grad_out,
                       std::span<float> grad_x,
                       std::span<double> grad_share,
                       std::span<double> grad_step) {
    for (std::size_t j = 0; j < branches.size(); ++j) {
        Gradient gradient;
        std::size_t i = 0;
        for (; i + kLanes <= x.size(); i += kLanes) {
            accumulate(&x[i], &grad_out[i], &grad_x[i], kLanes, branches[j], gradient);
        }
        if (i < x.size()) {
            accumulate(&x[i], &grad_out[i], &grad_x[i], x.size() - i, branches[j], gradient);
        }
        grad_share[j] += sum(gradient.share);
        grad_step[j] += sum(gradient.step);
    }
}

}  // namespace mixq::nas
