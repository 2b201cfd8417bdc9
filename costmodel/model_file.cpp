// The model file: a fit to commented CSV and back.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "costmodel/model.h"

namespace mixq::costmodel {

namespace {

using traces::format_real;
using traces::Table;

constexpr const char* kFormat = "mixq-sim latency model 2";

const std::pair<traces::LayerKind, const char*> kKinds[] = {
    {traces::LayerKind::Conv, "conv"},
    {traces::LayerKind::Depthwise, "dw"},
    {traces::LayerKind::FullyConnected, "fc"},
};

void add_estimate(Table& table, const std::string& name, const Estimate& estimate) {
    table.metadata.emplace_back(name, format_real(estimate.value));
    table.metadata.emplace_back(name + "_low", format_real(estimate.bootstrap.low));
    table.metadata.emplace_back(name + "_high", format_real(estimate.bootstrap.high));
    table.metadata.emplace_back(name + "_closed_low", format_real(estimate.closed.low));
    table.metadata.emplace_back(name + "_closed_high", format_real(estimate.closed.high));
}

void add_hold_out(Table& table, const std::string& name, const std::optional<HoldOut>& held) {
    table.metadata.emplace_back(name, held ? format_real(held->mape) : "none");
    if (held) table.metadata.emplace_back(name + "_worst", format_real(held->worst));
}

void add_measures(Table& table, const FitResult& fit) {
    const Eq12Fit& eq12 = fit.eq12;
    add_estimate(table, "scale", eq12.scale);
    add_estimate(table, "alpha", eq12.alpha);
    add_estimate(table, "beta", eq12.beta);
    table.metadata.emplace_back("identifiable", eq12.identifiable ? "yes" : "no");
    table.metadata.emplace_back("r2", format_real(eq12.r2));
    table.metadata.emplace_back("mape", format_real(eq12.mape));
    table.metadata.emplace_back("worst", format_real(eq12.worst));
    table.metadata.emplace_back("rank_correlation", format_real(eq12.rank_correlation));
    table.metadata.emplace_back("condition", format_real(eq12.condition));
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        const std::string key =
            "plus_" + std::string(traces::name(static_cast<traces::InstrClass>(c)));
        table.metadata.emplace_back(key, format_real(fit.eq12_plus.equation.per_instruction[c]));
        table.metadata.emplace_back(key + "_low", format_real(fit.eq12_plus.bootstrap[c].low));
        table.metadata.emplace_back(key + "_high", format_real(fit.eq12_plus.bootstrap[c].high));
    }
    table.metadata.emplace_back("plus_condition", format_real(fit.eq12_plus.condition));
    add_hold_out(table, "holdout_shape_mape", eq12.shape);
    add_hold_out(table, "holdout_kernel_mape", eq12.kernel);
    add_hold_out(table, "holdout_bits_mape", eq12.bits);
    for (const ModelForm form : kAllForms) {
        add_hold_out(table,
                     "predict_mape_" + std::string(name(form)),
                     fit.predict[static_cast<std::size_t>(form)]);
    }
}

void add_kernel(Table& table, const KernelFit& kernel) {
    const auto add =
        [&](const char* item, std::string_view instr_class, std::string_view term, double value) {
            table.rows.push_back({kernel.law.kernel,
                                  item,
                                  std::string(instr_class),
                                  std::string(term),
                                  format_real(value)});
        };
    add("rows", "", "", kernel.rows);
    add("shapes", "", "", kernel.shapes);
    for (const auto& [kind, text] : kKinds) {
        if (kernel.kinds.contains(kind)) add("kind", "", text, 1);
    }
    for (const traces::Precision precision : kernel.precisions) {
        add("bits", "", to_string(precision), 1);
    }
    add("least_macs", "", "", kernel.least_macs);
    add("most_macs", "", "", kernel.most_macs);
    add("factor", "", "", kernel.factor);
    add("count_mape", "", "", kernel.count_mape);
    for (const ModelForm form : kAllForms) {
        const auto i = static_cast<std::size_t>(form);
        add("mape", "", name(form), kernel.mape[i]);
        add("spread", "", name(form), kernel.spread[i]);
        if (kernel.spread_of_bits) {
            add("spread_of_bits", "", name(form), (*kernel.spread_of_bits)[i]);
        }
    }
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        for (std::size_t t = 0; t < kernel.law.terms.size(); ++t) {
            add("count",
                traces::name(static_cast<traces::InstrClass>(c)),
                kernel.law.terms[t],
                kernel.law.per_unit[c][t]);
        }
    }
    // The class column holds the family of layers.
    for (const auto& [family, ratio] : kernel.over_estimate) {
        add("over_estimate", family, "", ratio);
    }
    if (!kernel.over_estimate.empty() || kernel.loops) {
        add("estimate_spread", "", "", kernel.estimate_spread);
    }
    const auto add_law = [&](const char* item, const ResourceLaw& law) {
        for (const auto& [family, cycles] : law.per_execution) {
            for (std::size_t t = 0; t < cycles.size(); ++t) {
                add(item, family, law.terms[t], cycles[t]);
            }
        }
    };
    add_law("block", kernel.resource);
    if (kernel.loops) add_law("loop", *kernel.loops);
}

// The class column holds the layer, the term its bits.
void add_simulated(Table& table, const std::vector<traces::Record>& rows) {
    for (const traces::Record& row : rows) {
        table.rows.push_back({row.kernel,
                              "simulated",
                              to_string(row.layer),
                              to_string(row.precision),
                              std::to_string(row.cycles)});
    }
}

std::string required(const Table& table, const char* key) {
    if (const auto value = table.find_metadata(key)) return *value;
    throw std::runtime_error(table.path + ": no line '# " + key +
                             ": ...': not a model of mixq-sim fit, or a damaged one");
}

double required_real(const Table& table, const char* key) {
    const std::string text = required(table, key);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
        throw std::runtime_error(table.path + ": '# " + key + ": " + text + "' is not a number");
    }
    return value;
}

[[noreturn]] void fail(const Table& table, std::size_t row, const std::string& why) {
    throw std::runtime_error(table.where(row) + ": " + why);
}

// Reads one row into its kernel.
class KernelReader {
  public:
    KernelReader(const Table& table, std::size_t row)
        : table_(table),
          row_(row),
          term_(table.text(row, "term")),
          value_(table.real(row, "value")) {}

    void read_into(KernelFit& kernel) const {
        const std::string& item = table_.text(row_, "item");
        if (item == "rows") {
            kernel.rows = static_cast<int>(at_least(1));
        } else if (item == "shapes") {
            kernel.shapes = static_cast<int>(at_least(1));
        } else if (item == "kind") {
            kernel.kinds.insert(kind());
        } else if (item == "bits") {
            kernel.precisions.insert(precision());
        } else if (item == "least_macs") {
            kernel.least_macs = at_least(0);
        } else if (item == "most_macs") {
            kernel.most_macs = at_least(0);
        } else if (item == "factor") {
            kernel.factor = positive();
        } else if (item == "count_mape") {
            kernel.count_mape = at_least(0);
        } else if (item == "mape") {
            kernel.mape[form()] = at_least(0);
        } else if (item == "spread") {
            kernel.spread[form()] = at_least(0);
        } else if (item == "spread_of_bits") {
            if (!kernel.spread_of_bits) kernel.spread_of_bits.emplace();
            (*kernel.spread_of_bits)[form()] = at_least(0);
        } else if (item == "count") {
            read_count(kernel.law);
        } else if (item == "over_estimate") {
            kernel.over_estimate[table_.text(row_, "class")] = positive();
        } else if (item == "estimate_spread") {
            kernel.estimate_spread = at_least(0);
        } else if (item == "block") {
            read_block(kernel.resource);
        } else if (item == "loop") {
            if (!kernel.loops) kernel.loops.emplace();
            read_block(*kernel.loops);
        } else {
            fail(table_, row_, "unknown item '" + item + "'");
        }
    }

  private:
    double at_least(double least) const {
        if (value_ < least) fail(table_, row_, "the value is below " + format_real(least));
        return value_;
    }

    double positive() const {
        if (!(value_ > 0)) fail(table_, row_, "the value is not positive");
        return value_;
    }

    std::size_t form() const {
        for (const ModelForm form : kAllForms) {
            if (term_ == name(form)) return static_cast<std::size_t>(form);
        }
        fail(table_, row_, "unknown model form '" + term_ + "'");
    }

    traces::LayerKind kind() const {
        for (const auto& [kind, text] : kKinds) {
            if (term_ == text) return kind;
        }
        fail(table_, row_, "unknown kind of layer '" + term_ + "'");
    }

    traces::Precision precision() const {
        try {
            return traces::parse_precision(term_);
        } catch (const std::invalid_argument& error) {
            fail(table_, row_, error.what());
        }
    }

    std::size_t instr_class() const {
        const std::string& text = table_.text(row_, "class");
        for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
            if (text == traces::name(static_cast<traces::InstrClass>(c))) return c;
        }
        fail(table_, row_, "unknown instruction class '" + text + "'");
    }

    void read_count(CountLaw& law) const {
        auto found = std::find(law.terms.begin(), law.terms.end(), term_);
        if (found == law.terms.end()) {
            law.terms.push_back(term_);
            for (auto& per_unit : law.per_unit) per_unit.push_back(0);
            found = law.terms.end() - 1;
        }
        law.per_unit[instr_class()][static_cast<std::size_t>(found - law.terms.begin())] =
            at_least(0);
    }

    void read_block(ResourceLaw& law) const {
        auto found = std::find(law.terms.begin(), law.terms.end(), term_);
        if (found == law.terms.end()) found = law.terms.insert(law.terms.end(), term_);
        std::vector<double>& cycles = law.per_execution[table_.text(row_, "class")];
        cycles.resize(law.terms.size());
        cycles[static_cast<std::size_t>(found - law.terms.begin())] = at_least(0);
    }

    const Table& table_;
    std::size_t row_;
    const std::string& term_;
    double value_;
};

ModelContent::Simulated read_simulated(const Table& table, std::size_t row) {
    ModelContent::Simulated run;
    try {
        run.layer = traces::parse_layer(table.text(row, "class"));
        run.precision = traces::parse_precision(table.text(row, "term"));
    } catch (const std::invalid_argument& error) {
        fail(table, row, error.what());
    }
    run.cycles = static_cast<double>(table.natural(row, "value"));
    return run;
}

void check_complete(const Table& table, const KernelFit& kernel) {
    const bool spreads = std::all_of(
        kernel.spread.begin(), kernel.spread.end(), [](double spread) { return spread >= 0; });
    const auto is_whole = [](const ResourceLaw& law) {
        const auto& blocks = law.per_execution;
        return blocks.contains("") &&
               std::all_of(blocks.begin(), blocks.end(), [&](const auto& family) {
                   return family.second.size() == law.terms.size();
               });
    };
    const bool whole = is_whole(kernel.resource) && (!kernel.loops || is_whole(*kernel.loops));
    if (kernel.law.terms.empty() || kernel.kinds.empty() || kernel.precisions.empty() ||
        kernel.shapes < 1 || !spreads || !whole) {
        throw std::runtime_error(
            table.path + ": kernel '" + kernel.law.kernel +
            "' is incomplete: it needs rows of count, block, kind, bits, shapes "
            "and all spreads");
    }
}

}  // namespace

Table model_table(const FitResult& fit) {
    if (!fit.eq12.answered) {
        throw std::runtime_error("the fit has no answer: " +
                                 (fit.warnings.empty() ? "no reason" : fit.warnings.front()));
    }
    Table table;
    table.metadata = {{"format", kFormat},
                      {"equation", "cycles = scale * (C_SISD + alpha * C_SIMD + beta * C_bit)"},
                      {"form", std::string(name(fit.form))}};
    add_measures(table, fit);
    table.metadata.insert(table.metadata.end(), fit.provenance.begin(), fit.provenance.end());
    for (const std::string& warning : fit.warnings) {
        table.metadata.emplace_back("warning", warning);
    }
    table.columns = {"kernel", "item", "class", "term", "value"};
    for (const KernelFit& kernel : fit.kernels) add_kernel(table, kernel);
    add_simulated(table, fit.rows);
    return table;
}

void write_model(const std::filesystem::path& path, const FitResult& fit) {
    traces::write_table(path, model_table(fit));
}

ModelContent parse_model(const Table& table) {
    if (const std::string format = required(table, "format"); format != kFormat) {
        throw std::runtime_error(table.path + ": format '" + format + "', not '" + kFormat +
                                 "': fit the traces again");
    }
    ModelContent content;
    try {
        content.form = find_form(required(table, "form"));
    } catch (const std::invalid_argument& error) {
        throw std::runtime_error(table.path + ": " + error.what());
    }
    content.equation = {
        required_real(table, "scale"), required_real(table, "alpha"), required_real(table, "beta")};
    if (!(content.equation.scale > 0)) {
        throw std::runtime_error(table.path + ": the scale is not positive");
    }
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        const std::string key =
            "plus_" + std::string(traces::name(static_cast<traces::InstrClass>(c)));
        content.plus.per_instruction[c] = required_real(table, key.c_str());
    }
    content.clock_hz = static_cast<std::uint64_t>(required_real(table, "clock_hz"));
    content.board = required(table, "board");
    for (const auto& [key, value] : table.metadata) {
        if (key == "warning") content.warnings.push_back(value);
    }
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
        const std::string& kernel = table.text(row, "kernel");
        if (table.text(row, "item") == "simulated") {
            content.simulated[kernel].push_back(read_simulated(table, row));
            continue;
        }
        auto found = std::find_if(content.kernels.begin(),
                                  content.kernels.end(),
                                  [&](const KernelFit& fit) { return fit.law.kernel == kernel; });
        if (found == content.kernels.end()) {
            content.kernels.emplace_back();
            found = content.kernels.end() - 1;
            found->law.kernel = kernel;
            found->spread.fill(-1);
        }
        KernelReader(table, row).read_into(*found);
    }
    for (const KernelFit& kernel : content.kernels) check_complete(table, kernel);
    return content;
}

}  // namespace mixq::costmodel
