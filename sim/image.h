// An executable image: what goes where in memory, and its symbols.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mixq::sim {

struct Segment {
    std::uint32_t address = 0;  // load address: where the flash programmer puts it
    std::vector<std::uint8_t> bytes;
};

struct Symbol {
    std::string name;
    std::uint32_t address = 0;  // without the Thumb bit
    std::uint32_t size = 0;
    bool is_function = false;
};

struct Image {
    std::string path;
    std::string sha256;
    std::uint32_t entry = 0;  // without the Thumb bit
    bool entry_is_thumb = true;
    std::vector<Segment> segments;
    std::vector<Symbol> symbols;  // sorted by address

    const Symbol* find_symbol(std::string_view name) const;
    // The function that covers an address, for messages.
    const Symbol* find_function(std::uint32_t address) const;
};

// Throws std::runtime_error naming the file and what is wrong: not an ELF, truncated, not 32-bit
// little-endian Arm, not an executable, no loadable segment.
Image read_elf(const std::filesystem::path& path);

// A raw flash image that starts with its vector table. Throws std::runtime_error naming the file: too
// short for one, a reset vector that is even (not Thumb) or outside the image.
Image read_raw(const std::filesystem::path& path, std::uint32_t base);
// Whether a file starts as an ELF does.
bool is_elf(const std::filesystem::path& path);

}  // namespace mixq::sim
