// The supernet's layers, its forward pass and its expected latency.
#include "nas/supernet.h"

#include <cmath>

#include <ATen/Parallel.h>

#include "nas/random.h"

namespace mixq::nas {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Values of one step are worked on in runs of this length at most: the unit of parallel work and, so
// that sums do not depend on the number of threads, of summation.
constexpr std::int64_t kRun = 16384;

std::span<const float> values(const Tensor& tensor, std::int64_t from, std::int64_t count) {
    return {tensor.data_ptr<float>() + from, static_cast<std::size_t>(count)};
}

std::span<float> mutable_values(const Tensor& tensor, std::int64_t from, std::int64_t count) {
    return {tensor.data_ptr<float>() + from, static_cast<std::size_t>(count)};
}

// The runs of a tensor of [channels][rest].
struct Runs {
    Runs(std::int64_t elements, std::int64_t channel_count)
        : rest(elements / channel_count),
          per_channel((rest + kRun - 1) / kRun),
          channels(channel_count) {}

    std::int64_t count() const { return channels * per_channel; }

    std::int64_t channel(std::int64_t run) const { return run / per_channel; }

    std::int64_t begin(std::int64_t run) const {
        return channel(run) * rest + (run % per_channel) * kRun;
    }

    std::int64_t length(std::int64_t run) const {
        return std::min(kRun, rest - (run % per_channel) * kRun);
    }

    std::int64_t rest;
    std::int64_t per_channel;
    std::int64_t channels;
};

std::vector<Branch> branches_of(const Tensor& steps,
                                const Tensor& shares,
                                const std::vector<Grid>& grids,
                                std::int64_t channel) {
    std::vector<Branch> branches;
    for (std::size_t j = 0; j < grids.size(); ++j) {
        const auto row = static_cast<std::int64_t>(j);
        branches.push_back({grids[j],
                            steps.data_ptr<float>()[row * steps.size(1) + channel],
                            shares.data_ptr<float>()[row]});
    }
    return branches;
}

std::vector<Grid> grids_from(const std::vector<std::int64_t>& signed_bits) {
    std::vector<Grid> grids;
    for (const std::int64_t bits : signed_bits) {
        grids.push_back({static_cast<int>(std::abs(bits)), bits < 0});
    }
    return grids;
}

struct MixedQuantise : public torch::autograd::Function<MixedQuantise> {
    // `signed_bits`: the widths, negative for signed grids.
    static Tensor forward(AutogradContext* context,
                          const Tensor& x,
                          const Tensor& steps,
                          const Tensor& shares,
                          const std::vector<std::int64_t>& signed_bits) {
        const std::vector<Grid> grids = grids_from(signed_bits);
        const Runs runs(x.numel(), steps.size(1));
        Tensor out = torch::empty_like(x);
        at::parallel_for(0, runs.count(), 1, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t run = from; run < to; ++run) {
                const auto branches = branches_of(steps, shares, grids, runs.channel(run));
                quantise(values(x, runs.begin(run), runs.length(run)),
                         branches,
                         mutable_values(out, runs.begin(run), runs.length(run)));
            }
        });
        context->save_for_backward({x, steps, shares});
        context->saved_data["bits"] = signed_bits;
        return out;
    }

    static variable_list backward(AutogradContext* context, const variable_list& grads) {
        const variable_list saved = context->get_saved_variables();
        const Tensor& x = saved[0];
        const Tensor& steps = saved[1];
        const Tensor& shares = saved[2];
        const std::vector<Grid> grids = grids_from(context->saved_data["bits"].toIntVector());
        Tensor grad_out = grads[0];
        if (grad_out.strides() != x.strides()) {
            grad_out = torch::empty_like(x).copy_(grad_out);
        }
        Tensor grad_x = torch::zeros_like(x);
        const Runs runs(x.numel(), steps.size(1));
        const std::size_t widths = grids.size();
        std::vector<double> run_share(static_cast<std::size_t>(runs.count()) * widths);
        std::vector<double> run_step(run_share.size());
        at::parallel_for(0, runs.count(), 1, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t run = from; run < to; ++run) {
                const auto first = static_cast<std::size_t>(run) * widths;
                quantise_backward(values(x, runs.begin(run), runs.length(run)),
                                  branches_of(steps, shares, grids, runs.channel(run)),
                                  values(grad_out, runs.begin(run), runs.length(run)),
                                  mutable_values(grad_x, runs.begin(run), runs.length(run)),
                                  std::span(run_share).subspan(first, widths),
                                  std::span(run_step).subspan(first, widths));
            }
        });
        Tensor grad_steps = torch::zeros_like(steps);
        Tensor grad_shares = torch::zeros_like(shares);
        for (std::int64_t run = 0; run < runs.count(); ++run) {
            for (std::size_t j = 0; j < widths; ++j) {
                const auto row = static_cast<std::int64_t>(j);
                const std::size_t at = static_cast<std::size_t>(run) * widths + j;
                // LSQ section 2.2: the step's gradient is weighed by 1 / sqrt(values * levels).
                const double weigh =
                    1 / std::sqrt(static_cast<double>(runs.rest) * grids[j].high());
                grad_shares.data_ptr<float>()[row] += static_cast<float>(run_share[at]);
                grad_steps.data_ptr<float>()[row * runs.channels + runs.channel(run)] +=
                    static_cast<float>(run_step[at] * weigh);
            }
        }
        return {grad_x, grad_steps, grad_shares, Tensor()};
    }
};

std::vector<Grid> all_grids(bool is_signed) {
    std::vector<Grid> grids;
    for (int bits = traces::kMinBits; bits <= traces::kMaxBits; ++bits) {
        grids.push_back({bits, is_signed});
    }
    return grids;
}

Tensor convolve(const SupernetLayer& layer, const Tensor& x, const Tensor& weight) {
    const traces::Layer& shape = layer.shape;
    if (shape.kind == traces::LayerKind::FullyConnected) {
        return torch::matmul(x.flatten(1), weight.t());
    }
    return torch::conv2d(x,
                         weight,
                         {},
                         shape.stride,
                         {shape.padding_y, shape.padding_x},
                         1,
                         shape.kind == traces::LayerKind::Depthwise ? shape.in_channels : 1);
}

}  // namespace

Tensor mixed_quantise(const Tensor& x,
                      const Tensor& steps,
                      const Tensor& shares,
                      const std::vector<Grid>& grids) {
    std::vector<std::int64_t> signed_bits;
    for (const Grid& grid : grids) {
        signed_bits.push_back(grid.is_signed ? -grid.bits : grid.bits);
    }
    const Tensor dense =
        x.is_non_overlapping_and_dense() && (steps.size(1) == 1 || x.is_contiguous())
            ? x
            : x.contiguous();
    return MixedQuantise::apply(dense, steps.contiguous(), shares.contiguous(), signed_bits);
}

Supernet::Supernet(const Space& space, std::uint64_t seed) {
    torch::manual_seed(stream(seed, 0, 0));
    const std::vector<traces::Layer> shapes = mixq::nas::layers(space);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        add_layer(space.blocks[i], shapes[i], i + 1 == shapes.size());
    }
    bits_.assign(shapes.size(), {traces::kMaxBits, traces::kMaxBits});
}

void Supernet::add_layer(const Block& block, const traces::Layer& shape, bool last) {
    SupernetLayer layer;
    layer.shape = shape;
    layer.pool = block.pool;
    layer.last = last;
    const bool dense = shape.kind == traces::LayerKind::FullyConnected;
    const std::vector<std::int64_t> size =
        dense ? std::vector<std::int64_t>{shape.out_channels, shape.in_channels}
              : std::vector<std::int64_t>{shape.out_channels,
                                          shape.filter_channels(),
                                          shape.kernel_height,
                                          shape.kernel_width};
    const double fan_in = static_cast<double>(shape.weight_elements()) / shape.out_channels;
    const auto add = [&](const char* what, const Tensor& value) {
        return register_parameter(block.name + "_" + what, value);
    };
    // He et al. 2015: variance 2 / fan-in before a ReLU; the logits have none.
    layer.weight = add("weight", torch::randn(size) * std::sqrt((last ? 1.0 : 2.0) / fan_in));
    if (last) {
        layer.bias = add("bias", torch::zeros({shape.out_channels}));
    } else {
        layer.gamma = add("gamma", torch::ones({shape.out_channels}));
        layer.beta = add("beta", torch::zeros({shape.out_channels}));
        layer.running_mean =
            register_buffer(block.name + "_mean", torch::zeros({shape.out_channels}));
        layer.running_var = register_buffer(block.name + "_var", torch::ones({shape.out_channels}));
    }
    layer.log_weight_step = add("weight_step", torch::zeros({layer.channels()}));
    layer.log_activation_step = add("activation_step", torch::zeros({kWidths}));
    layer.weight_choice = add("weight_choice", torch::zeros({kWidths}));
    layer.activation_choice = add("activation_choice", torch::zeros({kWidths}));
    layers_.push_back(layer);
}

Tensor Supernet::spread_steps(const SupernetLayer& layer, int bits) const {
    const Tensor flat = layer.weight.detach().reshape({layer.channels(), -1});
    const Tensor spread = flat.pow(2).mean(1).sqrt().clamp_min(1e-6);
    return spread * normal_step({bits, true});
}

Tensor Supernet::quantised_weight(std::size_t index) const {
    const SupernetLayer& layer = layers_[index];
    if (mode_ == Mode::Float) {
        return layer.weight;
    }
    if (mode_ == Mode::Fixed) {
        return mixed_quantise(layer.weight,
                              layer.log_weight_step.exp().unsqueeze(0),
                              torch::ones({1}),
                              {{bits_[index].weight_bits, true}});
    }
    std::vector<Tensor> steps;
    for (int bits = traces::kMinBits; bits <= traces::kMaxBits; ++bits) {
        steps.push_back(spread_steps(layer, bits));
    }
    return mixed_quantise(layer.weight,
                          torch::stack(steps),
                          torch::softmax(layer.weight_choice / temperature_, 0),
                          all_grids(true));
}

Tensor Supernet::quantised_input(std::size_t index, const Tensor& x) const {
    const SupernetLayer& layer = layers_[index];
    if (index == 0) {
        return x;  // the 8-bit image is on its grid already
    }
    if (mode_ == Mode::Float) {
        return x.relu();
    }
    const Tensor steps = layer.log_activation_step.exp().unsqueeze(1);
    if (mode_ == Mode::Fixed) {
        const int bits = bits_[index].activation_bits;
        return mixed_quantise(
            x, steps.narrow(0, bits - traces::kMinBits, 1), torch::ones({1}), {{bits, false}});
    }
    return mixed_quantise(
        x, steps, torch::softmax(layer.activation_choice / temperature_, 0), all_grids(false));
}

Tensor Supernet::forward(const Tensor& images) {
    Tensor x = images.contiguous(torch::MemoryFormat::ChannelsLast);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const SupernetLayer& layer = layers_[i];
        if (observed_ != nullptr) {
            observed_->push_back(x.relu().pow(2).mean().item<double>());
        }
        x = convolve(layer, quantised_input(i, x), quantised_weight(i));
        if (layer.last) {
            return x + layer.bias;
        }
        x = torch::batch_norm(x,
                              layer.gamma,
                              layer.beta,
                              layer.running_mean,
                              layer.running_var,
                              is_training(),
                              0.1,
                              1e-5,
                              false);
        // The maximum commutes with quantisation, and comes four times cheaper before it.
        if (layer.pool == kernels::Pool::Max2x2) {
            x = torch::max_pool2d(x, 2);
        }
    }
    return x;
}

void Supernet::calibrate_activations(const Tensor& images) {
    const torch::NoGradGuard no_grad;
    std::vector<double> observed;
    const Mode mode = mode_;
    mode_ = Mode::Float;
    observed_ = &observed;
    forward(images);
    observed_ = nullptr;
    mode_ = mode;
    for (std::size_t i = 1; i < layers_.size(); ++i) {
        // Half a normal distribution of deviation d has the mean square d^2 / 2.
        const double deviation = std::sqrt(2 * std::max(observed[i], 1e-12));
        for (int bits = traces::kMinBits; bits <= traces::kMaxBits; ++bits) {
            layers_[i].log_activation_step[bits - traces::kMinBits] =
                std::log(deviation * normal_step({bits, false}));
        }
    }
}

void Supernet::calibrate_weights() {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        layers_[i].log_weight_step.copy_(spread_steps(layers_[i], bits_[i].weight_bits).log());
    }
}

Tensor Supernet::expected_latency(const Tensor& cycles) {
    Tensor total = torch::zeros({});
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const Tensor weight = torch::softmax(layers_[i].weight_choice / temperature_, 0);
        const Tensor table = cycles[static_cast<std::int64_t>(i)];
        const Tensor by_activation = torch::matmul(weight, table);
        total =
            total +
            (i == 0 ? by_activation[kInputBits - traces::kMinBits]
                    : torch::dot(by_activation,
                                 torch::softmax(layers_[i].activation_choice / temperature_, 0)));
    }
    return total;
}

std::vector<traces::Precision> Supernet::chosen_bits() const {
    std::vector<traces::Precision> bits;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const auto best = [](const Tensor& choice) {
            return traces::kMinBits + static_cast<int>(choice.argmax().item<std::int64_t>());
        };
        bits.push_back({best(layers_[i].weight_choice),
                        i == 0 ? kInputBits : best(layers_[i].activation_choice)});
    }
    return bits;
}

Preference Supernet::preference() const {
    Preference preference;
    const auto append = [this](const Tensor& choice, std::vector<double>& to) {
        const Tensor logs = torch::log_softmax(choice.detach().to(torch::kFloat64), 0);
        for (int i = 0; i < kWidths; ++i) {
            to.push_back(logs[i].item<double>());
        }
    };
    for (const SupernetLayer& layer : layers_) {
        append(layer.weight_choice, preference.weight);
        append(layer.activation_choice, preference.activation);
    }
    return preference;
}

std::vector<Tensor> Supernet::weights() const {
    std::vector<Tensor> all;
    for (const SupernetLayer& layer : layers_) {
        all.push_back(layer.weight);
    }
    return all;
}

std::vector<Tensor> Supernet::norms() const {
    std::vector<Tensor> all;
    for (const SupernetLayer& layer : layers_) {
        if (layer.last) {
            all.push_back(layer.bias);
        } else {
            all.push_back(layer.gamma);
            all.push_back(layer.beta);
        }
    }
    return all;
}

std::vector<Tensor> Supernet::steps() const {
    std::vector<Tensor> all;
    for (const SupernetLayer& layer : layers_) {
        all.push_back(layer.log_weight_step);
        all.push_back(layer.log_activation_step);
    }
    return all;
}

std::vector<Tensor> Supernet::choices() const {
    std::vector<Tensor> all;
    for (const SupernetLayer& layer : layers_) {
        all.push_back(layer.weight_choice);
        all.push_back(layer.activation_choice);
    }
    return all;
}

}  // namespace mixq::nas
