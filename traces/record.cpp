// Records to and from commented CSV: one row per run, provenance included.
#include "traces/record.h"

#include <charconv>
#include <stdexcept>

#include "traces/table.h"

namespace mixq::traces {

namespace {

// The columns that say where a record comes from; none may be empty.
constexpr const char* kProvenanceColumns[] = {
    "tool", "compiler", "flags", "core", "board", "clock_hz", "memory", "elf_sha256", "seed"};

Provenance read_provenance(const Table& table, std::size_t row) {
    for (const char* column : kProvenanceColumns) {
        if (table.text(row, column).empty()) {
            throw std::runtime_error(table.where(row) + ": a record without provenance: column '" +
                                     column + "' is empty");
        }
    }
    return {.tool = table.text(row, "tool"),
            .compiler = table.text(row, "compiler"),
            .flags = table.text(row, "flags"),
            .core = table.text(row, "core"),
            .board = table.text(row, "board"),
            .clock_hz = table.natural(row, "clock_hz"),
            .memory = table.text(row, "memory"),
            .elf_sha256 = table.text(row, "elf_sha256"),
            .seed = table.natural(row, "seed")};
}

Record read_record(const Table& table, std::size_t row) {
    Record record;
    record.kernel = table.text(row, "kernel");
    try {
        record.layer = parse_layer(table.text(row, "layer"));
        record.precision = parse_precision(table.text(row, "bits"));
    } catch (const std::invalid_argument& error) {
        throw std::runtime_error(table.where(row) + ": " + error.what());
    }
    if (static_cast<std::uint64_t>(record.layer.macs()) != table.natural(row, "macs")) {
        throw std::runtime_error(table.where(row) + ": 'macs' is not that of '" +
                                 to_string(record.layer) + "'");
    }
    for (std::size_t i = 0; i < kInstrClasses; ++i) {
        const auto instr_class = static_cast<InstrClass>(i);
        record.counts[instr_class] = table.natural(row, name(instr_class));
    }
    if (record.counts.total() != table.natural(row, "instructions")) {
        throw std::runtime_error(table.where(row) +
                                 ": the classes do not add up to 'instructions'");
    }
    record.cycles = table.natural(row, "cycles");
    record.issue_cycles = table.natural(row, "issue_cycles");
    // Files from before there were generated kernels do not have it.
    if (table.find_column("scheduled_cycles")) {
        record.scheduled_cycles = table.real(row, "scheduled_cycles");
    }
    record.code_bytes = table.natural(row, "code_bytes");
    record.weight_bytes = table.natural(row, "weight_bytes");
    record.scratch_bytes = table.natural(row, "scratch_bytes");
    record.provenance = read_provenance(table, row);
    return record;
}

}  // namespace

std::vector<Record> read_records(const std::filesystem::path& path) {
    const Table table = read_table(path);
    std::vector<Record> records;
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
        records.push_back(read_record(table, row));
    }
    return records;
}

void write_records(const std::filesystem::path& path, const std::vector<Record>& records) {
    Table table;
    table.metadata = {{"format", "mixq-sim trace records 1"},
                      {"cycles", "core cycles of one call, branch predictor warm"}};
    table.columns = {"kernel", "layer", "bits", "macs"};
    for (std::size_t i = 0; i < kInstrClasses; ++i) {
        table.columns.emplace_back(name(static_cast<InstrClass>(i)));
    }
    for (const char* column : {"instructions",
                               "cycles",
                               "issue_cycles",
                               "scheduled_cycles",
                               "code_bytes",
                               "weight_bytes",
                               "scratch_bytes"}) {
        table.columns.emplace_back(column);
    }
    table.columns.insert(
        table.columns.end(), std::begin(kProvenanceColumns), std::end(kProvenanceColumns));
    for (const Record& record : records) {
        std::vector<std::string> row = {record.kernel,
                                        to_string(record.layer),
                                        to_string(record.precision),
                                        std::to_string(record.layer.macs())};
        for (const std::uint64_t count : record.counts.by_class) {
            row.push_back(std::to_string(count));
        }
        const Provenance& from = record.provenance;
        for (const std::uint64_t value :
             {record.counts.total(), record.cycles, record.issue_cycles}) {
            row.push_back(std::to_string(value));
        }
        row.push_back(format_real(record.scheduled_cycles));
        for (const std::uint64_t value :
             {record.code_bytes, record.weight_bytes, record.scratch_bytes}) {
            row.push_back(std::to_string(value));
        }
        for (const std::string& text : {from.tool,
                                        from.compiler,
                                        from.flags,
                                        from.core,
                                        from.board,
                                        std::to_string(from.clock_hz),
                                        from.memory,
                                        from.elf_sha256,
                                        std::to_string(from.seed)}) {
            row.push_back(text);
        }
        table.rows.push_back(std::move(row));
    }
    write_table(path, table);
}

}  // namespace mixq::traces
