// What every verb prints with: aligned tables on stdout, progress on stderr, JSON where asked, and
// the exit codes.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace mixq::tools {

// Exit codes: 0 ok, 1 failed at run time, 2 usage, 3 a stated limit not met, 4 output differs from
// the golden. std::runtime_error is 1, std::invalid_argument is 2; these two are the rest.
struct LimitNotMet : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct OutputDiffers : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// "mixq-sim 0.1.0"
std::string tool_version();

// Columns aligned for a terminal: text to the left, numbers (cells that start with a digit, sign or
// parenthesis) to the right.
std::string format_columns(const std::vector<std::string>& header,
                           const std::vector<std::vector<std::string>>& rows);

// 1234567 -> "1,234,567"
std::string grouped(std::int64_t value);

template <std::integral Integer>
std::string grouped(Integer value) {
    return grouped(static_cast<std::int64_t>(value));
}

// With a fixed number of decimals.
std::string fixed(double value, int decimals);

// One line on stderr, redrawn on a terminal and printed at most every few seconds elsewhere. Quiet
// with --quiet.
class Progress {
  public:
    Progress(std::string what, std::int64_t total);
    ~Progress();
    void advance(std::string_view detail, std::int64_t done);

  private:
    void draw(bool final_line);
    std::string what_;
    std::string detail_;
    std::int64_t total_;
    std::int64_t done_ = 0;
    std::chrono::steady_clock::time_point start_;
    std::chrono::steady_clock::time_point last_draw_;
    bool terminal_;
};

// Set once by the global options -q/--quiet.
void set_quiet(bool quiet);
bool quiet();

// Writes JSON to a file, or to stdout for "-" (then print tables to stderr or not at all). Does
// nothing for an empty path.
void write_json(const std::string& path, const nlohmann::json& json);

}  // namespace mixq::tools
