// Which tool, compiler, board and files the numbers come from.
#include <algorithm>
#include <array>

#include "tools/console.h"
#include "tools/report/page.h"

namespace mixq::tools::report {

namespace {

void add_unique(std::vector<std::vector<std::string>>& rows,
                const std::string& what,
                const std::string& key,
                const std::string& value) {
    if (value.empty()) return;
    std::vector<std::string> row{what, key, value};
    for (const auto& other : rows) {
        if (other == row) return;
    }
    rows.push_back(std::move(row));
}

void add_record(std::vector<std::vector<std::string>>& rows, const traces::Provenance& from) {
    add_unique(rows, "traces", "tool", from.tool);
    add_unique(rows, "traces", "compiler", from.compiler);
    add_unique(rows, "traces", "flags", from.flags);
    add_unique(rows, "traces", "core", from.core);
    add_unique(rows, "traces", "board", from.board);
    add_unique(rows, "traces", "clock", grouped(static_cast<std::int64_t>(from.clock_hz)) + " Hz");
    add_unique(rows, "traces", "memory", from.memory);
    add_unique(rows, "traces", "seed", std::to_string(from.seed));
}

// Of a model file: what fit noted about the traces, not the figures shown elsewhere.
bool is_origin(std::string_view key) {
    constexpr std::array kOrigins = {"traces",
                                     "traces_sha256",
                                     "rows",
                                     "tool",
                                     "compiler",
                                     "flags",
                                     "core",
                                     "board",
                                     "clock_hz",
                                     "memory"};
    return std::find(kOrigins.begin(), kOrigins.end(), key) != kOrigins.end();
}

}  // namespace

std::string provenance_section(const Inputs& inputs) {
    std::vector<std::vector<std::string>> files;
    for (const Source& source : inputs.sources) {
        files.push_back({source.role, source.name, source.sha256});
    }
    std::string out = paragraph(
        "Cycles are simulated unless a column says board. What the memory system was taken to be "
        "stands with every number: ideal means every access in one cycle, as in tightly coupled "
        "memory, so code and weights in flash run slower on a board.");
    if (files.empty()) {
        return out + missing("No input was given.",
                             "mixq-sim report --traces traces.csv --model model.csv --nas nas "
                             "--deploy deploy.json --compare compare.json -o report.html");
    }
    out += table("Files this page was made of", {{"role"}, {"file"}, {"SHA-256"}}, files);
    std::vector<std::vector<std::string>> rows;
    for (const traces::Record& record : inputs.records) add_record(rows, record.provenance);
    if (inputs.model) {
        for (const auto& [key, value] : inputs.model->metadata) {
            if (is_origin(key)) add_unique(rows, "model", key, value);
        }
    }
    if (inputs.search) {
        for (const auto& [key, value] : inputs.search->metadata)
            add_unique(rows, "search", key, value);
    }
    if (inputs.deployment) {
        for (const auto& [key, value] : inputs.deployment->provenance) {
            add_unique(rows, "deployment", key, value);
        }
    }
    if (inputs.comparison) {
        for (const auto& [key, value] : inputs.comparison->provenance) {
            add_unique(rows, "board comparison", key, value);
        }
    }
    return out + table("What they say of themselves", {{"of"}, {"what"}, {"value"}}, rows);
}

}  // namespace mixq::tools::report
