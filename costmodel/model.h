// A fitted latency model: Eq. 12 of the paper, C = C_SISD + alpha C_SIMD + beta C_bit, with a scale
// to cycles, and per kernel the laws that give those counts from the layer alone; the other forms beside it (see ModelForm), and
// what was simulated.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "costmodel/fit.h"
#include "traces/layer.h"
#include "traces/precision.h"
#include "traces/table.h"

namespace mixq::costmodel {

struct Prediction {
    std::string kernel;
    double cycles = 0;
    double low = 0;  // 95 % interval
    double high = 0;
    // The layer does more than twice or less than half the multiply-accumulates of any this kernel
    // was traced on: the interval does not know how much worse that is.
    bool extrapolated = false;
};

class LatencyModel {
  public:
    // Throws std::runtime_error with file and line.
    static LatencyModel read(const std::filesystem::path& path);

    // The model that a fit's file would hold. Throws std::runtime_error if the fit has no answer.
    static LatencyModel from(const FitResult& fit);

    // The same model predicting by another form than the one its hold-out preferred.
    LatencyModel with_form(ModelForm form) const;

    // The resource form by estimates of generated kernels instead of their schedules: milliseconds for a pair that was never asked for
    // instead of a second, and wider intervals. What a search fills its tables with.
    LatencyModel with_estimates() const;

    // With a kernel named: that one. Without: the fastest of those the model knows that fits.
    // Throws std::runtime_error if none does (Unknown means stop: no default). Safe to call from
    // several threads.
    Prediction predict(const traces::Layer& layer,
                       traces::Precision precision,
                       const std::optional<std::string>& kernel = std::nullopt) const;

    // Of the run that a record describes, without looking at its counts of cycles: as above, with the work the record carries, so
    // that nothing is generated again.
    Prediction predict(const traces::Record& record) const;

    std::vector<std::string> kernels() const;
    ModelForm form() const;
    Eq12 equation() const;
    std::uint64_t clock_hz() const;
    std::string board() const;
    // What the fit warned of, for every later reader of its file.
    std::vector<std::string> warnings() const;

  private:
    struct Data;

    explicit LatencyModel(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

    static LatencyModel from_table(const traces::Table& table);

    std::shared_ptr<const Data> data_;
};

// The model file: coefficients, measures, warnings and provenance as metadata; kernels as rows of
// kernel, item, class, term, value. Throws std::runtime_error if the fit has no answer.
traces::Table model_table(const FitResult& fit);
void write_model(const std::filesystem::path& path, const FitResult& fit);

// What a table of model_table() says. Throws std::runtime_error with file and line.
struct ModelContent {
    ModelForm form = ModelForm::Eq12;
    Eq12 equation;
    Eq12Plus plus;

    struct Simulated {
        traces::Layer layer;
        traces::Precision precision;
        double cycles = 0;
    };

    std::map<std::string, std::vector<Simulated>> simulated;  // by kernel
    std::uint64_t clock_hz = 0;
    std::string board;
    std::vector<std::string> warnings;
    std::vector<KernelFit> kernels;
};

ModelContent parse_model(const traces::Table& table);

}  // namespace mixq::costmodel
