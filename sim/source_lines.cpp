// Reads DWARF line tables through libdw, which checks them against the file's size.
#include "sim/source_lines.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "traces/file.h"

namespace mixq::sim {

namespace {

// Far above any program for a microcontroller; a damaged table does not go on for ever.
constexpr std::size_t kMostRows = 4'000'000;
constexpr int kMostUnits = 100'000;

struct ElfCloser {
    void operator()(Elf* elf) const { elf_end(elf); }
};

struct DwarfCloser {
    void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
};

std::string absolute(const char* file, const char* directory) {
    const std::filesystem::path path(file);
    if (path.is_absolute() || directory == nullptr) return path.string();
    return (std::filesystem::path(directory) / path).lexically_normal().string();
}

const char* compile_directory(Dwarf_Die& unit) {
    Dwarf_Attribute attribute;
    if (dwarf_attr(&unit, DW_AT_comp_dir, &attribute) == nullptr) return nullptr;
    return dwarf_formstring(&attribute);
}

}  // namespace

class LineTableReader {
  public:
    explicit LineTableReader(SourceLines& out) : out_(out) {}

    void read_unit(Dwarf_Die& unit) {
        Dwarf_Lines* lines = nullptr;
        std::size_t count = 0;
        if (dwarf_getsrclines(&unit, &lines, &count) != 0) return;
        const char* directory = compile_directory(unit);
        for (std::size_t k = 0; k + 1 < count && out_.rows_.size() < kMostRows; ++k) {
            Dwarf_Line* line = dwarf_onesrcline(lines, k);
            Dwarf_Line* next = dwarf_onesrcline(lines, k + 1);
            bool ends = true;
            Dwarf_Addr begin = 0;
            Dwarf_Addr end = 0;
            int number = 0;
            if (dwarf_lineendsequence(line, &ends) != 0 || ends) continue;
            if (dwarf_lineaddr(line, &begin) != 0 || dwarf_lineaddr(next, &end) != 0) continue;
            if (dwarf_lineno(line, &number) != 0 || number <= 0) continue;
            const char* file = dwarf_linesrc(line, nullptr, nullptr);
            if (file == nullptr || begin >= end || end > 0xffff'ffffull) continue;
            out_.rows_.push_back({static_cast<std::uint32_t>(begin),
                                  static_cast<std::uint32_t>(end),
                                  intern(absolute(file, directory), number)});
        }
    }

    // Sorted, and without overlap: of two tables that claim an address the one that begins later has it.
    void finish() {
        std::stable_sort(out_.rows_.begin(), out_.rows_.end(), [](const auto& a, const auto& b) {
            return a.begin < b.begin;
        });
        for (std::size_t k = 0; k + 1 < out_.rows_.size(); ++k)
            out_.rows_[k].end = std::min(out_.rows_[k].end, out_.rows_[k + 1].begin);
        std::erase_if(out_.rows_, [](const auto& row) { return row.begin >= row.end; });
    }

  private:
    std::size_t intern(const std::string& file, int line) {
        const auto [entry, added] = known_.try_emplace({file, line}, out_.lines_.size());
        if (added) out_.lines_.push_back({file, line});
        return entry->second;
    }

    SourceLines& out_;
    std::map<std::pair<std::string, int>, std::size_t> known_;
};

SourceLines SourceLines::read(const std::filesystem::path& elf_path) {
    SourceLines lines;
    std::vector<std::uint8_t> bytes = traces::read_bytes(elf_path);
    if (bytes.size() < 4 || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) return lines;
    elf_version(EV_CURRENT);
    const std::unique_ptr<Elf, ElfCloser> elf(
        elf_memory(reinterpret_cast<char*>(bytes.data()), bytes.size()));
    if (elf == nullptr) return lines;
    const std::unique_ptr<Dwarf, DwarfCloser> dwarf(
        dwarf_begin_elf(elf.get(), DWARF_C_READ, nullptr));
    if (dwarf == nullptr) return lines;
    LineTableReader reader(lines);
    Dwarf_CU* unit = nullptr;
    for (int k = 0; k < kMostUnits; ++k) {
        Dwarf_CU* next = nullptr;
        Dwarf_Die die{};
        if (dwarf_get_units(dwarf.get(), unit, &next, nullptr, nullptr, &die, nullptr) != 0) break;
        reader.read_unit(die);
        unit = next;
    }
    reader.finish();
    return lines;
}

const SourceLine* SourceLines::find(std::uint32_t address) const {
    auto row =
        std::upper_bound(rows_.begin(), rows_.end(), address, [](std::uint32_t a, const Row& r) {
            return a < r.begin;
        });
    if (row == rows_.begin()) return nullptr;
    --row;
    return address < row->end ? &lines_[row->line] : nullptr;
}

}  // namespace mixq::sim
