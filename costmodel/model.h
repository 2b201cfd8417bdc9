// A fitted latency model: Eq. 12 of the paper, C = C_SISD + alpha C_SIMD + beta C_bit, with a scale
// to cycles, and per kernel the laws that give those counts from the layer alone.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "traces/layer.h"
#include "traces/precision.h"

namespace mixq::costmodel {

struct Prediction {
    std::string kernel;
    double cycles = 0;
    double low = 0;  // 95 % interval
    double high = 0;
};

class LatencyModel {
  public:
    // Throws std::runtime_error with file and line.
    static LatencyModel read(const std::filesystem::path& path);

    // With a kernel named: that one. Without: the fastest of those the model knows that fits.
    // Throws std::runtime_error if none does (Unknown means stop: no default).
    Prediction predict(const traces::Layer& layer,
                       traces::Precision precision,
                       const std::optional<std::string>& kernel = std::nullopt) const;

    std::vector<std::string> kernels() const;

  private:
    struct Data;
    std::shared_ptr<const Data> data_;
    friend struct ModelAccess;
};

}  // namespace mixq::costmodel
