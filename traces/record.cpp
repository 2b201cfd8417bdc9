// Records to and from commented CSV: one row per run, provenance included.
#include "traces/record.h"

#include <charconv>
#include <stdexcept>

#include "traces/table.h"

namespace mixq::traces {

namespace {

std::uint64_t unsigned_field(const Table& table, std::size_t row, std::string_view column) {
    const std::int64_t value = table.integer(row, column);
    if (value < 0) {
        throw std::runtime_error(table.where(row) + ": column '" + std::string(column) +
                                 "' is negative");
    }
    return static_cast<std::uint64_t>(value);
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
    for (std::size_t i = 0; i < kInstrClasses; ++i) {
        const auto instr_class = static_cast<InstrClass>(i);
        record.counts[instr_class] = unsigned_field(table, row, name(instr_class));
    }
    if (record.counts.total() != unsigned_field(table, row, "instructions")) {
        throw std::runtime_error(table.where(row) +
                                 ": the classes do not add up to 'instructions'");
    }
    record.cycles = unsigned_field(table, row, "cycles");
    record.issue_cycles = unsigned_field(table, row, "issue_cycles");
    record.code_bytes = unsigned_field(table, row, "code_bytes");
    record.weight_bytes = unsigned_field(table, row, "weight_bytes");
    record.scratch_bytes = unsigned_field(table, row, "scratch_bytes");
    record.provenance.tool = table.text(row, "tool");
    record.provenance.compiler = table.text(row, "compiler");
    record.provenance.flags = table.text(row, "flags");
    record.provenance.core = table.text(row, "core");
    record.provenance.board = table.text(row, "board");
    record.provenance.clock_hz = unsigned_field(table, row, "clock_hz");
    record.provenance.memory = table.text(row, "memory");
    record.provenance.elf_sha256 = table.text(row, "elf_sha256");
    record.provenance.seed = unsigned_field(table, row, "seed");
    if (record.provenance.tool.empty() || record.provenance.elf_sha256.empty()) {
        throw std::runtime_error(table.where(row) + ": a record without provenance");
    }
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
                               "code_bytes",
                               "weight_bytes",
                               "scratch_bytes",
                               "tool",
                               "compiler",
                               "flags",
                               "core",
                               "board",
                               "clock_hz",
                               "memory",
                               "elf_sha256",
                               "seed"}) {
        table.columns.emplace_back(column);
    }
    for (const Record& record : records) {
        std::vector<std::string> row = {record.kernel,
                                        to_string(record.layer),
                                        to_string(record.precision),
                                        std::to_string(record.layer.macs())};
        for (const std::uint64_t count : record.counts.by_class) {
            row.push_back(std::to_string(count));
        }
        const Provenance& from = record.provenance;
        for (const std::uint64_t value : {record.counts.total(),
                                          record.cycles,
                                          record.issue_cycles,
                                          record.code_bytes,
                                          record.weight_bytes,
                                          record.scratch_bytes}) {
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
