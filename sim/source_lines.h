// From addresses to lines of source, by the DWARF an image carries.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mixq::sim {

struct SourceLine {
    std::string
        file;  // as the compiler was told, made absolute by its directory where that is known
    int line = 0;
};

class SourceLines {
  public:
    SourceLines() = default;
    // Empty where the file has no line table, or one that cannot be read: lines are a help, not a need. Throws
    // std::runtime_error where there is no such file.
    static SourceLines read(const std::filesystem::path& elf);

    bool empty() const { return rows_.empty(); }

    // Null where the compiler gave no line.
    const SourceLine* find(std::uint32_t address) const;

  private:
    struct Row {
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
        std::size_t line = 0;  // index in lines_
    };

    std::vector<SourceLine> lines_;
    std::vector<Row> rows_;  // sorted, apart

    friend class LineTableReader;
};

}  // namespace mixq::sim
