// Joins the fit of Eq. 12 with the kernels' count laws and measures both on layers left out.
#include "costmodel/fit.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <stdexcept>

#include "costmodel/error.h"
#include "kernels/analytic.h"
#include "traces/file.h"

namespace mixq::costmodel {

namespace {

using traces::Record;

// Left-out shapes below this number give no spread: Student's t needs 3 degrees of freedom.
constexpr int kMinimumShapes = 4;

std::string shape_of(const Record& record) {
    return to_string(record.layer);
}

std::string bits_of(const Record& record) {
    return to_string(record.precision);
}

std::vector<Sample> samples_of(const std::vector<Record>& rows) {
    std::vector<Sample> samples;
    for (const Record& row : rows) {
        samples.push_back({features(row.counts),
                           static_cast<double>(row.cycles),
                           shape_of(row),
                           row.kernel,
                           bits_of(row)});
    }
    return samples;
}

std::vector<ClassSample> class_samples_of(const std::vector<Record>& rows) {
    std::vector<ClassSample> samples;
    for (const Record& row : rows) {
        samples.push_back(
            {real_counts(row.counts), static_cast<double>(row.cycles), shape_of(row)});
    }
    return samples;
}

std::map<std::string, std::vector<Record>> by_kernel(const std::vector<Record>& rows) {
    std::map<std::string, std::vector<Record>> kernels;
    for (const Record& row : rows) kernels[row.kernel].push_back(row);
    return kernels;
}

// The factor f with the least squares of 1 - f * predicted / measured, on measured counts.
double factor_of(const Eq12& equation, const std::vector<Record>& rows) {
    double sum = 0;
    double squares = 0;
    for (const Record& row : rows) {
        const double ratio =
            equation.cycles(features(row.counts)) / static_cast<double>(row.cycles);
        sum += ratio;
        squares += ratio * ratio;
    }
    return sum / squares;
}

// One row as predicted by a fit that did not see it.
struct Held {
    const Record* row;
    PerForm<double> cycles;
    double instructions;
};

bool known(const CountLaw& law, const std::vector<kernels::WorkTerm>& work) {
    return std::all_of(work.begin(), work.end(), [&](const auto& term) {
        return term.amount == 0 ||
               std::find(law.terms.begin(), law.terms.end(), term.name) != law.terms.end();
    });
}

// Leaves out each value of `label` in turn and predicts those rows from their layer alone. Rows
// whose kernel has too little left for a law are not in the result.
std::vector<Held> hold_out_layers(const std::vector<Record>& rows,
                                  const std::function<std::string(const Record&)>& label) {
    std::set<std::string> names;
    for (const Record& row : rows) names.insert(label(row));
    const auto all = by_kernel(rows);
    std::vector<Held> held;
    for (const std::string& left_out : names) {
        std::vector<Record> rest;
        for (const Record& row : rows) {
            if (label(row) != left_out) rest.push_back(row);
        }
        const std::optional<Eq12> equation = solve_eq12(samples_of(rest));
        const std::optional<Eq12Plus> plus = solve_eq12_plus(class_samples_of(rest));
        if (!equation || !plus) continue;
        for (const auto& [kernel, kernel_rest] : by_kernel(rest)) {
            // Most values concern few kernels: no law is fitted for nothing.
            const std::vector<Record>& own = all.at(kernel);
            if (kernel_rest.size() == own.size()) continue;
            const std::optional<CountLaw> law = fit_law(kernel_rest);
            if (!law) continue;
            const std::optional<ResourceLaw> resource = fit_resource(kernel_rest, *law);
            if (!resource) continue;
            const double factor = factor_of(*equation, kernel_rest);
            for (const Record& row : rows) {
                if (row.kernel != kernel || label(row) != left_out) continue;
                const std::vector<kernels::WorkTerm> work = work_of(row);
                if (!known(*law, work)) continue;
                const ClassCounts counts = law->counts(work);
                const double cycles = equation->cycles(features(counts));
                double instructions = 0;
                for (const double count : counts) instructions += count;
                held.push_back({&row,
                                {cycles,
                                 cycles * factor,
                                 plus->cycles(counts),
                                 resource->cycles(row.layer, work)},
                                instructions});
            }
        }
    }
    return held;
}

// Leaves out each kernel in turn. Its counts are taken as measured: what is judged is the equation, which is all that carries over
// from other kernels.
PerForm<std::optional<HoldOut>> hold_out_kernels(const std::vector<Record>& rows) {
    const auto kernels = by_kernel(rows);
    PerForm<std::optional<HoldOut>> held{};
    if (kernels.size() < 2) return held;
    PerForm<std::vector<double>> predicted;
    std::vector<double> measured;
    for (const auto& [kernel, own] : kernels) {
        std::vector<Record> rest;
        for (const Record& row : rows) {
            if (row.kernel != kernel) rest.push_back(row);
        }
        const std::optional<Eq12> equation = solve_eq12(samples_of(rest));
        const std::optional<Eq12Plus> plus = solve_eq12_plus(class_samples_of(rest));
        if (!equation || !plus) return held;
        for (const Record& row : own) {
            predicted[0].push_back(equation->cycles(features(row.counts)));
            predicted[2].push_back(plus->cycles(real_counts(row.counts)));
            measured.push_back(static_cast<double>(row.cycles));
        }
    }
    for (const ModelForm form : {ModelForm::Eq12, ModelForm::Eq12Plus}) {
        const auto i = static_cast<std::size_t>(form);
        held[i] = HoldOut(measures(predicted[i], measured), static_cast<int>(kernels.size()));
    }
    return held;
}

double log_spread(const std::vector<Held>& held, std::size_t form) {
    double sum = 0;
    for (const Held& one : held) {
        const double ratio = std::log(static_cast<double>(one.row->cycles) / one.cycles[form]);
        sum += ratio * ratio;
    }
    return std::sqrt(sum / static_cast<double>(held.size()));
}

std::vector<Held> of_kernel(const std::vector<Held>& held, const std::string& kernel) {
    std::vector<Held> own;
    for (const Held& one : held) {
        if (one.row->kernel == kernel) own.push_back(one);
    }
    return own;
}

HoldOut summary(const std::vector<Held>& held,
                std::size_t form,
                const std::function<std::string(const Record&)>& label) {
    std::vector<double> predicted;
    std::vector<double> measured;
    std::set<std::string> groups;
    for (const Held& one : held) {
        predicted.push_back(one.cycles[form]);
        measured.push_back(static_cast<double>(one.row->cycles));
        groups.insert(label(*one.row));
    }
    return {measures(predicted, measured), static_cast<int>(groups.size())};
}

double count_error(const std::vector<Held>& held) {
    std::vector<double> predicted;
    std::vector<double> measured;
    for (const Held& one : held) {
        predicted.push_back(one.instructions);
        measured.push_back(static_cast<double>(one.row->counts.total()));
    }
    return mape(predicted, measured);
}

void describe_rows(const std::vector<Record>& rows, KernelFit& fit) {
    std::set<std::string> shapes;
    fit.rows = static_cast<int>(rows.size());
    fit.least_macs = static_cast<double>(rows.front().layer.macs());
    fit.most_macs = fit.least_macs;
    for (const Record& row : rows) {
        const auto macs = static_cast<double>(row.layer.macs());
        fit.least_macs = std::min(fit.least_macs, macs);
        fit.most_macs = std::max(fit.most_macs, macs);
        fit.kinds.insert(row.layer.kind);
        fit.precisions.insert(row.precision);
        shapes.insert(shape_of(row));
    }
    fit.shapes = static_cast<int>(shapes.size());
}

// What the loops of a kernel say without its code: each shape by the law of the others.
double spread_of_loops(const std::vector<Record>& rows) {
    std::set<std::string> shapes;
    for (const Record& row : rows) shapes.insert(shape_of(row));
    double squares = 0;
    int count = 0;
    for (const std::string& shape : shapes) {
        std::vector<Record> rest;
        for (const Record& row : rows) {
            if (shape_of(row) != shape) rest.push_back(row);
        }
        const std::optional<ResourceLaw> law = fit_loops(rest);
        if (!law) continue;
        for (const Record& row : rows) {
            if (shape_of(row) != shape) continue;
            try {
                const double cycles =
                    law->cycles(row.layer, *loops_of(row.kernel, row.layer, row.precision));
                const double log = std::log(static_cast<double>(row.cycles) / cycles);
                squares += log * log;
                ++count;
            } catch (const std::runtime_error&) {
                continue;  // typical weights do not pack, or a term is in no other shape
            }
        }
    }
    return std::sqrt(squares / std::max(count, 1));
}

// How schedules compare with estimates, as means of logarithms.
void compare_estimates(const std::vector<Record>& rows, KernelFit& fit) {
    std::map<std::string, std::vector<double>> logs;
    for (const Record& row : rows) {
        const double estimate = kernels::estimated_cycles(row.kernel, row.layer, row.precision);
        const double log = std::log(row.scheduled_cycles / estimate);
        logs[""].push_back(log);
        logs[family_of(row.layer)].push_back(log);
    }
    double squares = 0;
    for (const auto& [family, values] : logs) {
        double sum = 0;
        for (const double value : values) sum += value;
        const double mean = sum / static_cast<double>(values.size());
        fit.over_estimate[family] = std::exp(mean);
        if (family.empty()) continue;
        for (const double value : values) squares += (value - mean) * (value - mean);
    }
    fit.estimate_spread = std::sqrt(squares / static_cast<double>(rows.size()));
}

// One kernel's law and errors; nothing, and a warning, where its traces are too few.
std::optional<KernelFit> fit_kernel(const std::vector<Record>& rows,
                                    const Eq12& equation,
                                    const std::vector<Held>& without_shape,
                                    const std::vector<Held>& without_bits,
                                    std::vector<std::string>& warnings) {
    KernelFit fit;
    describe_rows(rows, fit);
    const std::string& kernel = rows.front().kernel;
    const std::optional<CountLaw> law = fit_law(rows);
    const std::vector<Held> held = of_kernel(without_shape, kernel);
    const std::optional<ResourceLaw> resource =
        law ? fit_resource(rows, *law) : std::optional<ResourceLaw>();
    if (!resource || fit.shapes < kMinimumShapes || held.empty()) {
        const std::size_t terms = work_of(rows.front()).size();
        warnings.push_back("kernel " + kernel + ": " + std::to_string(fit.rows) + " rows of " +
                           std::to_string(fit.shapes) + " shapes are too few for a count law of " +
                           std::to_string(terms) +
                           " terms and its hold-out: it is left out of predictions");
        return std::nullopt;
    }
    fit.law = *law;
    fit.resource = *resource;
    if (rows.front().scheduled_cycles > 0) {
        if (!add_call(fit.law, rows.front())) {
            warnings.push_back("kernel " + kernel +
                               " is not the one that was traced: trace it again, or predictions "
                               "mix the two");
        }
        fit.loops = fit_loops(rows);
        if (fit.loops) {
            fit.estimate_spread = spread_of_loops(rows);
        } else if (!kernels::has_closed_work(kernel)) {
            compare_estimates(rows, fit);
        }
    }
    fit.factor = factor_of(equation, rows);
    fit.count_mape = count_error(held);
    const std::vector<Held> other_bits = of_kernel(without_bits, kernel);
    if (!other_bits.empty()) fit.spread_of_bits.emplace();
    for (std::size_t form = 0; form < kModelForms; ++form) {
        fit.mape[form] = summary(held, form, shape_of).mape;
        fit.spread[form] = log_spread(held, form);
        if (fit.spread_of_bits) (*fit.spread_of_bits)[form] = log_spread(other_bits, form);
    }
    return fit;
}

void fit_kernels(FitResult& result) {
    const std::vector<Held> without_shape = hold_out_layers(result.rows, shape_of);
    const std::vector<Held> without_bits = hold_out_layers(result.rows, bits_of);
    for (const auto& [kernel, rows] : by_kernel(result.rows)) {
        std::optional<KernelFit> fitted =
            fit_kernel(rows, result.eq12.equation(), without_shape, without_bits, result.warnings);
        if (fitted) result.kernels.push_back(*std::move(fitted));
    }
    if (without_shape.empty()) return;
    double best = std::numeric_limits<double>::infinity();
    for (const ModelForm form : kAllForms) {
        const auto i = static_cast<std::size_t>(form);
        result.predict[i] = summary(without_shape, i, shape_of);
        if (!without_bits.empty()) result.predict_bits[i] = summary(without_bits, i, bits_of);
        if (result.predict[i]->mape < best) {
            best = result.predict[i]->mape;
            result.form = form;
        }
    }
    result.predict_kernel = hold_out_kernels(result.rows);
    for (const Held& one : without_shape) {
        result.residuals.push_back(
            {static_cast<std::size_t>(one.row - result.rows.data()), one.cycles});
    }
}

void require_equal(const Record& first, const Record& row, const char* what, bool equal) {
    if (equal) return;
    throw std::runtime_error("records of different " + std::string(what) +
                             " cannot stand in one fit: " + first.kernel + " " + shape_of(first) +
                             " against " + row.kernel + " " + shape_of(row) + " " + bits_of(row));
}

void check_rows(const std::vector<Record>& rows) {
    if (rows.empty()) throw std::runtime_error("the traces hold no record: nothing to fit");
    const traces::Provenance& first = rows.front().provenance;
    for (const Record& row : rows) {
        const traces::Provenance& from = row.provenance;
        require_equal(rows.front(), row, "cores", from.core == first.core);
        require_equal(rows.front(), row, "boards", from.board == first.board);
        require_equal(rows.front(), row, "clocks", from.clock_hz == first.clock_hz);
        require_equal(rows.front(), row, "memories", from.memory == first.memory);
        if (row.cycles == 0 || row.counts.total() == 0) {
            throw std::runtime_error("record " + row.kernel + " " + shape_of(row) + " " +
                                     bits_of(row) + " has no cycles or no instructions");
        }
    }
}

// The rows of all files; a run that was recorded twice counts once.
std::vector<Record> distinct_rows(const std::vector<TraceFile>& files,
                                  std::vector<std::string>& warnings) {
    std::set<std::string> seen;
    std::vector<Record> rows;
    int repeated = 0;
    for (const TraceFile& file : files) {
        for (const Record& row : file.records) {
            const std::string key = row.kernel + " " + shape_of(row) + " " + bits_of(row) + " " +
                                    row.provenance.elf_sha256 + " " + row.provenance.tool;
            if (seen.insert(key).second) {
                rows.push_back(row);
            } else {
                ++repeated;
            }
        }
    }
    if (repeated > 0) {
        warnings.push_back(std::to_string(repeated) +
                           " rows repeat a run of the same image and are left out");
    }
    return rows;
}

// Records of compiled kernels from before their code was read say nothing of it: their loops speak for all rows of the kernel then.
void agree_on_work(FitResult& result) {
    std::set<std::string> without;
    for (const Record& row : result.rows) {
        if (row.scheduled_cycles <= 0) without.insert(row.kernel);
    }
    for (const std::string& kernel : without) {
        bool mixed = false;
        for (Record& row : result.rows) {
            if (row.kernel != kernel || row.scheduled_cycles <= 0) continue;
            row.scheduled_cycles = 0;
            mixed = true;
        }
        if (mixed) {
            result.warnings.push_back("some records of kernel " + kernel +
                                      " do not say what its code takes: trace them again");
        }
    }
}

// Distinct values of one field of provenance, joined; more than one is worth a warning.
std::string joined(FitResult& result,
                   const char* what,
                   const std::function<std::string(const traces::Provenance&)>& field) {
    std::set<std::string> values;
    for (const Record& row : result.rows) values.insert(field(row.provenance));
    if (values.size() > 1) {
        result.warnings.push_back("the records come from " + std::to_string(values.size()) +
                                  " different " + what);
    }
    std::string text;
    for (const std::string& value : values) text += (text.empty() ? "" : " | ") + value;
    return text;
}

void add_provenance(const std::vector<TraceFile>& files, FitResult& result) {
    using traces::Provenance;
    for (const TraceFile& file : files) {
        result.provenance.emplace_back("traces", file.name);
        result.provenance.emplace_back("traces_sha256", file.sha256);
    }
    result.provenance.emplace_back("rows", std::to_string(result.rows.size()));
    const auto add = [&](const char* key, const char* what, std::string Provenance::*field) {
        result.provenance.emplace_back(
            key, joined(result, what, [field](const Provenance& from) { return from.*field; }));
    };
    add("tool", "versions of the tool", &Provenance::tool);
    add("core", "cores", &Provenance::core);
    add("board", "boards", &Provenance::board);
    result.provenance.emplace_back("clock_hz",
                                   std::to_string(result.rows.front().provenance.clock_hz));
    add("memory", "memories", &Provenance::memory);
    add("compiler", "compilers", &Provenance::compiler);
    add("flags", "compiler flags", &Provenance::flags);
}

}  // namespace

std::string_view name(ModelForm form) {
    switch (form) {
        case ModelForm::Eq12:
            return "eq12";
        case ModelForm::Eq12PerKernel:
            return "eq12-per-kernel";
        case ModelForm::Eq12Plus:
            return "eq12+";
        case ModelForm::Resource:
            return "resource";
        case ModelForm::Simulated:
            return "simulated";
    }
    return "unknown";
}

ModelForm find_form(std::string_view form_name) {
    std::string known_forms;
    for (std::size_t i = 0; i <= kModelForms; ++i) {
        const ModelForm form = i < kModelForms ? kAllForms[i] : ModelForm::Simulated;
        if (name(form) == form_name) return form;
        known_forms += (known_forms.empty() ? "" : ", ") + std::string(name(form));
    }
    throw std::invalid_argument("unknown model form '" + std::string(form_name) +
                                "'; there are: " + known_forms);
}

TraceFile read_trace(const std::filesystem::path& path) {
    const std::vector<std::uint8_t> bytes = traces::read_bytes(path);
    return {path.filename().string(), traces::sha256(bytes), traces::read_records(path)};
}

FitResult fit(const std::vector<TraceFile>& files, const Eq12Options& options) {
    FitResult result;
    result.rows = distinct_rows(files, result.warnings);
    check_rows(result.rows);
    agree_on_work(result);
    add_provenance(files, result);
    result.eq12 = fit_eq12(samples_of(result.rows), options);
    result.warnings.insert(
        result.warnings.end(), result.eq12.warnings.begin(), result.eq12.warnings.end());
    if (!result.eq12.answered) return result;
    // A sixth of the draws: each is an iteration of active sets.
    result.eq12_plus =
        fit_eq12_plus(class_samples_of(result.rows), options.draws / 6, options.seed);
    result.warnings.insert(
        result.warnings.end(), result.eq12_plus.warnings.begin(), result.eq12_plus.warnings.end());
    fit_kernels(result);
    return result;
}

}  // namespace mixq::costmodel
