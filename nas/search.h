// The search: a float network, the supernet's two-level search of widths under the latency model,
// then quantisation-aware training of what it chose. The door of nas/; no LibTorch in sight.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/network/network.h"
#include "nas/dataset.h"
#include "nas/latency.h"
#include "nas/space.h"
#include "traces/table.h"

namespace mixq::nas {

struct SearchOptions {
    std::uint64_t seed = 1;
    int threads = 2;  // results repeat to the bit for the same number
    int batch = 64;
    int float_epochs = 6;
    int search_epochs = 6;
    int qat_epochs = 6;
    // Loss = Loss_acc + lambda Loss_comp. With a target, lambda is where a controller starts.
    double lambda = 1;
    std::optional<double> target_cycles;
    std::optional<traces::Precision>
        uniform;  // these widths everywhere (the input stays 8), no search
    int golden_images = 100;
    std::filesystem::path checkpoint;  // written after every epoch; empty: never
    bool resume = false;               // from the checkpoint, if it is there
};

enum class Phase : std::uint8_t { Float, Search, Qat, Done };

std::string_view name(Phase phase);

// One epoch.
struct HistoryRow {
    int epoch = 0;  // of the whole run, from 1
    Phase phase = Phase::Float;
    double loss = 0;             // mean cross entropy over the epoch's weight steps
    double accuracy = 0;         // on monitored test images; no decision is taken on it
    double expected_cycles = 0;  // of the mixture (search) or the widths; float epochs: 0
    double lambda = 0;           // at the epoch's end
};

// One choice of widths on the way: the picture of accuracy against latency.
struct SearchPoint {
    std::string kind;  // "uniform", "search" (both before training at these widths), "result"
    int epoch = 0;
    std::vector<traces::Precision> bits;
    double predicted_cycles = 0;
    double accuracy = 0;  // uniform, search: monitored images; result: whole test set
};

struct SearchResult {
    std::vector<traces::Precision> bits;
    double predicted_cycles = 0;
    double predicted_cycles_all_eight = 0;
    double float_accuracy = 0;  // whole test set
    double accuracy = 0;        // whole test set, through the integer forward
    std::vector<HistoryRow> history;
    std::vector<SearchPoint> points;
    Log log;  // what was changed after the search, and why
    kernels::IntegerNetwork network;
    kernels::Golden golden;
};

// Called after every batch: the phase with its epoch, and how much of the whole run is done.
using ProgressCallback =
    std::function<void(std::string_view detail, std::int64_t done, std::int64_t total)>;

// `cycles` is what is reported and what a target limits; `loss` is what the search descends on: the
// same table, or a proxy's. Throws std::invalid_argument for options that make no sense or differ
// from a checkpoint's, std::runtime_error if a target is out of reach or training diverges.
SearchResult search(const Space& space,
                    const Dataset& dataset,
                    const LatencyTable& cycles,
                    const LatencyTable& loss,
                    const SearchOptions& options,
                    const ProgressCallback& progress);

// epoch, phase, loss, accuracy, expected_cycles, lambda
traces::Table history_table(const std::vector<HistoryRow>& history);
std::vector<HistoryRow> read_history(const traces::Table& table);

// kind, epoch, bits (one pair per layer, separated by spaces), predicted_cycles, accuracy
traces::Table points_table(const std::vector<SearchPoint>& points);
std::vector<SearchPoint> read_points(const traces::Table& table);

// "w8a8 w4a4 ...", and back.
std::string to_string(const std::vector<traces::Precision>& bits);
std::vector<traces::Precision> parse_bits(std::string_view text);

}  // namespace mixq::nas
