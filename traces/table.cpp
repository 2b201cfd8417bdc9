// Reads and writes commented CSV.
#include "traces/table.h"

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
    throw std::runtime_error(path + ":" + std::to_string(line) + ": " + why);
}

// One CSV record from the front of `rest`; `line` moves past it.
std::vector<std::string> take_record(std::string_view& rest, int& line, const std::string& path) {
    const int first_line = line;
    std::vector<std::string> fields(1);
    bool quoted = false;
    std::size_t i = 0;
    for (; i < rest.size(); ++i) {
        const char c = rest[i];
        if (quoted) {
            if (c == '"' && i + 1 < rest.size() && rest[i + 1] == '"') {
                fields.back() += '"';
                ++i;
            } else if (c == '"') {
                quoted = false;
            } else {
                if (c == '\n') ++line;
                fields.back() += c;
            }
        } else if (c == '"' && fields.back().empty()) {
            quoted = true;
        } else if (c == ',') {
            fields.emplace_back();
        } else if (c == '\n') {
            break;
        } else if (c != '\r') {
            fields.back() += c;
        }
    }
    if (quoted) fail(path, first_line, "a quoted field is not closed");
    rest.remove_prefix(std::min(i + 1, rest.size()));
    ++line;
    return fields;
}

void append_field(std::string& out, const std::string& field) {
    if (field.find_first_of(",\"\n\r") == std::string::npos && !field.starts_with('#')) {
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
    out += '\n';
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
    const std::string& field = text(row, column_name);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc{} || end != field.data() + field.size()) {
        throw std::runtime_error(where(row) + ": column '" + std::string(column_name) +
                                 "' holds '" + field + "', not a whole number");
    }
    return value;
}

double Table::real(std::size_t row, std::string_view column_name) const {
    const std::string& field = text(row, column_name);
    double value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc{} || end != field.data() + field.size() || !std::isfinite(value)) {
        throw std::runtime_error(where(row) + ": column '" + std::string(column_name) +
                                 "' holds '" + field + "', not a number");
    }
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
        std::vector<std::string> fields = take_record(rest, line, path);
        if (table.columns.empty()) {
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
    for (const auto& [key, value] : table.metadata) out += "# " + key + ": " + value + "\n";
    append_record(out, table.columns);
    for (const auto& row : table.rows) append_record(out, row);
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
