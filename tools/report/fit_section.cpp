// The fitted latency model: its figures, its warnings, and predicted against simulated cycles.
#include <algorithm>

#include "costmodel/features.h"
#include "tools/console.h"
#include "tools/report/page.h"

namespace mixq::tools::report {

namespace {

constexpr double kWidth = 720;
constexpr double kLeft = 74;
constexpr double kTop = 34;
constexpr double kBottom = 430;
constexpr double kRight = 700;
constexpr double kBand = 0.10;  // drawn about the diagonal

struct Pair {
    const traces::Record* record;
    double predicted;
};

// What the equation says of counted instructions, in the form the model prefers.
std::vector<Pair> predictions(const std::vector<traces::Record>& records,
                              const costmodel::ModelContent& model) {
    std::vector<Pair> pairs;
    for (const traces::Record& record : records) {
        double cycles = model.equation.cycles(costmodel::features(record.counts));
        if (model.form == costmodel::ModelForm::Eq12PerKernel) {
            const auto kernel =
                std::find_if(model.kernels.begin(), model.kernels.end(), [&](const auto& fit) {
                    return fit.law.kernel == record.kernel;
                });
            if (kernel == model.kernels.end()) continue;
            cycles *= kernel->factor;
        }
        if (cycles > 0 && record.cycles > 0) pairs.push_back({&record, cycles});
    }
    return pairs;
}

std::string tooltip(const Pair& pair) {
    const auto simulated = static_cast<double>(pair.record->cycles);
    return pair.record->kernel + ", " + to_string(pair.record->layer) + ", " +
           to_string(pair.record->precision) + ": simulated " +
           grouped(static_cast<std::int64_t>(pair.record->cycles)) + ", predicted " +
           grouped(static_cast<std::int64_t>(pair.predicted)) + " cycles (" +
           fixed(100 * (pair.predicted / simulated - 1), 1) + " %)";
}

Drawing draw(const std::vector<Pair>& pairs, const Palette& palette) {
    double smallest = pairs.front().predicted;
    double largest = smallest;
    for (const Pair& pair : pairs) {
        const auto simulated = static_cast<double>(pair.record->cycles);
        smallest = std::min({smallest, pair.predicted, simulated});
        largest = std::max({largest, pair.predicted, simulated});
    }
    Drawing drawing(kWidth,
                    kBottom + 46,
                    "Predicted against simulated cycles",
                    "One point per traced run, both axes logarithmic; on the dashed diagonal the "
                    "model is right, in the grey band it is within 10 percent.");
    const Scale x = Scale::logarithmic(smallest, largest, kLeft, kRight);
    const Scale y = Scale::logarithmic(smallest, largest, kBottom, kTop);
    drawing.horizontal_axis(x, kTop, kBottom, "simulated cycles");
    drawing.vertical_axis(y, kLeft, kRight, "predicted cycles");
    const double low = x.low();
    const double high = x.high();
    drawing.polygon({{x.at(low), y.at(low)},
                     {x.at(low), y.at(low * (1 + kBand))},
                     {x.at(high / (1 + kBand)), y.at(high)},
                     {x.at(high), y.at(high)},
                     {x.at(high), y.at(high * (1 - kBand))},
                     {x.at(low / (1 - kBand)), y.at(low)}},
                    "band");
    drawing.line(x.at(low), y.at(low), x.at(high), y.at(high), "ideal");
    for (const Pair& pair : pairs) {
        drawing.circle(x.at(static_cast<double>(pair.record->cycles)),
                       y.at(pair.predicted),
                       4.5,
                       "point " + palette.css_class(pair.record->kernel),
                       tooltip(pair));
    }
    std::vector<Drawing::Entry> entries;
    for (const std::string& kernel : palette.kernels()) {
        const bool shown = std::any_of(pairs.begin(), pairs.end(), [&](const Pair& pair) {
            return pair.record->kernel == kernel;
        });
        if (shown) entries.push_back({palette.css_class(kernel), kernel});
    }
    drawing.legend(kLeft, 18, entries);
    return drawing;
}

std::string shown(const ModelFile& model, const char* key, int decimals, const char* unit = "") {
    const auto value = model.real(key);
    return value ? fixed(*value, decimals) + unit : model.text(key);
}

std::string interval(const ModelFile& model, const std::string& key) {
    const auto low = model.real(key + "_low");
    const auto high = model.real(key + "_high");
    return low && high ? fixed(*low, 3) + " to " + fixed(*high, 3) : "-";
}

std::string figures(const ModelFile& model) {
    std::string out = table(
        "Coefficients of Eq. 12, cycles = scale (C_SISD + alpha C_SIMD + beta C_bit)",
        {{"coefficient"}, {"value", true}, {"95 % interval", true}},
        {{"alpha, cost of a SIMD instruction", shown(model, "alpha", 3), interval(model, "alpha")},
         {"beta, cost of a bit instruction", shown(model, "beta", 3), interval(model, "beta")},
         {"scale, cycles of a SISD instruction",
          shown(model, "scale", 3),
          interval(model, "scale")}});
    const std::string form = "predict_mape_" + std::string(name(model.content.form));
    out +=
        table("How good it is",
              {{"measure"}, {"value", true}},
              {{"R2, on cycles", shown(model, "r2", 4)},
               {"mean absolute error of the fit", shown(model, "mape", 2, " %")},
               {"largest error of the fit", shown(model, "worst", 2, " %")},
               {"mean error on layer shapes left out", shown(model, "holdout_shape_mape", 2, " %")},
               {"mean error on kernels left out", shown(model, "holdout_kernel_mape", 2, " %")},
               {"mean error on bit pairs left out", shown(model, "holdout_bits_mape", 2, " %")},
               {"mean error from the layer alone, shapes left out (" +
                    std::string(name(model.content.form)) + ")",
                shown(model, form.c_str(), 2, " %")},
               {"condition number of the fit", shown(model, "condition", 1)}});
    return out;
}

}  // namespace

std::string fit_section(const Inputs& inputs) {
    if (!inputs.model) {
        return missing(
            "No latency model was given.",
            "mixq-sim fit traces.csv -o model.csv && mixq-sim report --traces traces.csv "
            "--model model.csv -o report.html");
    }
    const ModelFile& model = *inputs.model;
    std::string out = paragraph(
        "The published equation, fitted to the traced runs: loads, stores and branches count as "
        "SISD, and the scale turns its units into cycles.");
    for (const std::string& text : model.content.warnings) out += warning(text);
    const std::vector<Pair> pairs = predictions(inputs.records, model.content);
    if (pairs.empty()) {
        out += missing("The picture needs the traces the model was fitted on.",
                       "mixq-sim report --traces traces.csv --model model.csv -o report.html");
    } else {
        out += figure(draw(pairs, Palette(inputs)),
                      "Predicted from counted instructions, in the form the model prefers (" +
                          std::string(name(model.content.form)) + "); grey: within 10 %.");
    }
    return out + figures(model);
}

}  // namespace mixq::tools::report
