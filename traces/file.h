// Whole files in and out, with errors a user can act on. A file is written beside its place and
// renamed, so that a full disk or a crash never leaves half of one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mixq::traces {

// Both throw std::runtime_error naming the path and the system's reason.
std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path);
std::string read_text(const std::filesystem::path& path);

// Replaces `path` as a whole or leaves it as it was. "-" writes to standard output. Throws
// std::runtime_error.
void write_file(const std::filesystem::path& path, std::string_view content);
void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> content);

// Hexadecimal SHA-256, as sha256sum prints it.
std::string sha256(std::span<const std::uint8_t> bytes);

}  // namespace mixq::traces
