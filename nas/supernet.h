// The quantisation supernet: a space made trainable. One set of float weights serves every width; a
// layer is ONE convolution of a mixed weight, sum over i of p_i Q_i(W), with a mixed activation, sum
// over j of p_j Q_j(A) (EdMIPS' form of the paper's mixed kernel). With the widths fixed it is the
// network that quantisation-aware training trains; with none, the float network both start from.
#pragma once

#include <optional>
#include <vector>

#include <torch/torch.h>

#include "nas/latency.h"
#include "nas/quantizer.h"
#include "nas/space.h"
#include "traces/precision.h"

namespace mixq::nas {

// Fake quantisation with the gradients of nas/quantizer.h. `steps` is [branches][channels]; `x` is
// seen as [channels][rest] (channels 1: any dense layout). `shares` is [branches].
torch::Tensor mixed_quantise(const torch::Tensor& x,
                             const torch::Tensor& steps,
                             const torch::Tensor& shares,
                             const std::vector<Grid>& grids);

enum class Mode { Float, Mixed, Fixed };

// One layer's trained state.
struct SupernetLayer {
    traces::Layer shape;
    kernels::Pool pool = kernels::Pool::None;
    bool last = false;

    torch::Tensor weight;                     // [out][in][kh][kw], fully connected [out][in]
    torch::Tensor gamma, beta;                // batch normalisation; not for the last layer
    torch::Tensor running_mean, running_var;  // buffers
    torch::Tensor bias;                       // of the last layer
    torch::Tensor log_weight_step;            // [out], of the last layer [1]; for fixed widths
    torch::Tensor log_activation_step;        // [7], of the layer's input; not for the first
    torch::Tensor weight_choice, activation_choice;  // architecture parameters, [7] each

    int channels() const {
        return last ? 1 : shape.out_channels;
    }  // with a weight step of their own
};

class Supernet : public torch::nn::Module {
  public:
    // Initial weights depend on the seed alone.
    Supernet(const Space& space, std::uint64_t seed);

    // images: float [batch][3][height][width] in 0..1. Returns logits.
    torch::Tensor forward(const torch::Tensor& images);

    void set_mode(Mode mode) { mode_ = mode; }

    void set_temperature(double temperature) { temperature_ = temperature; }

    void set_bits(std::vector<traces::Precision> bits) { bits_ = std::move(bits); }

    const std::vector<traces::Precision>& bits() const { return bits_; }

    // Sets every activation step from what passes through the float network on these images.
    void calibrate_activations(const torch::Tensor& images);
    // Sets the weight steps for the fixed widths from the weights' spread.
    void calibrate_weights();

    // Eq. 1: the sum over layers and pairs of p_i p_j cycles(i, j). `cycles` is [layers][7][7].
    torch::Tensor expected_latency(const torch::Tensor& cycles);
    // The most probable widths, and how probable each is.
    std::vector<traces::Precision> chosen_bits() const;
    Preference preference() const;

    std::vector<torch::Tensor> weights() const;  // decayed
    std::vector<torch::Tensor> norms() const;    // trained with the weights, not decayed
    std::vector<torch::Tensor> steps() const;
    std::vector<torch::Tensor> choices() const;

    const std::vector<SupernetLayer>& layers() const { return layers_; }

  private:
    void add_layer(const Block& block, const traces::Layer& shape, bool last);
    torch::Tensor quantised_input(std::size_t index, const torch::Tensor& x) const;
    torch::Tensor quantised_weight(std::size_t index) const;
    torch::Tensor spread_steps(const SupernetLayer& layer, int bits) const;

    std::vector<SupernetLayer> layers_;
    std::vector<traces::Precision> bits_;
    Mode mode_ = Mode::Float;
    double temperature_ = 1;
    std::vector<double>* observed_ =
        nullptr;  // while calibrating: mean square of each layer's input
};

}  // namespace mixq::nas
