// The project's one text format: a commented CSV.
//
//   # key: value          provenance and settings, before the header row
//   column,column,...     header row
//   field,field,...       RFC 4180: a field with a comma, quote or line break stands in double quotes
//
// Blank lines and lines that start with # are skipped; lines may end in CR LF; a UTF-8 byte order mark is ignored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mixq::traces {

class Table {
  public:
    std::vector<std::pair<std::string, std::string>> metadata;
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;

    // Where it was read, for messages; empty for a table made in memory.
    std::string path;
    std::vector<int> row_lines;

    std::optional<std::string> find_metadata(std::string_view key) const;

    // The index of a column that must be there. Throws std::runtime_error naming the file and what
    // columns it has.
    std::size_t column(std::string_view name) const;
    std::optional<std::size_t> find_column(std::string_view name) const;

    // One field, as text or as a number. Throws std::runtime_error naming file, line and column.
    const std::string& text(std::size_t row, std::string_view column_name) const;
    std::int64_t integer(std::size_t row, std::string_view column_name) const;
    std::uint64_t natural(std::size_t row, std::string_view column_name) const;
    double real(std::size_t row, std::string_view column_name) const;

    // "file.csv:12", for messages about a row.
    std::string where(std::size_t row) const;
};

// Throws std::runtime_error with file and line: unreadable, not text, no header, a column twice, wrong number of
// fields, a quote that is open or inside a field.
Table read_table(const std::filesystem::path& path);
Table parse_table(std::string_view text, const std::string& path);

// Throws std::runtime_error where the text would not read back: a line break in the metadata, a row of another length.
std::string format_table(const Table& table);
void write_table(const std::filesystem::path& path, const Table& table);

// The shortest text that reads back as the same number.
std::string format_real(double value);

}  // namespace mixq::traces
