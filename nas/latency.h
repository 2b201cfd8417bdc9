// The latency of a network as the search sees it: a table of cycles per layer and pair of widths,
// filled once from a fitted model, and what can be decided on that table alone.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "costmodel/model.h"
#include "traces/layer.h"
#include "traces/precision.h"

namespace mixq::nas {

using LatencyFunction = std::function<double(const traces::Layer&, traces::Precision)>;

// The fitted model: the fastest kernel it knows for each layer and pair.
LatencyFunction latency_of(const costmodel::LatencyModel& model);

// EdMIPS' proxy (Cai and Vasconcelos, CVPR 2020): MACs times weight bits times activation bits.
LatencyFunction macs_bits();

constexpr int kWidths = traces::kMaxBits - traces::kMinBits + 1;

class LatencyTable {
  public:
    // Throws std::runtime_error if a latency is not positive and finite.
    LatencyTable(const std::vector<traces::Layer>& layers, const LatencyFunction& latency);

    int layers() const { return static_cast<int>(cycles_.size()) / (kWidths * kWidths); }

    double cycles(int layer, traces::Precision precision) const;
    double total(const std::vector<traces::Precision>& bits) const;
    // Every layer w8a8.
    double all_eight() const;

    // [layer][weight bits - 2][activation bits - 2]
    const std::vector<double>& values() const { return cycles_; }

  private:
    std::vector<double> cycles_;
};

// How sure the search is of each width: log-probabilities [layer][width - 2] of weights and
// activations.
struct Preference {
    std::vector<double> weight;
    std::vector<double> activation;
};

// One change that was made after the search, in words for the log.
using Log = std::vector<std::string>;

// The network's input is the 8-bit image: the first layer's activation bits are not a choice.
constexpr int kInputBits = 8;

// Lowers widths until the network takes no more than `limit` cycles, each time where the search loses
// the least log-probability per cycle saved. Throws std::runtime_error if the limit is out of reach.
std::vector<traces::Precision> lower_to(const LatencyTable& table,
                                        const Preference& preference,
                                        std::vector<traces::Precision> bits,
                                        double limit,
                                        Log& log);

// Raises widths where that costs nothing: among pairs of no more predicted cycles, the widest.
std::vector<traces::Precision> raise_free(const LatencyTable& table,
                                          std::vector<traces::Precision> bits,
                                          Log& log);

// Raises widths while the network stays within `limit` cycles, each time where the most rounding
// error (4^-bits, of weights and of activations) goes per cycle.
std::vector<traces::Precision> raise_within(const LatencyTable& table,
                                            std::vector<traces::Precision> bits,
                                            double limit,
                                            Log& log);

}  // namespace mixq::nas
