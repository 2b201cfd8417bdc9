// Fake quantisation: values on the integer grid of a bit width, with a gradient. A mixture of several
// widths is one pass: sum over j of p_j Q_j(x), the mixed weight or activation of the supernet.
//
//   Q(x) = s clamp(round(x / s), low, high)
//
// Weights: low = -(2^(b-1) - 1), high = 2^(b-1) - 1 (narrow range: negation stays exact); one s per
// output channel. Activations: low = 0, high = 2^b - 1; one s. Gradients are straight-through for x
// (Bengio 2013) and LSQ's for s (Esser et al., ICLR 2020, Eq. 3): what the rounding left over.
#pragma once

#include <span>

namespace mixq::nas {

struct Grid {
    int bits = 8;
    bool is_signed = true;

    float low() const { return is_signed ? -high() : 0.0F; }

    float high() const { return static_cast<float>((1 << (is_signed ? bits - 1 : bits)) - 1); }
};

// One width of a mixture, for a run of values that share its step.
struct Branch {
    Grid grid;
    float step = 1;
    float share = 1;  // p_j
};

// Steps of least mean squared error on a standard normal distribution (weights), and on its positive
// half after ReLU (activations), for 2 to 8 bits.
double normal_step(Grid grid);

// out = sum over branches of share Q(x).
void quantise(std::span<const float> x, std::span<const Branch> branches, std::span<float> out);

// Given the gradient of out: adds to that of x (must start at zero), and per branch to those of its
// share and step.
void quantise_backward(std::span<const float> x,
                       std::span<const Branch> branches,
                       std::span<const float> grad_out,
                       std::span<float> grad_x,
                       std::span<double> grad_share,
                       std::span<double> grad_step);

}  // namespace mixq::nas
