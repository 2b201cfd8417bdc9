// Pairs of bits that cost the same as far as a model can tell: of each such class a search needs only the widest.
#pragma once

#include <span>
#include <vector>

#include "costmodel/model.h"
#include "traces/precision.h"

namespace mixq::costmodel {

struct PairPrediction {
    traces::Precision precision;
    Prediction prediction;
};

struct IsoLatencyClass {
    std::vector<PairPrediction> members;  // the fastest first
    std::vector<traces::Precision>
        widest;  // those that no other member has at least as many bits of both kinds as
};

// Every pair is in one class, the classes are in order of cycles, and within a class every member lies in the interval of every
// other.
std::vector<IsoLatencyClass> iso_latency_classes(std::span<const PairPrediction> pairs);

}  // namespace mixq::costmodel
