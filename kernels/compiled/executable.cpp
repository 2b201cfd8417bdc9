// Reads sections and symbols of an ELF.
#include "kernels/compiled/executable.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <elf.h>

#include "traces/file.h"

namespace mixq::kernels::compiled {

namespace {

constexpr std::uint32_t kThumbBit = 1;

template <typename T>
T read_at(std::span<const std::uint8_t> bytes, std::uint64_t offset, const std::string& path) {
    T value;
    if (offset > bytes.size() || bytes.size() - offset < sizeof value)
        throw std::runtime_error("'" + path + "' is cut short at offset " + std::to_string(offset));
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

std::string text_at(std::span<const std::uint8_t> bytes, std::uint64_t offset) {
    std::string text;
    for (; offset < bytes.size() && bytes[offset] != 0; ++offset)
        text += static_cast<char>(bytes[offset]);
    return text;
}

}  // namespace

Executable Executable::read(const std::filesystem::path& path) {
    Executable executable;
    executable.path_ = path.string();
    const std::vector<std::uint8_t> bytes = traces::read_bytes(path);
    const auto header = read_at<Elf32_Ehdr>(bytes, 0, executable.path_);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS32 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
        throw std::runtime_error("'" + executable.path_ + "' is not a 32-bit little-endian ELF");
    }
    const auto section_header = [&](std::uint64_t index) {
        return read_at<Elf32_Shdr>(
            bytes, header.e_shoff + index * std::uint64_t{header.e_shentsize}, executable.path_);
    };
    for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
        const Elf32_Shdr section = section_header(i);
        if (section.sh_type == SHT_SYMTAB) {
            const Elf32_Shdr names = section_header(section.sh_link);
            for (std::uint64_t at = 0; at < section.sh_size; at += sizeof(Elf32_Sym)) {
                const auto symbol =
                    read_at<Elf32_Sym>(bytes, section.sh_offset + at, executable.path_);
                const bool function = ELF32_ST_TYPE(symbol.st_info) == STT_FUNC;
                executable
                    .symbols_[text_at(bytes, std::uint64_t{names.sh_offset} + symbol.st_name)] = {
                    function ? symbol.st_value & ~kThumbBit : symbol.st_value, symbol.st_size};
            }
        }
        if ((section.sh_flags & SHF_ALLOC) == 0 || section.sh_size == 0) continue;
        if ((section.sh_flags & SHF_WRITE) != 0 || section.sh_type == SHT_NOBITS) {
            executable.memory_begin_ = std::min(executable.memory_begin_, section.sh_addr);
            executable.memory_end_ =
                std::max(executable.memory_end_, section.sh_addr + section.sh_size);
            continue;
        }
        if (section.sh_offset > bytes.size() || bytes.size() - section.sh_offset < section.sh_size)
            throw std::runtime_error("'" + executable.path_ + "' is cut short in a section");
        const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(section.sh_offset);
        executable.constants_.push_back(
            {section.sh_addr, {first, first + static_cast<std::ptrdiff_t>(section.sh_size)}});
    }
    return executable;
}

std::span<const std::uint8_t> Executable::constant(std::uint32_t address) const {
    for (const Section& section : constants_) {
        if (address < section.address || address - section.address >= section.bytes.size())
            continue;
        return std::span(section.bytes).subspan(address - section.address);
    }
    return {};
}

Executable::Symbol Executable::symbol(const std::string& name) const {
    const auto found = symbols_.find(name);
    if (found == symbols_.end())
        throw std::runtime_error("'" + path_ + "' has no symbol '" + name + "'");
    return found->second;
}

}  // namespace mixq::kernels::compiled
