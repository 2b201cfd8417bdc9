// Reads the report's inputs.
#include "tools/report/inputs.h"

#include <charconv>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "traces/file.h"

namespace mixq::tools::report {

namespace {

using nlohmann::json;

std::string note_source(Inputs& inputs,
                        const std::string& role,
                        const std::filesystem::path& path) {
    const std::vector<std::uint8_t> bytes = traces::read_bytes(path);
    inputs.sources.push_back({role, path.filename().string(), traces::sha256(bytes)});
    return {bytes.begin(), bytes.end()};
}

json parse_json(const std::string& text, const std::string& path) {
    try {
        json parsed = json::parse(text);
        if (!parsed.is_object()) throw std::runtime_error(path + ": not a JSON object");
        return parsed;
    } catch (const json::exception&) {
        throw std::runtime_error(path + ": not valid JSON; was the run that wrote it interrupted?");
    }
}

// A member that must be there, of the right type.
template <typename T>
T required(const json& object, const char* key, const std::string& where) {
    const auto found = object.find(key);
    if (found == object.end()) throw std::runtime_error(where + ": no '" + key + "'");
    try {
        return found->get<T>();
    } catch (const json::exception&) {
        throw std::runtime_error(where + ": '" + key + "' has the wrong type");
    }
}

template <typename T>
T optional(const json& object, const char* key, T otherwise, const std::string& where) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? otherwise : required<T>(object, key, where);
}

std::vector<std::pair<std::string, std::string>> pairs(const json& object) {
    std::vector<std::pair<std::string, std::string>> found;
    if (!object.is_object()) return found;
    for (const auto& [key, value] : object.items()) {
        found.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
    }
    return found;
}

const json& array(const json& object, const char* key, const std::string& where) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_array()) {
        throw std::runtime_error(where + ": no list '" + key + "'");
    }
    return *found;
}

Search read_search(const std::filesystem::path& folder, Inputs& inputs) {
    if (!std::filesystem::is_directory(folder)) {
        throw std::runtime_error("'" + folder.string() +
                                 "' is not a folder: name the -o of mixq-sim nas");
    }
    Search search;
    const std::filesystem::path points_path = folder / "points.csv";
    const traces::Table points = traces::parse_table(
        note_source(inputs, "search points", points_path), points_path.string());
    search.metadata = points.metadata;
    for (std::size_t row = 0; row < points.rows.size(); ++row) {
        search.points.push_back({points.text(row, "kind"),
                                 static_cast<int>(points.integer(row, "epoch")),
                                 points.text(row, "bits"),
                                 points.real(row, "predicted_cycles"),
                                 points.real(row, "accuracy")});
    }
    const std::filesystem::path history_path = folder / "history.csv";
    const traces::Table history = traces::parse_table(
        note_source(inputs, "search history", history_path), history_path.string());
    for (std::size_t row = 0; row < history.rows.size(); ++row) {
        search.history.push_back({static_cast<int>(history.integer(row, "epoch")),
                                  history.text(row, "phase"),
                                  history.real(row, "loss"),
                                  history.real(row, "accuracy")});
    }
    return search;
}

Deployment read_deployment(const std::string& text, const std::string& path) {
    const json parsed = parse_json(text, path);
    Deployment deployment;
    deployment.network = optional<std::string>(parsed, "network", "network", path);
    deployment.cycles = required<std::uint64_t>(parsed, "cycles", path);
    deployment.clock_hz = required<std::uint64_t>(parsed, "clock_hz", path);
    deployment.ram_bytes = required<std::uint64_t>(parsed, "ram_bytes", path);
    deployment.flash_bytes = required<std::uint64_t>(parsed, "flash_bytes", path);
    deployment.images_checked = optional<std::uint64_t>(parsed, "images_checked", 0, path);
    if (!parsed.value("accuracy", json()).is_null()) {
        deployment.accuracy = required<double>(parsed, "accuracy", path);
    }
    for (const json& layer : array(parsed, "layers", path)) {
        const std::string where = path + ", layer " + std::to_string(deployment.layers.size() + 1);
        if (!layer.is_object()) throw std::runtime_error(where + ": not an object");
        deployment.layers.push_back({required<std::string>(layer, "name", where),
                                     required<std::string>(layer, "layer", where),
                                     required<std::string>(layer, "bits", where),
                                     required<std::string>(layer, "kernel", where),
                                     optional<std::string>(layer, "note", "", where),
                                     required<std::uint64_t>(layer, "cycles", where)});
    }
    deployment.provenance = pairs(parsed.value("provenance", json::object()));
    return deployment;
}

BoardComparison read_comparison(const std::string& text, const std::string& path) {
    const json parsed = parse_json(text, path);
    BoardComparison comparison;
    for (const json& one : array(parsed, "cases", path)) {
        const std::string where = path + ", case " + std::to_string(comparison.cases.size() + 1);
        if (!one.is_object()) throw std::runtime_error(where + ": not an object");
        ComparedCase compared;
        compared.id = required<std::string>(one, "id", where);
        compared.quantity = optional<std::string>(one, "quantity", "", where);
        compared.unit = optional<std::string>(one, "unit", "cycles", where);
        compared.board = required<double>(one, "board_cycles", where);
        if (!one.value("simulated_cycles", json()).is_null()) {
            compared.simulated = required<double>(one, "simulated_cycles", where);
            compared.error = required<double>(one, "error", where);
        }
        compared.exact = optional<bool>(one, "exact", false, where);
        compared.why_not = optional<std::string>(one, "why_not", "", where);
        comparison.cases.push_back(compared);
    }
    for (const json& one : parsed.value("not_run", json::array())) {
        comparison.not_run.emplace_back(required<std::string>(one, "id", path),
                                        required<std::string>(one, "reason", path));
    }
    if (!parsed.value("mape", json()).is_null())
        comparison.mape = required<double>(parsed, "mape", path);
    comparison.provenance = pairs(parsed.value("provenance", json::object()));
    return comparison;
}

}  // namespace

std::string ModelFile::text(std::string_view key) const {
    for (const auto& [name, value] : metadata) {
        if (name == key) return value;
    }
    return "-";
}

std::optional<double> ModelFile::real(std::string_view key) const {
    const std::string value = text(key);
    double number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size()) return std::nullopt;
    return number;
}

Inputs read_inputs(const Paths& paths) {
    Inputs inputs;
    if (!paths.traces.empty()) {
        note_source(inputs, "traces", paths.traces);
        inputs.records = traces::read_records(paths.traces);
    }
    if (!paths.model.empty()) {
        const traces::Table table =
            traces::parse_table(note_source(inputs, "model", paths.model), paths.model);
        inputs.model = ModelFile{costmodel::parse_model(table), table.metadata};
    }
    if (!paths.nas.empty()) inputs.search = read_search(paths.nas, inputs);
    if (!paths.deploy.empty()) {
        inputs.deployment =
            read_deployment(note_source(inputs, "deployment", paths.deploy), paths.deploy);
    }
    if (!paths.compare.empty()) {
        inputs.comparison =
            read_comparison(note_source(inputs, "board comparison", paths.compare), paths.compare);
    }
    return inputs;
}

}  // namespace mixq::tools::report
