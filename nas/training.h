// One epoch of each phase. Everything random in it follows from seed, phase and epoch, so that a
// resumed run repeats what an uninterrupted one does.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <torch/torch.h>

#include "nas/dataset.h"
#include "nas/latency.h"
#include "nas/search.h"
#include "nas/supernet.h"

namespace mixq::nas {

// What a run carries from epoch to epoch: what a checkpoint holds.
struct TrainingState {
    TrainingState(const Space& space, const SearchOptions& options);

    std::shared_ptr<Supernet> net;
    torch::optim::SGD weights;   // weights, batch normalisation
    torch::optim::Adam steps;    // quantisation steps
    torch::optim::Adam choices;  // architecture
    Phase phase = Phase::Float;
    int phase_epoch = 0;  // done in this phase
    double lambda = 1;
    double float_accuracy = 0;
    std::vector<traces::Precision> bits;  // once chosen
    std::vector<HistoryRow> history;
    std::vector<SearchPoint> points;
    Log log;
};

// What the search descends on and what it steers by, as tensors in units of the all-8-bit network.
struct LatencyLoss {
    LatencyLoss(const LatencyTable& cycles, const LatencyTable& loss);

    torch::Tensor cycles;  // [layers][7][7]
    torch::Tensor loss;    // likewise
    double all_eight = 0;  // cycles
};

// Turns lambda until the expected latency meets a target: a proportional and an integral part on the
// relative error, the target itself lowered over the first half of the search.
class LambdaController {
  public:
    LambdaController(double& lambda, std::optional<double> target, double all_eight)
        : lambda_(lambda), target_(target), all_eight_(all_eight) {}

    // `expected` in units of the all-8-bit network, `progress` of the search in 0..1. Returns the
    // lambda for this step.
    double step(double expected, double progress);

  private:
    double& lambda_;
    std::optional<double> target_;
    double all_eight_;
};

// Float in 0..1, [count][channels][height][width]. With a seed: flipped and shifted at random.
torch::Tensor make_batch(const ImageSet& set,
                         std::span<const int> indices,
                         std::optional<std::uint64_t> augment_seed);
torch::Tensor make_labels(const ImageSet& set, std::span<const int> indices);

class Trainer {
  public:
    // `batch_done` is called after every batch of an epoch.
    Trainer(const Dataset& dataset,
            const SearchOptions& options,
            TrainingState& state,
            std::function<void()> batch_done);

    // Each returns the mean cross entropy. Throws std::runtime_error when the loss is not finite.
    double weight_epoch();  // float phase and QAT
    double search_epoch(const LatencyLoss& latency);

    // The share of right answers on the first `images` test images (0: all), in the net's mode.
    double accuracy(int images);

    // Batches of one epoch: the unit of progress.
    int batches() const;

  private:
    double learning_rate(double epochs_done) const;
    double weight_step(std::span<const int> indices, std::uint64_t batch_seed);
    void choice_step(std::span<const int> indices,
                     const LatencyLoss& latency,
                     LambdaController& controller,
                     double progress);

    const Dataset& dataset_;
    const SearchOptions& options_;
    TrainingState& state_;
    std::function<void()> batch_done_;
};

int phase_epochs(const SearchOptions& options, Phase phase);

}  // namespace mixq::nas
