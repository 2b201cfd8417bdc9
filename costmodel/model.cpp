// Predicts cycles from a fitted model.
#include "costmodel/model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "kernels/analytic.h"
#include "kernels/kernel.h"

namespace mixq::costmodel {

struct LatencyModel::Data {
    ModelContent content;
    bool by_estimate = false;                     // see with_estimates()
    std::vector<const kernels::Kernel*> kernels;  // beside content.kernels

    // A prediction, or why there is none.
    std::vector<kernels::WorkTerm> work(std::size_t kernel,
                                        const traces::Layer& layer,
                                        traces::Precision precision) const;
    std::vector<kernels::WorkTerm> work(std::size_t kernel, const traces::Record& record) const;
    std::optional<std::string> refusal(std::size_t kernel,
                                       const traces::Layer& layer,
                                       traces::Precision precision) const;
    std::optional<std::string> cannot(std::size_t kernel,
                                      const traces::Layer& layer,
                                      traces::Precision precision,
                                      const std::vector<kernels::WorkTerm>& work) const;
    Prediction predict(std::size_t kernel,
                       const traces::Layer& layer,
                       traces::Precision precision,
                       const std::vector<kernels::WorkTerm>& work) const;
    double cycles(const KernelFit& fit,
                  const traces::Layer& layer,
                  const std::vector<kernels::WorkTerm>& work) const;
    // Of ModelForm::Simulated: what was simulated of this kernel. Null if that was not.
    const ModelContent::Simulated* simulated(const std::string& kernel,
                                             const traces::Layer& layer,
                                             traces::Precision precision) const;
    Prediction look_up(const traces::Layer& layer,
                       traces::Precision precision,
                       const std::optional<std::string>& kernel) const;
};

namespace {

// How far beyond the traced multiply-accumulates a law is still called interpolation.
constexpr double kTrustedReach = 2;

const char* name_of(traces::LayerKind kind) {
    switch (kind) {
        case traces::LayerKind::Conv:
            return "convolution";
        case traces::LayerKind::Depthwise:
            return "depthwise";
        case traces::LayerKind::FullyConnected:
            return "fully connected";
    }
    return "unknown";
}

std::string lesson(const std::string& kernel,
                   const traces::Layer& layer,
                   traces::Precision precision) {
    return "; teach it with: mixq-sim trace --kernel " + kernel + " --layer " + to_string(layer) +
           " --bits " + to_string(precision) + " -o more.csv, and fit more.csv beside the others";
}

bool same_work(const std::vector<kernels::WorkTerm>& left,
               const std::vector<kernels::WorkTerm>& right) {
    return std::equal(left.begin(),
                      left.end(),
                      right.begin(),
                      right.end(),
                      [](const kernels::WorkTerm& a, const kernels::WorkTerm& b) {
                          return a.name == b.name && a.amount == b.amount;
                      });
}

// Whether the kernel does at `precision` what it does at one it was traced at: a byte kernel does
// not care how many of its bits are used.
bool indifferent(const KernelFit& fit, const traces::Layer& layer, traces::Precision precision) {
    const std::vector<kernels::WorkTerm> work = work_of(fit.law.kernel, layer, precision);
    return std::any_of(fit.precisions.begin(), fit.precisions.end(), [&](auto traced) {
        return same_work(work, work_of(fit.law.kernel, layer, traced));
    });
}

}  // namespace

// Of generated kernels, bell-shaped weights decide: they may fit where not all do.
std::optional<std::string> LatencyModel::Data::refusal(std::size_t kernel,
                                                       const traces::Layer& layer,
                                                       traces::Precision precision) const {
    const std::string_view name = kernels[kernel]->name();
    if (const KernelFit& fit = content.kernels[kernel]; by_estimate && fit.loops) {
        // What else it refuses, its loops say.
        if (fit.kinds.contains(layer.kind)) return std::nullopt;
        return std::string("not traced on any ") + name_of(layer.kind) + " layer";
    }
    if (kernels::has_closed_work(name)) return kernels[kernel]->refuses(layer, precision);
    try {
        if (by_estimate) {
            kernels::estimated_cycles(name, layer, precision);
        } else {
            kernels::structure(name, layer, precision);
        }
        return std::nullopt;
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

std::vector<kernels::WorkTerm> LatencyModel::Data::work(std::size_t kernel,
                                                        const traces::Layer& layer,
                                                        traces::Precision precision) const {
    const KernelFit& fit = content.kernels[kernel];
    if (by_estimate && fit.loops) return *loops_of(fit.law.kernel, layer, precision);
    if (!by_estimate || fit.over_estimate.empty()) {
        return counted(fit.law) ? counted_work_of(fit.law.kernel, layer, precision)
                                : work_of(fit.law.kernel, layer, precision);
    }
    const double estimate = kernels::estimated_cycles(fit.law.kernel, layer, precision);
    auto ratio = fit.over_estimate.find(family_of(layer));
    if (ratio == fit.over_estimate.end()) ratio = fit.over_estimate.find("");
    return {{kernels::kScheduledTerm, estimate * ratio->second}, {kCallTerm, 1}};
}

// What the record says, where that is what the law is about.
std::vector<kernels::WorkTerm> LatencyModel::Data::work(std::size_t kernel,
                                                        const traces::Record& record) const {
    const bool exact = counted(content.kernels[kernel].law);
    if (!by_estimate && exact == (record.scheduled_cycles > 0)) return work_of(record);
    return work(kernel, record.layer, record.precision);
}

std::optional<std::string> LatencyModel::Data::cannot(
    std::size_t kernel,
    const traces::Layer& layer,
    traces::Precision precision,
    const std::vector<kernels::WorkTerm>& work) const {
    const KernelFit& fit = content.kernels[kernel];
    const std::string& kernel_name = fit.law.kernel;
    if (!fit.kinds.contains(layer.kind)) {
        return kernel_name + " was not traced on any " + name_of(layer.kind) + " layer" +
               lesson(kernel_name, layer, precision);
    }
    const std::vector<std::string>& terms =
        by_estimate && fit.loops ? fit.loops->terms : fit.law.terms;
    for (const kernels::WorkTerm& term : work) {
        if (term.amount != 0 && std::find(terms.begin(), terms.end(), term.name) == terms.end()) {
            return kernel_name + " was not traced on any layer with '" + term.name +
                   "' in its work" + lesson(kernel_name, layer, precision);
        }
    }
    if (!fit.precisions.contains(precision) && !fit.spread_of_bits &&
        !indifferent(fit, layer, precision)) {
        return kernel_name + " was traced at one bit pair only, not at " + to_string(precision) +
               lesson(kernel_name, layer, precision);
    }
    return std::nullopt;
}

double LatencyModel::Data::cycles(const KernelFit& fit,
                                  const traces::Layer& layer,
                                  const std::vector<kernels::WorkTerm>& work) const {
    switch (content.form) {
        case ModelForm::Eq12:
            return content.equation.cycles(features(fit.law.counts(work)));
        case ModelForm::Eq12PerKernel:
            return fit.factor * content.equation.cycles(features(fit.law.counts(work)));
        case ModelForm::Eq12Plus:
            return content.plus.cycles(fit.law.counts(work));
        case ModelForm::Resource:
            if (by_estimate && fit.loops) return fit.loops->cycles(layer, work);
            return fit.resource.cycles(layer, work);
        case ModelForm::Simulated:
            break;
    }
    throw std::logic_error("a form that predicts nothing");
}

const ModelContent::Simulated* LatencyModel::Data::simulated(const std::string& kernel,
                                                             const traces::Layer& layer,
                                                             traces::Precision precision) const {
    const auto found = content.simulated.find(kernel);
    if (found == content.simulated.end()) return nullptr;
    for (const ModelContent::Simulated& run : found->second) {
        if (run.layer == layer && run.precision == precision) return &run;
    }
    return nullptr;
}

Prediction LatencyModel::Data::look_up(const traces::Layer& layer,
                                       traces::Precision precision,
                                       const std::optional<std::string>& kernel) const {
    std::optional<Prediction> best;
    for (const auto& [name, runs] : content.simulated) {
        if (kernel && name != *kernel) continue;
        const ModelContent::Simulated* run = simulated(name, layer, precision);
        if (run == nullptr || (best && best->cycles <= run->cycles)) continue;
        best = Prediction{name, run->cycles, run->cycles, run->cycles, false};
    }
    if (best) return *std::move(best);
    throw std::runtime_error(to_string(layer) + " at " + to_string(precision) +
                             " was not simulated" +
                             (kernel ? " with kernel " + *kernel : std::string()) +
                             ": run mixq-sim trace on it, or take another --model-form");
}

Prediction LatencyModel::Data::predict(std::size_t kernel,
                                       const traces::Layer& layer,
                                       traces::Precision precision,
                                       const std::vector<kernels::WorkTerm>& work) const {
    const KernelFit& fit = content.kernels[kernel];
    const auto form = static_cast<std::size_t>(content.form);
    Prediction prediction;
    prediction.kernel = fit.law.kernel;
    prediction.cycles = cycles(fit, layer, work);

    double spread = fit.spread[form];
    if (fit.spread_of_bits && !fit.precisions.contains(precision)) {
        spread = std::max(spread, (*fit.spread_of_bits)[form]);
    }
    if (by_estimate) spread = std::hypot(spread, fit.estimate_spread);
    // A new run about a prediction whose errors are known from `shapes` left-out groups. The spread
    // is about the prediction, not about its mean: a kernel the equation is biased on gets a wide
    // interval instead of a shifted one.
    const double n = fit.shapes;
    const double reach = student_t(fit.shapes - 1) * spread * std::sqrt(1 + 1 / n);
    prediction.low = prediction.cycles * std::exp(-reach);
    prediction.high = prediction.cycles * std::exp(reach);
    const auto macs = static_cast<double>(layer.macs());
    prediction.extrapolated =
        macs > kTrustedReach * fit.most_macs || macs < fit.least_macs / kTrustedReach;
    return prediction;
}

LatencyModel LatencyModel::from_table(const traces::Table& table) {
    auto data = std::make_shared<Data>();
    data->content = parse_model(table);
    for (const KernelFit& fit : data->content.kernels) {
        try {
            data->kernels.push_back(&kernels::find_kernel(fit.law.kernel));
        } catch (const std::invalid_argument& error) {
            throw std::runtime_error(table.path + ": " + error.what());
        }
    }
    return LatencyModel(std::move(data));
}

LatencyModel LatencyModel::read(const std::filesystem::path& path) {
    return from_table(traces::read_table(path));
}

LatencyModel LatencyModel::from(const FitResult& fit) {
    return from_table(model_table(fit));
}

LatencyModel LatencyModel::with_form(ModelForm form) const {
    auto data = std::make_shared<Data>(*data_);
    data->content.form = form;
    return LatencyModel(std::move(data));
}

LatencyModel LatencyModel::with_estimates() const {
    auto data = std::make_shared<Data>(*data_);
    data->content.form = ModelForm::Resource;
    data->by_estimate = true;
    return LatencyModel(std::move(data));
}

Prediction LatencyModel::predict(const traces::Layer& layer,
                                 traces::Precision precision,
                                 const std::optional<std::string>& kernel) const {
    if (data_->content.form == ModelForm::Simulated) {
        return data_->look_up(layer, precision, kernel);
    }
    std::optional<Prediction> best;
    std::string reasons;
    bool known = !kernel;
    // Kernels that are there to be deployed first: where one of them fits, baselines are not asked.
    std::vector<std::size_t> order(data_->kernels.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_partition(order.begin(), order.end(), [&](std::size_t i) {
        return data_->kernels[i]->purpose() == kernels::Purpose::Deploy;
    });
    for (const std::size_t i : order) {
        const std::string& candidate = data_->content.kernels[i].law.kernel;
        if (kernel && candidate != *kernel) continue;
        if (best && data_->kernels[i]->purpose() != kernels::Purpose::Deploy &&
            kernels::find_kernel(best->kernel).purpose() == kernels::Purpose::Deploy) {
            break;
        }
        known = true;
        std::optional<std::string> reason = data_->refusal(i, layer, precision);
        if (reason) {
            *reason = candidate + ": " + *reason;
        } else {
            try {
                const std::vector<kernels::WorkTerm> work = data_->work(i, layer, precision);
                reason = data_->cannot(i, layer, precision, work);
                if (!reason) {
                    Prediction prediction = data_->predict(i, layer, precision, work);
                    if (!best || prediction.cycles < best->cycles) best = std::move(prediction);
                }
            } catch (const std::runtime_error& error) {
                reason = candidate + ": " + error.what();
            }
        }
        if (reason) reasons += (reasons.empty() ? "" : " / ") + *reason;
    }
    if (best) return *std::move(best);
    if (!known) {
        std::string has;
        for (const std::string& name : kernels()) has += (has.empty() ? "" : ", ") + name;
        throw std::runtime_error("the model does not know kernel '" + *kernel +
                                 "' (it knows: " + has + ")" + lesson(*kernel, layer, precision));
    }
    if (reasons.empty()) reasons = "the model knows no kernel at all";
    throw std::runtime_error("no prediction for " + to_string(layer) + " at " +
                             to_string(precision) + ": " + reasons);
}

Prediction LatencyModel::predict(const traces::Record& record) const {
    const Data& data = *data_;
    if (data.content.form == ModelForm::Simulated) {
        return data.look_up(record.layer, record.precision, record.kernel);
    }
    for (std::size_t i = 0; i < data.kernels.size(); ++i) {
        if (data.content.kernels[i].law.kernel != record.kernel) continue;
        const std::vector<kernels::WorkTerm> work = data.work(i, record);
        if (const auto why = data.cannot(i, record.layer, record.precision, work)) {
            throw std::runtime_error("no prediction for " + to_string(record.layer) + " at " +
                                     to_string(record.precision) + ": " + *why);
        }
        return data.predict(i, record.layer, record.precision, work);
    }
    throw std::runtime_error("the model does not know kernel '" + record.kernel + "'" +
                             lesson(record.kernel, record.layer, record.precision));
}

std::vector<std::string> LatencyModel::kernels() const {
    std::vector<std::string> names;
    for (const KernelFit& fit : data_->content.kernels) names.push_back(fit.law.kernel);
    return names;
}

ModelForm LatencyModel::form() const {
    return data_->content.form;
}

Eq12 LatencyModel::equation() const {
    return data_->content.equation;
}

std::uint64_t LatencyModel::clock_hz() const {
    return data_->content.clock_hz;
}

std::string LatencyModel::board() const {
    return data_->content.board;
}

std::vector<std::string> LatencyModel::warnings() const {
    return data_->content.warnings;
}

}  // namespace mixq::costmodel
