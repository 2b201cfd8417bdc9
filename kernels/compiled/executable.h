// What of a linked ELF an analysis of its code needs: contents, symbols, and which part of memory a program may write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mixq::kernels::compiled {

class Executable {
  public:
    struct Symbol {
        std::uint32_t address = 0;  // without the Thumb bit
        std::uint32_t bytes = 0;
    };

    // Throws std::runtime_error if the file is not a whole 32-bit little-endian ELF with symbols.
    static Executable read(const std::filesystem::path& path);

    // The bytes from an address to the end of its read-only section; empty if there is none.
    std::span<const std::uint8_t> constant(std::uint32_t address) const;

    // Throws std::runtime_error if there is no symbol of this name.
    Symbol symbol(const std::string& name) const;

    const std::map<std::string, Symbol>& symbols() const { return symbols_; }

    // From the first byte that is written at run time to the end of the last.
    std::uint32_t memory_begin() const { return memory_begin_; }

    std::uint32_t memory_end() const { return memory_end_; }

  private:
    struct Section {
        std::uint32_t address = 0;
        std::vector<std::uint8_t> bytes;
    };

    std::string path_;
    std::vector<Section> constants_;
    std::map<std::string, Symbol> symbols_;
    std::uint32_t memory_begin_ = UINT32_MAX;
    std::uint32_t memory_end_ = 0;
};

}  // namespace mixq::kernels::compiled
