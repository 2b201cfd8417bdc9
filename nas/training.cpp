// Batches, learning rates and the steps of the two-level search.
#include "nas/training.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "nas/random.h"

namespace mixq::nas {

namespace {

using torch::Tensor;

// Chosen in short runs on both data sets. Rates are for batches of 64 and grow with the batch.
constexpr double kFloatRate = 0.06;
constexpr double kSearchRate = 0.02;
constexpr double kQatRate = 0.02;
constexpr double kMomentum = 0.9;
constexpr double kWeightDecay = 5e-4;
constexpr double kStepRate = 5e-3;    // of the logarithm of a quantisation step
constexpr double kChoiceRate = 0.05;  // of an architecture parameter
constexpr double kWarmUp = 0.1;       // of the float phase
constexpr double kGradientNorm = 5;   // longer ones are cut
constexpr int kShift = 3;             // pixels an image is moved by at most

// The softmax of the architecture parameters sharpens from 1 to this.
constexpr double kLastTemperature = 0.3;

constexpr int kEvaluationBatch = 250;

std::vector<Tensor> concatenated(std::vector<Tensor> a, const std::vector<Tensor>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

torch::optim::SGD make_weight_optimizer(const Supernet& net) {
    torch::optim::SGDOptions decayed(kFloatRate);
    decayed.momentum(kMomentum).nesterov(true).weight_decay(kWeightDecay);
    torch::optim::SGDOptions plain = decayed;
    plain.weight_decay(0);
    std::vector<torch::optim::OptimizerParamGroup> groups;
    groups.emplace_back(net.weights(), std::make_unique<torch::optim::SGDOptions>(decayed));
    groups.emplace_back(net.norms(), std::make_unique<torch::optim::SGDOptions>(plain));
    return torch::optim::SGD(groups, decayed);
}

// One image, mirrored and moved, black where nothing comes in.
void place(std::span<const std::uint8_t> image,
           const ImageSet& set,
           bool mirror,
           int down,
           int right,
           float* to) {
    std::size_t row_start = 0;
    for (int plane_row = 0; plane_row < set.channels * set.height; ++plane_row) {
        const int row = plane_row % set.height + down;
        const int plane = plane_row / set.height;
        for (int column = 0; column < set.width; ++column) {
            const int from = (mirror ? set.width - 1 - column : column) + right;
            const bool there = row >= 0 && row < set.height && from >= 0 && from < set.width;
            const auto at = static_cast<std::size_t>((plane * set.height + row) * set.width + from);
            to[row_start + static_cast<std::size_t>(column)] =
                there ? static_cast<float>(image[at]) / 255.0F : 0.0F;
        }
        row_start += static_cast<std::size_t>(set.width);
    }
}

void set_rate(torch::optim::Optimizer& optimizer, double rate) {
    for (auto& group : optimizer.param_groups()) {
        group.options().set_lr(rate);
    }
}

Tensor table_tensor(const LatencyTable& table) {
    std::vector<float> values;
    for (const double cycles : table.values()) {
        values.push_back(static_cast<float>(cycles / table.all_eight()));
    }
    return torch::tensor(values).reshape({table.layers(), kWidths, kWidths});
}

double finite(const Tensor& loss) {
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
        throw std::runtime_error("training diverged: the loss is not a number; try another --seed");
    }
    return value;
}

}  // namespace

TrainingState::TrainingState(const Space& space, const SearchOptions& options)
    : net(std::make_shared<Supernet>(space, options.seed)),
      weights(make_weight_optimizer(*net)),
      steps(net->steps(), torch::optim::AdamOptions(kStepRate)),
      choices(net->choices(),
              torch::optim::AdamOptions(kChoiceRate).betas(std::make_tuple(0.5, 0.999))),
      lambda(options.lambda) {
}

LatencyLoss::LatencyLoss(const LatencyTable& cycles_table, const LatencyTable& loss_table)
    : cycles(table_tensor(cycles_table)),
      loss(table_tensor(loss_table)),
      all_eight(cycles_table.all_eight()) {
}

double LambdaController::step(double expected, double progress) {
    if (!target_) {
        return lambda_;
    }
    // Gains found by trial: settles within a fifth of a short search, without swinging.
    constexpr double kIntegral = 0.2;
    constexpr double kProportional = 4;
    const double target = *target_ / all_eight_;
    const double ramp = std::max(0.0, 1 - progress / 0.5);
    const double aim = target + std::max(0.0, 1 - target) * ramp;
    const double error = std::clamp(expected / aim - 1, -0.5, 0.5);
    lambda_ = std::clamp(lambda_ * std::exp(kIntegral * error), 1e-3, 1e3);
    return lambda_ * std::exp(kProportional * error);
}

Tensor make_batch(const ImageSet& set,
                  std::span<const int> indices,
                  std::optional<std::uint64_t> augment_seed) {
    Tensor batch = torch::empty(
        {static_cast<std::int64_t>(indices.size()), set.channels, set.height, set.width});
    float* to = batch.data_ptr<float>();
    for (std::size_t i = 0; i < indices.size(); ++i) {
        Random random(augment_seed ? stream(*augment_seed, 1, i) : 0);
        const bool mirror = augment_seed && random.below(2) == 1;
        const int down = augment_seed ? random.between(-kShift, kShift) : 0;
        const int right = augment_seed ? random.between(-kShift, kShift) : 0;
        place(set.image(indices[i]), set, mirror, down, right, to);
        to += set.image_elements();
    }
    return batch;
}

Tensor make_labels(const ImageSet& set, std::span<const int> indices) {
    Tensor labels = torch::empty({static_cast<std::int64_t>(indices.size())}, torch::kInt64);
    for (std::size_t i = 0; i < indices.size(); ++i) {
        labels.data_ptr<std::int64_t>()[i] = set.labels[static_cast<std::size_t>(indices[i])];
    }
    return labels;
}

int phase_epochs(const SearchOptions& options, Phase phase) {
    switch (phase) {
        case Phase::Float:
            return options.float_epochs;
        case Phase::Search:
            return options.uniform ? 0 : options.search_epochs;
        case Phase::Qat:
            return options.qat_epochs;
        case Phase::Done:
            break;
    }
    return 0;
}

Trainer::Trainer(const Dataset& dataset,
                 const SearchOptions& options,
                 TrainingState& state,
                 std::function<void()> batch_done)
    : dataset_(dataset), options_(options), state_(state), batch_done_(std::move(batch_done)) {
}

int Trainer::batches() const {
    return (dataset_.train.size() + options_.batch - 1) / options_.batch;
}

// A cosine from the phase's rate to zero (to a tenth in the search, whose weights must still follow).
double Trainer::learning_rate(double epochs_done) const {
    const double progress = epochs_done / phase_epochs(options_, state_.phase);
    const double cosine = 0.5 * (1 + std::cos(std::acos(-1.0) * progress));
    const double scale = options_.batch / 64.0;
    switch (state_.phase) {
        case Phase::Float:
            return scale * kFloatRate * cosine * std::min(1.0, 0.05 + progress / kWarmUp);
        case Phase::Search:
            return scale * kSearchRate * (0.1 + 0.9 * cosine);
        default:
            return scale * kQatRate * cosine;
    }
}

double Trainer::weight_step(std::span<const int> indices, std::uint64_t batch_seed) {
    const Tensor logits = state_.net->forward(make_batch(dataset_.train, indices, batch_seed));
    const Tensor loss =
        torch::nn::functional::cross_entropy(logits, make_labels(dataset_.train, indices));
    const double value = finite(loss);
    state_.net->zero_grad();
    loss.backward();
    torch::nn::utils::clip_grad_norm_(concatenated(state_.net->weights(), state_.net->norms()),
                                      kGradientNorm);
    state_.weights.step();
    if (state_.phase != Phase::Float) {
        state_.steps.step();
    }
    return value;
}

void Trainer::choice_step(std::span<const int> indices,
                          const LatencyLoss& latency,
                          LambdaController& controller,
                          double progress) {
    const Tensor logits = state_.net->forward(make_batch(dataset_.train, indices, std::nullopt));
    const Tensor accuracy_loss =
        torch::nn::functional::cross_entropy(logits, make_labels(dataset_.train, indices));
    finite(accuracy_loss);
    const double expected = state_.net->expected_latency(latency.cycles).item<double>();
    const double lambda = controller.step(expected, progress);
    const Tensor loss = accuracy_loss + lambda * state_.net->expected_latency(latency.loss);
    state_.net->zero_grad();
    loss.backward();
    state_.choices.step();
}

double Trainer::weight_epoch() {
    state_.net->train();
    const auto epoch = static_cast<std::uint64_t>(state_.phase_epoch);
    const std::uint64_t seed =
        stream(options_.seed, 10 + static_cast<unsigned>(state_.phase), epoch);
    const std::vector<int> order = Random(seed).permutation(dataset_.train.size());
    double sum = 0;
    const int count = batches();
    for (int b = 0; b < count; ++b) {
        const double done = state_.phase_epoch + static_cast<double>(b) / count;
        const double rate = learning_rate(done);
        set_rate(state_.weights, rate);
        set_rate(state_.steps, kStepRate * rate / (kQatRate * options_.batch / 64.0));
        const auto from = static_cast<std::size_t>(b) * static_cast<std::size_t>(options_.batch);
        const auto indices = std::span(order).subspan(
            from, std::min(static_cast<std::size_t>(options_.batch), order.size() - from));
        sum += weight_step(indices, stream(seed, 1, static_cast<std::uint64_t>(b)));
        batch_done_();
    }
    return sum / count;
}

double Trainer::search_epoch(const LatencyLoss& latency) {
    state_.net->train();
    const auto epoch = static_cast<std::uint64_t>(state_.phase_epoch);
    // The same halves in every epoch: what the weights learn on is never what the choice is made on.
    const std::vector<int> halves =
        Random(stream(options_.seed, 20, 0)).permutation(dataset_.train.size());
    const std::size_t half = halves.size() / 2;
    const std::uint64_t seed = stream(options_.seed, 21, epoch);
    const std::vector<int> order = Random(seed).permutation(static_cast<int>(half));
    LambdaController controller(state_.lambda, options_.target_cycles, latency.all_eight);
    const auto batch = static_cast<std::size_t>(options_.batch);
    const int count = static_cast<int>((half + batch - 1) / batch);
    double sum = 0;
    for (int b = 0; b < count; ++b) {
        const double done = state_.phase_epoch + static_cast<double>(b) / count;
        const double progress = done / options_.search_epochs;
        const double rate = learning_rate(done);
        set_rate(state_.weights, rate);
        set_rate(state_.steps, kStepRate);
        state_.net->set_temperature(std::pow(kLastTemperature, progress));
        std::vector<int> for_weights;
        std::vector<int> for_choices;
        for (std::size_t i = static_cast<std::size_t>(b) * batch;
             i < std::min(half, (static_cast<std::size_t>(b) + 1) * batch);
             ++i) {
            for_weights.push_back(halves[static_cast<std::size_t>(order[i])]);
            for_choices.push_back(halves[half + static_cast<std::size_t>(order[i])]);
        }
        sum += weight_step(for_weights, stream(seed, 1, static_cast<std::uint64_t>(b)));
        batch_done_();
        choice_step(for_choices, latency, controller, progress);
        batch_done_();
    }
    return sum / count;
}

double Trainer::accuracy(int images) {
    const torch::NoGradGuard no_grad;
    const bool training = state_.net->is_training();
    state_.net->eval();
    const ImageSet& set = dataset_.test;
    const int total = images == 0 ? set.size() : std::min(images, set.size());
    std::int64_t right = 0;
    for (int first = 0; first < total; first += kEvaluationBatch) {
        std::vector<int> indices(
            static_cast<std::size_t>(std::min(kEvaluationBatch, total - first)));
        for (std::size_t i = 0; i < indices.size(); ++i) {
            indices[i] = first + static_cast<int>(i);
        }
        const Tensor logits = state_.net->forward(make_batch(set, indices, std::nullopt));
        right += logits.argmax(1).eq(make_labels(set, indices)).sum().item<std::int64_t>();
    }
    state_.net->train(training);
    return total == 0 ? 0 : static_cast<double>(right) / total;
}

}  // namespace mixq::nas
