// Tables, progress and JSON.
#include "tools/console.h"

#include <algorithm>
#include <cstdio>

#include <sys/ioctl.h>
#include <unistd.h>

#include "traces/file.h"

namespace mixq::tools {

namespace {

using std::chrono::steady_clock;

constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kLogInterval = std::chrono::seconds(10);

bool quiet_ = false;

// Columns a terminal needs for UTF-8 text of single-width characters.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_number(std::string_view cell) {
    return !cell.empty() && std::string_view("0123456789+-(").find(cell.front()) != cell.npos;
}

void append_cell(std::string& line, std::string_view cell, std::size_t column_width, bool right) {
    const std::string blanks(column_width - std::min(column_width, width(cell)), ' ');
    line += right ? blanks : "";
    line += cell;
    line += right ? "" : blanks;
}

std::string duration(double seconds) {
    if (seconds < 10) return fixed(seconds, 1) + " s";
    const auto whole = static_cast<std::int64_t>(seconds + 0.5);
    if (whole < 60) return std::to_string(whole) + " s";
    if (whole < 3600)
        return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
    return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

std::size_t terminal_columns() {
    winsize size{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

}  // namespace

std::string tool_version() {
    return "mixq-sim " MIXQ_VERSION;
}

std::string format_columns(const std::vector<std::string>& header,
                           const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    std::vector<bool> numeric(header.size(), false);
    for (const std::string& cell : header) widths.push_back(width(cell));
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i]));
            if (is_number(row[i])) numeric[i] = true;
        }
    }
    std::string out;
    const auto append_row = [&](const std::vector<std::string>& row, bool is_header) {
        std::string line;
        for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
            if (i > 0) line += "  ";
            append_cell(line, row[i], widths[i], is_header ? numeric[i] : is_number(row[i]));
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    };
    append_row(header, true);
    for (const auto& row : rows) append_row(row, false);
    return out;
}

std::string grouped(std::int64_t value) {
    std::string digits = std::to_string(value);
    const std::size_t first = value < 0 ? 1 : 0;
    for (std::size_t i = digits.size(); i > first + 3;) {
        i -= 3;
        digits.insert(i, ",");
    }
    return digits;
}

std::string fixed(double value, int decimals) {
    const int size = std::snprintf(nullptr, 0, "%.*f", decimals, value);
    std::string text(static_cast<std::size_t>(size) + 1, '\0');
    std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
    text.pop_back();
    return text;
}

Progress::Progress(std::string what, std::int64_t total)
    : what_(std::move(what)),
      total_(total),
      start_(steady_clock::now()),
      last_draw_(start_),
      terminal_(::isatty(STDERR_FILENO) == 1) {
}

Progress::~Progress() {
    if (!quiet()) draw(true);
}

void Progress::advance(std::string_view detail, std::int64_t done) {
    detail_ = detail;
    done_ = done;
    const auto now = steady_clock::now();
    const bool due = terminal_ ? now - last_draw_ >= kTerminalInterval || last_draw_ == start_
                               : now - last_draw_ >= kLogInterval;
    if (quiet() || !due) return;
    last_draw_ = now;
    draw(false);
}

// The final line stays on a terminal; elsewhere it appears only below lines printed before it.
void Progress::draw(bool final_line) {
    if (final_line && last_draw_ == start_) return;
    const double elapsed = std::chrono::duration<double>(steady_clock::now() - start_).count();
    std::string line = what_ + "  " + grouped(done_);
    if (total_ > 0) {
        line += "/" + grouped(total_) + "  " +
                std::to_string(100 * std::min(done_, total_) / total_) + " %";
    }
    if (final_line) {
        line += "  in " + duration(elapsed);
    } else if (total_ > 0 && done_ > 0 && done_ < total_) {
        const double rest =
            elapsed * static_cast<double>(total_ - done_) / static_cast<double>(done_);
        line += "  " + duration(rest) + " left";
    }
    if (!detail_.empty()) line += "  " + detail_;
    if (!terminal_) {
        std::fprintf(stderr, "%s\n", line.c_str());
        return;
    }
    line.resize(std::min(line.size(), terminal_columns() - 1));
    std::fprintf(stderr, "\r%s\x1b[K%s", line.c_str(), final_line ? "\n" : "");
    std::fflush(stderr);
}

void set_quiet(bool quiet) {
    quiet_ = quiet;
}

bool quiet() {
    return quiet_;
}

void write_json(const std::string& path, const nlohmann::json& json) {
    if (path.empty()) return;
    // A path or a compiler's message may hold bytes that are not UTF-8; they must not stop the run.
    constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
    traces::write_file(path, json.dump(2, ' ', false, kReplace) + "\n");
}

}  // namespace mixq::tools
