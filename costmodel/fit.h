// From trace records to everything a latency model holds: Eq. 12's coefficients, each kernel's
// count law, and how well both predict layers they have not seen.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "costmodel/eq12.h"
#include "costmodel/eq12_plus.h"
#include "costmodel/laws.h"
#include "costmodel/resource.h"
#include "traces/record.h"

namespace mixq::costmodel {

// How cycles follow from a layer.
enum class ModelForm : std::uint8_t {
    Eq12,           // as published: one scale for all kernels
    Eq12PerKernel,  // the same alpha and beta, times a factor per kernel: its instructions per cycle
    Eq12Plus,       // every class of instruction a term of its own
    Resource,       // blocks of each kernel: the largest of their bounds, and stalls
    Simulated,      // what was simulated, exactly; nothing else
};

// Those that are fitted, and predict layers that never ran.
constexpr std::size_t kModelForms = 4;
constexpr std::array<ModelForm, kModelForms> kAllForms = {
    ModelForm::Eq12, ModelForm::Eq12PerKernel, ModelForm::Eq12Plus, ModelForm::Resource};

std::string_view name(
    ModelForm form);  // "eq12", "eq12-per-kernel", "eq12+", "resource", "simulated"
// Throws std::invalid_argument listing the forms there are.
ModelForm find_form(std::string_view name);

template <typename T>
using PerForm = std::array<T, kModelForms>;  // indexed by ModelForm

struct TraceFile {
    std::string name;  // without its folder, so that a model reads the same wherever it was fitted
    std::string sha256;
    std::vector<traces::Record> records;
};

// Throws std::runtime_error with file and line.
TraceFile read_trace(const std::filesystem::path& path);

// What is known of one kernel.
struct KernelFit {
    CountLaw law;
    ResourceLaw resource;
    // For predictions that neither schedule nor compile: the law of the kernel's loops, and the spread of the logarithm of what it gets
    // wrong. None of a generated kernel that has no closed form of them: what a schedule takes over what the kernel estimates without
    // one, by family of layers, "" for all.
    std::optional<ResourceLaw> loops;
    std::map<std::string, double> over_estimate;
    double estimate_spread = 0;
    double factor = 1;      // of ModelForm::Eq12PerKernel
    double count_mape = 0;  // percent, of all instructions, shapes left out
    int rows = 0;
    int shapes = 0;
    std::set<traces::LayerKind> kinds;
    std::set<traces::Precision> precisions;
    double least_macs = 0;
    double most_macs = 0;
    // From layer to cycles, on rows left out: mean absolute error in percent, and the root mean
    // square of log(measured / predicted), which is what intervals are made of.
    PerForm<double> mape{};
    PerForm<double> spread{};                       // shapes left out
    std::optional<PerForm<double>> spread_of_bits;  // bit pairs left out; none with one pair only
};

struct FitResult {
    Eq12Fit eq12;
    Eq12PlusFit eq12_plus;
    std::vector<KernelFit> kernels;  // empty if eq12 was not answered
    // From layer to cycles over all kernels: shapes, bit pairs and kernels left out. A law of one kernel says nothing of another:
    // forms that have them predict no kernel that was left out.
    PerForm<std::optional<HoldOut>> predict{};
    PerForm<std::optional<HoldOut>> predict_bits{};
    PerForm<std::optional<HoldOut>> predict_kernel{};
    ModelForm form = ModelForm::Eq12;  // the best by `predict`

    // Rows left out with their shape, as every form predicted them: what residual pictures show.
    struct Residual {
        std::size_t row = 0;  // in `rows`
        PerForm<double> predicted{};
    };

    std::vector<Residual> residuals;
    std::vector<std::string> warnings;  // all, those of eq12 included
    std::vector<traces::Record> rows;   // what was fitted, in order of eq12.predicted
    std::vector<std::pair<std::string, std::string>> provenance;  // for the model file
};

// Throws std::runtime_error where records cannot stand in one fit: none at all, a run of 0 cycles,
// different cores, boards, clocks or memories.
FitResult fit(const std::vector<TraceFile>& files, const Eq12Options& options = {});

}  // namespace mixq::costmodel
