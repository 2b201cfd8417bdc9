// The latency table and the greedy steps on it.
#include "nas/latency.h"

#include <cmath>
#include <cstdint>
#include <stdexcept>

namespace mixq::nas {

namespace {

using traces::kMaxBits;
using traces::kMinBits;
using traces::Precision;

std::size_t width_index(int layer, int bits) {
    return static_cast<std::size_t>(layer * kWidths + bits - kMinBits);
}

int lowest_activation(int layer) {
    return layer == 0 ? kInputBits : kMinBits;
}

std::string change(int layer, Precision from, Precision to, double cycles_saved) {
    return "layer " + std::to_string(layer + 1) + ": " + to_string(from) + " -> " + to_string(to) +
           ", " + std::to_string(std::llround(-cycles_saved)) + " cycles";
}

// Squared rounding error of weights and activations, up to a common factor.
double rounding_error(Precision precision) {
    return std::pow(4.0, -precision.weight_bits) + std::pow(4.0, -precision.activation_bits);
}

struct Move {
    int layer = -1;
    Precision to;
    double worth = 0;
};

void require_layers(const LatencyTable& table, const std::vector<Precision>& bits) {
    if (static_cast<int>(bits.size()) != table.layers()) {
        throw std::runtime_error("latency table of " + std::to_string(table.layers()) +
                                 " layers, widths of " + std::to_string(bits.size()));
    }
}

}  // namespace

LatencyFunction latency_of(const costmodel::LatencyModel& model) {
    // Scheduling every kernel for every pair of every layer would take an hour.
    const bool quick = model.form() == costmodel::ModelForm::Resource;
    return [model = quick ? model.with_estimates() : model](const traces::Layer& layer,
                                                            Precision precision) {
        return model.predict(layer, precision).cycles;
    };
}

LatencyFunction macs_bits() {
    return [](const traces::Layer& layer, Precision precision) {
        return static_cast<double>(layer.macs()) * precision.weight_bits *
               precision.activation_bits;
    };
}

LatencyTable::LatencyTable(const std::vector<traces::Layer>& layers,
                           const LatencyFunction& latency) {
    for (const traces::Layer& layer : layers) {
        for (const Precision precision : traces::all_precisions()) {
            const double cycles = latency(layer, precision);
            if (!std::isfinite(cycles) || cycles <= 0) {
                throw std::runtime_error("the latency model gives " + std::to_string(cycles) +
                                         " cycles for " + to_string(layer) + " " +
                                         to_string(precision) +
                                         ": fit it again on traces that "
                                         "cover such layers");
            }
            cycles_.push_back(cycles);
        }
    }
}

double LatencyTable::cycles(int layer, Precision precision) const {
    return cycles_.at((static_cast<std::size_t>(layer) * kWidths +
                       static_cast<std::size_t>(precision.weight_bits - kMinBits)) *
                          kWidths +
                      static_cast<std::size_t>(precision.activation_bits - kMinBits));
}

double LatencyTable::total(const std::vector<Precision>& bits) const {
    require_layers(*this, bits);
    double sum = 0;
    for (int layer = 0; layer < layers(); ++layer) {
        sum += cycles(layer, bits[static_cast<std::size_t>(layer)]);
    }
    return sum;
}

double LatencyTable::all_eight() const {
    return total(std::vector<Precision>(static_cast<std::size_t>(layers()), Precision{8, 8}));
}

std::vector<Precision> lower_to(const LatencyTable& table,
                                const Preference& preference,
                                std::vector<Precision> bits,
                                double limit,
                                Log& log) {
    while (table.total(bits) > limit) {
        Move best;
        for (int layer = 0; layer < table.layers(); ++layer) {
            const Precision from = bits[static_cast<std::size_t>(layer)];
            for (int w = kMinBits; w <= from.weight_bits; ++w) {
                for (int a = lowest_activation(layer); a <= from.activation_bits; ++a) {
                    const double saved = table.cycles(layer, from) - table.cycles(layer, {w, a});
                    if (saved <= 0) {
                        continue;
                    }
                    const double lost =
                        preference.weight.at(width_index(layer, from.weight_bits)) -
                        preference.weight.at(width_index(layer, w)) +
                        preference.activation.at(width_index(layer, from.activation_bits)) -
                        preference.activation.at(width_index(layer, a));
                    // The argmax loses nothing or something; never a gain that a sum could hide.
                    const double worth = saved / std::max(lost, 1e-6);
                    if (worth > best.worth) {
                        best = {layer, {w, a}, worth};
                    }
                }
            }
        }
        if (best.layer < 0) {
            throw std::runtime_error("no choice of widths takes " +
                                     std::to_string(std::llround(limit)) +
                                     " cycles or fewer; the fewest found is " +
                                     std::to_string(std::llround(table.total(bits))));
        }
        Precision& chosen = bits[static_cast<std::size_t>(best.layer)];
        log.push_back("lowered " +
                      change(best.layer,
                             chosen,
                             best.to,
                             table.cycles(best.layer, chosen) - table.cycles(best.layer, best.to)));
        chosen = best.to;
    }
    return bits;
}

std::vector<Precision> raise_free(const LatencyTable& table,
                                  std::vector<Precision> bits,
                                  Log& log) {
    require_layers(table, bits);
    for (int layer = 0; layer < table.layers(); ++layer) {
        Precision& chosen = bits[static_cast<std::size_t>(layer)];
        const double cycles = table.cycles(layer, chosen);
        Precision best = chosen;
        for (int w = chosen.weight_bits; w <= kMaxBits; ++w) {
            for (int a = chosen.activation_bits; a <= kMaxBits; ++a) {
                if (table.cycles(layer, {w, a}) <= cycles &&
                    rounding_error({w, a}) < rounding_error(best)) {
                    best = {w, a};
                }
            }
        }
        if (best != chosen) {
            log.push_back("raised for nothing " +
                          change(layer, chosen, best, cycles - table.cycles(layer, best)));
            chosen = best;
        }
    }
    return bits;
}

std::vector<Precision> raise_within(const LatencyTable& table,
                                    std::vector<Precision> bits,
                                    double limit,
                                    Log& log) {
    for (;;) {
        const double room = limit - table.total(bits);
        Move best;
        for (int layer = 0; layer < table.layers(); ++layer) {
            const Precision from = bits[static_cast<std::size_t>(layer)];
            for (int w = from.weight_bits; w <= kMaxBits; ++w) {
                for (int a = from.activation_bits; a <= kMaxBits; ++a) {
                    const double cost = table.cycles(layer, {w, a}) - table.cycles(layer, from);
                    const double gain = rounding_error(from) - rounding_error({w, a});
                    if (gain <= 0 || cost > room) {
                        continue;
                    }
                    const double worth = gain / std::max(cost, 1.0);
                    if (worth > best.worth) {
                        best = {layer, {w, a}, worth};
                    }
                }
            }
        }
        if (best.layer < 0) {
            return bits;
        }
        Precision& chosen = bits[static_cast<std::size_t>(best.layer)];
        log.push_back("raised within the target " +
                      change(best.layer,
                             chosen,
                             best.to,
                             table.cycles(best.layer, chosen) - table.cycles(best.layer, best.to)));
        chosen = best.to;
    }
}

}  // namespace mixq::nas
