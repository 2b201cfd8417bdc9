// Groups pairs by predicted cycles.
#include "costmodel/iso_latency.h"

#include <algorithm>

namespace mixq::costmodel {

namespace {

bool cannot_be_told_apart(const Prediction& a, const Prediction& b) {
    return a.low <= b.cycles && b.cycles <= a.high && b.low <= a.cycles && a.cycles <= b.high;
}

bool covers(traces::Precision a, traces::Precision b) {
    return a != b && a.weight_bits >= b.weight_bits && a.activation_bits >= b.activation_bits;
}

void find_widest(IsoLatencyClass& of) {
    for (const PairPrediction& member : of.members) {
        const bool covered =
            std::any_of(of.members.begin(), of.members.end(), [&](const PairPrediction& other) {
                return covers(other.precision, member.precision);
            });
        if (!covered) of.widest.push_back(member.precision);
    }
}

}  // namespace

std::vector<IsoLatencyClass> iso_latency_classes(std::span<const PairPrediction> pairs) {
    std::vector<PairPrediction> sorted(pairs.begin(), pairs.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
        return a.prediction.cycles < b.prediction.cycles;
    });
    std::vector<IsoLatencyClass> classes;
    for (PairPrediction& pair : sorted) {
        const bool joins =
            !classes.empty() &&
            std::all_of(classes.back().members.begin(),
                        classes.back().members.end(),
                        [&](const PairPrediction& member) {
                            return cannot_be_told_apart(member.prediction, pair.prediction);
                        });
        if (!joins) classes.emplace_back();
        classes.back().members.push_back(std::move(pair));
    }
    for (IsoLatencyClass& of : classes) find_widest(of);
    return classes;
}

}  // namespace mixq::costmodel
