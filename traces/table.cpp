// Reads and writes commented CSV.
#include "traces/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "traces/file.h"

namespace mixq::traces {

namespace {

std::string_view trimmed(std::string_view text) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

[[noreturn]] void fail(const std::string& path, int line, const std::string& why) {
    throw std::runtime_error((path.empty() ? "table" : path) + ":" + std::to_string(line) + ": " +
                             why);
}

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Reads the fields of one CSV record from the front of a text.
class RecordReader {
  public:
    RecordReader(std::string_view& rest, int& line, const std::string& path)
        : rest_(rest), line_(line), path_(path) {}

    // `rest` and `line` move past the record and its line break.
    std::vector<std::string> take() {
        std::vector<std::string> fields;
        do {
            fields.push_back(take_prefix("\"") ? quoted_field() : bare_field());
        } while (take_prefix(","));
        if (!rest_.empty() && !take_prefix("\n") && !take_prefix("\r\n") && rest_ != "\r") {
            fail(path_,
                 line_,
                 "text after a closing quote; a quote inside a field is written twice");
        }
        if (rest_ == "\r") rest_ = {};
        ++line_;
        return fields;
    }

  private:
    bool take_prefix(std::string_view prefix) {
        if (!rest_.starts_with(prefix)) return false;
        rest_.remove_prefix(prefix.size());
        return true;
    }

    std::string quoted_field() {
        const int first_line = line_;
        std::string field;
        for (;;) {
            const std::size_t quote = rest_.find('"');
            if (quote == rest_.npos) fail(path_, first_line, "a quoted field is not closed");
            field += rest_.substr(0, quote);
            rest_.remove_prefix(quote + 1);
            if (!take_prefix("\"")) break;
            field += '"';
        }
        line_ += static_cast<int>(std::count(field.begin(), field.end(), '\n'));
        return field;
    }

    std::string bare_field() {
        const std::size_t size = std::min(rest_.find_first_of(",\n"), rest_.size());
        std::string_view field = rest_.substr(0, size);
        const bool line_ends = size == rest_.size() || rest_[size] == '\n';
        if (line_ends && field.ends_with('\r')) field.remove_suffix(1);
        if (field.find('"') != field.npos) {
            fail(path_, line_, "a quote inside a field; the field must stand in quotes as a whole");
        }
        rest_.remove_prefix(size);
        return std::string(field);
    }

    std::string_view& rest_;
    int& line_;
    const std::string& path_;
};

bool needs_quotes(std::string_view field) {
    return field.find_first_of(",\"\n\r") != field.npos || trimmed(field) != field ||
           field.starts_with('#') || field.starts_with(kByteOrderMark);
}

void append_field(std::string& out, std::string_view field) {
    if (!needs_quotes(field)) {
        out += field;
        return;
    }
    out += '"';
    for (const char c : field) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

void append_record(std::string& out, const std::vector<std::string>& fields) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i > 0) out += ',';
        append_field(out, fields[i]);
    }
    if (fields.size() == 1 && fields.front().empty()) out += "\"\"";  // or it would be a blank line
    out += '\n';
}

[[noreturn]] void fail_number(const Table& table,
                              std::size_t row,
                              std::string_view column,
                              const char* expected) {
    throw std::runtime_error(table.where(row) + ": column '" + std::string(column) + "' holds '" +
                             table.text(row, column) + "', not " + expected);
}

template <typename Number>
Number number(const Table& table, std::size_t row, std::string_view column, const char* expected) {
    const std::string& field = table.text(row, column);
    Number value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc{} || end != field.data() + field.size()) {
        fail_number(table, row, column, expected);
    }
    return value;
}

void check_columns(const std::vector<std::string>& columns, const std::string& path, int line) {
    for (auto column = columns.begin(); column != columns.end(); ++column) {
        if (std::find(columns.begin(), column, *column) != column) {
            fail(path, line, "the header has column '" + *column + "' twice");
        }
    }
}

}  // namespace

std::optional<std::string> Table::find_metadata(std::string_view key) const {
    for (const auto& [name, value] : metadata) {
        if (name == key) return value;
    }
    return std::nullopt;
}

std::optional<std::size_t> Table::find_column(std::string_view name) const {
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i] == name) return i;
    }
    return std::nullopt;
}

std::size_t Table::column(std::string_view name) const {
    if (const auto index = find_column(name)) return *index;
    std::string has;
    for (const std::string& column_name : columns) has += (has.empty() ? "" : ", ") + column_name;
    throw std::runtime_error(path + ": no column '" + std::string(name) + "'; it has: " + has);
}

const std::string& Table::text(std::size_t row, std::string_view column_name) const {
    return rows.at(row).at(column(column_name));
}

std::int64_t Table::integer(std::size_t row, std::string_view column_name) const {
    return number<std::int64_t>(*this, row, column_name, "a whole number");
}

std::uint64_t Table::natural(std::size_t row, std::string_view column_name) const {
    return number<std::uint64_t>(*this, row, column_name, "a whole number of 0 or more");
}

double Table::real(std::size_t row, std::string_view column_name) const {
    const double value = number<double>(*this, row, column_name, "a number");
    if (!std::isfinite(value)) fail_number(*this, row, column_name, "a finite number");
    return value;
}

std::string Table::where(std::size_t row) const {
    const std::string file = path.empty() ? "table" : path;
    return row < row_lines.size() ? file + ":" + std::to_string(row_lines[row])
                                  : file + ", row " + std::to_string(row + 1);
}

Table parse_table(std::string_view text, const std::string& path) {
    Table table;
    table.path = path;
    int line = 1;
    std::string_view rest = text;
    if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
    if (rest.find('\0') != rest.npos) fail(path, line, "this is not a text file");
    while (!rest.empty()) {
        const std::string_view this_line = trimmed(rest.substr(0, rest.find('\n')));
        if (this_line.empty() || this_line.starts_with('#')) {
            if (const std::size_t colon = this_line.find(':');
                colon != std::string_view::npos && table.columns.empty()) {
                table.metadata.emplace_back(trimmed(this_line.substr(1, colon - 1)),
                                            trimmed(this_line.substr(colon + 1)));
            }
            rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
            ++line;
            continue;
        }
        const int record_line = line;
        std::vector<std::string> fields = RecordReader(rest, line, path).take();
        if (table.columns.empty()) {
            check_columns(fields, path, record_line);
            table.columns = std::move(fields);
            continue;
        }
        if (fields.size() != table.columns.size()) {
            fail(path,
                 record_line,
                 std::to_string(fields.size()) + " fields where the header has " +
                     std::to_string(table.columns.size()));
        }
        table.rows.push_back(std::move(fields));
        table.row_lines.push_back(record_line);
    }
    if (table.columns.empty()) fail(path, line, "no header row: this is not a CSV table");
    return table;
}

Table read_table(const std::filesystem::path& path) {
    return parse_table(read_text(path), path.string());
}

std::string format_table(const Table& table) {
    std::string out;
    for (const auto& [key, value] : table.metadata) {
        if ((key + value).find_first_of("\r\n") != std::string::npos) {
            throw std::runtime_error("metadata '" + key + "' of a table holds a line break");
        }
        out += "# " + key + ": " + value + "\n";
    }
    append_record(out, table.columns);
    for (const auto& row : table.rows) {
        if (row.size() != table.columns.size()) {
            throw std::runtime_error("a row of " + std::to_string(row.size()) + " fields under " +
                                     std::to_string(table.columns.size()) + " columns");
        }
        append_record(out, row);
    }
    return out;
}

void write_table(const std::filesystem::path& path, const Table& table) {
    write_file(path, format_table(table));
}

std::string format_real(double value) {
    char buffer[32];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
    return error == std::errc{} ? std::string(buffer, end) : std::string("nan");
}

}  // namespace mixq::traces
