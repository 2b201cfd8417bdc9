// The phases, one after another, each epoch followed by a checkpoint.
#include "nas/search.h"

#include <stdexcept>

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include "nas/checkpoint.h"
#include "nas/export.h"
#include "nas/random.h"
#include "nas/training.h"

namespace mixq::nas {

namespace {

using traces::Precision;

constexpr int kMonitored = 1000;   // test images looked at after every epoch
constexpr int kCalibration = 256;  // training images the activation steps start from

void require(bool holds, const std::string& why) {
    if (!holds) {
        throw std::invalid_argument(why);
    }
}

void require_sense(const SearchOptions& options, const Dataset& dataset) {
    require(options.threads >= 1, "the number of threads is below 1");
    require(options.batch >= 2, "the batch is below 2 images");
    require(options.float_epochs >= 1, "there must be at least 1 float epoch");
    require(options.search_epochs >= 1 || options.uniform, "there must be at least 1 search epoch");
    require(options.qat_epochs >= 1, "there must be at least 1 QAT epoch");
    require(options.lambda >= 0, "lambda is negative");
    require(!options.target_cycles || *options.target_cycles > 0, "the target is not positive");
    require(dataset.train.size() >= 2 * options.batch,
            "the training set of " + std::to_string(dataset.train.size()) +
                " images is smaller than two batches");
    require(dataset.test.size() >= 1, "the test set is empty");
}

// What must be equal for a checkpoint to be of this run.
std::string describe(const Space& space, const Dataset& dataset, const SearchOptions& options) {
    std::string text =
        space.name + "; " + dataset.description + "; seed " + std::to_string(options.seed) +
        "; batch " + std::to_string(options.batch) + "; epochs " +
        std::to_string(options.float_epochs) + "+" + std::to_string(options.search_epochs) + "+" +
        std::to_string(options.qat_epochs) + "; threads " + std::to_string(options.threads);
    text += options.target_cycles ? "; target " + traces::format_real(*options.target_cycles)
                                  : "; lambda " + traces::format_real(options.lambda);
    return text + (options.uniform ? "; uniform " + traces::to_string(*options.uniform) : "");
}

class Run {
  public:
    Run(const Space& space,
        const Dataset& dataset,
        const LatencyTable& cycles,
        const LatencyTable& loss,
        const SearchOptions& options,
        const ProgressCallback& progress)
        : space_(space),
          dataset_(dataset),
          cycles_(cycles),
          latency_(cycles, loss),
          options_(options),
          progress_(progress),
          // A proxy changes the run as much as an option does.
          description_(describe(space, dataset, options) +
                       (cycles.values() == loss.values() ? "" : "; proxy")),
          state_(space, options),
          trainer_(dataset, options, state_, [this] { batch_done(); }) {}

    SearchResult run() {
        if (options_.resume && std::filesystem::exists(options_.checkpoint)) {
            read_checkpoint(options_.checkpoint, description_, state_);
            enter(state_.phase);
            done_ = static_cast<std::int64_t>(state_.history.size()) * trainer_.batches();
        }
        while (state_.phase != Phase::Done) {
            if (state_.phase_epoch == phase_epochs(options_, state_.phase)) {
                leave_phase();
            } else {
                epoch();
            }
            if (!options_.checkpoint.empty()) {
                write_checkpoint(options_.checkpoint, description_, state_);
            }
        }
        return result();
    }

  private:
    void batch_done() {
        ++done_;
        const std::int64_t total =
            std::int64_t{trainer_.batches()} *
            (phase_epochs(options_, Phase::Float) + phase_epochs(options_, Phase::Search) +
             phase_epochs(options_, Phase::Qat));
        progress_(std::string(name(state_.phase)) + " epoch " +
                      std::to_string(state_.phase_epoch + 1) + "/" +
                      std::to_string(phase_epochs(options_, state_.phase)),
                  std::min(done_, total),
                  total);
    }

    void epoch() {
        HistoryRow row;
        row.phase = state_.phase;
        row.epoch = static_cast<int>(state_.history.size()) + 1;
        if (state_.phase == Phase::Search) {
            row.loss = trainer_.search_epoch(latency_);
            row.expected_cycles =
                latency_.all_eight *
                state_.net->expected_latency(latency_.cycles).template item<double>();
            row.lambda = state_.lambda;
        } else {
            row.loss = trainer_.weight_epoch();
            row.expected_cycles = state_.phase == Phase::Qat ? cycles_.total(state_.bits) : 0;
        }
        row.accuracy = trainer_.accuracy(kMonitored);
        state_.history.push_back(row);
        ++state_.phase_epoch;
        if (state_.phase == Phase::Search) {
            add_point("search", with_input(state_.net->chosen_bits()));
        }
        done_ = static_cast<std::int64_t>(state_.history.size()) * trainer_.batches();
    }

    // How well these widths do as the weights are, untrained at them.
    void add_point(const std::string& kind, const std::vector<Precision>& bits) {
        state_.net->set_bits(bits);
        state_.net->calibrate_weights();
        state_.net->set_mode(Mode::Fixed);
        state_.points.push_back({kind,
                                 static_cast<int>(state_.history.size()),
                                 bits,
                                 cycles_.total(bits),
                                 trainer_.accuracy(kMonitored)});
        enter(state_.phase);
    }

    void enter(Phase phase) {
        state_.phase = phase;
        if (phase == Phase::Float) {
            state_.net->set_mode(Mode::Float);
        } else if (phase == Phase::Search) {
            state_.net->set_mode(Mode::Mixed);
        } else {
            state_.net->set_bits(state_.bits);
            state_.net->set_mode(Mode::Fixed);
        }
    }

    void leave_phase() {
        state_.phase_epoch = 0;
        if (state_.phase == Phase::Float) {
            state_.float_accuracy = trainer_.accuracy(0);
            calibrate();
            for (int bits = traces::kMinBits; bits <= traces::kMaxBits; ++bits) {
                add_point("uniform", uniform({bits, bits}));
            }
            enter(Phase::Search);
        } else if (state_.phase == Phase::Search) {
            state_.bits = options_.uniform ? uniform(*options_.uniform) : choose();
            state_.net->set_bits(state_.bits);
            state_.net->calibrate_weights();
            enter(Phase::Qat);
        } else {
            state_.phase = Phase::Done;
        }
    }

    void calibrate() {
        std::vector<int> indices =
            Random(stream(options_.seed, 30, 0)).permutation(dataset_.train.size());
        indices.resize(std::min(indices.size(), static_cast<std::size_t>(kCalibration)));
        state_.net->eval();
        state_.net->calibrate_activations(make_batch(dataset_.train, indices, std::nullopt));
    }

    std::vector<Precision> with_input(std::vector<Precision> bits) const {
        bits.front().activation_bits = kInputBits;
        return bits;
    }

    std::vector<Precision> uniform(Precision precision) const {
        return with_input(std::vector<Precision>(space_.blocks.size(), precision));
    }

    std::vector<Precision> choose() {
        std::vector<Precision> bits = state_.net->chosen_bits();
        state_.log.push_back("most probable: " + to_string(bits) + ", " +
                             std::to_string(std::llround(cycles_.total(bits))) + " cycles");
        if (options_.target_cycles) {
            bits = lower_to(
                cycles_, state_.net->preference(), bits, *options_.target_cycles, state_.log);
        }
        bits = raise_free(cycles_, bits, state_.log);
        if (options_.target_cycles) {
            bits = raise_within(cycles_, bits, *options_.target_cycles, state_.log);
        }
        return bits;
    }

    SearchResult result() {
        SearchResult result;
        state_.net->set_bits(state_.bits);
        state_.net->eval();
        result.network = export_network(space_, *state_.net);
        result.accuracy = integer_accuracy(result.network, dataset_.test);
        result.golden = make_golden(result.network, dataset_.test, options_.golden_images);
        result.bits = state_.bits;
        result.predicted_cycles = cycles_.total(state_.bits);
        result.predicted_cycles_all_eight = cycles_.all_eight();
        result.float_accuracy = state_.float_accuracy;
        result.history = state_.history;
        result.points = state_.points;
        result.points.push_back({"result",
                                 static_cast<int>(state_.history.size()),
                                 state_.bits,
                                 result.predicted_cycles,
                                 result.accuracy});
        result.log = state_.log;
        return result;
    }

    const Space& space_;
    const Dataset& dataset_;
    const LatencyTable& cycles_;
    LatencyLoss latency_;
    const SearchOptions& options_;
    const ProgressCallback& progress_;
    std::string description_;
    TrainingState state_;
    Trainer trainer_;
    std::int64_t done_ = 0;
};

}  // namespace

SearchResult search(const Space& space,
                    const Dataset& dataset,
                    const LatencyTable& cycles,
                    const LatencyTable& loss,
                    const SearchOptions& options,
                    const ProgressCallback& progress) {
    require_sense(options, dataset);
    if (cycles.layers() != static_cast<int>(space.blocks.size()) ||
        loss.layers() != cycles.layers()) {
        throw std::invalid_argument("the latency tables are not of the space " + space.name);
    }
    at::set_num_threads(options.threads);
    try {
        return Run(space, dataset, cycles, loss, options, progress).run();
    } catch (const c10::Error& error) {
        throw std::runtime_error(std::string("LibTorch: ") + error.what_without_backtrace());
    }
}

}  // namespace mixq::nas
