// Reads the section table of a 32-bit ELF: what takes how much memory.
#include <cstring>
#include <stdexcept>

#include <elf.h>

#include "kernels/network/toolchain.h"
#include "traces/file.h"

namespace mixq::kernels {

namespace {

// A struct at an offset, or an error if the file ends before it does.
template <typename T>
T read_at(const std::vector<std::uint8_t>& bytes,
          std::uint64_t offset,
          const std::filesystem::path& path) {
    T value;
    if (offset > bytes.size() || bytes.size() - offset < sizeof value) {
        throw std::runtime_error("'" + path.string() + "' is cut short: no ELF header at offset " +
                                 std::to_string(offset));
    }
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

std::string text_at(const std::vector<std::uint8_t>& bytes, std::uint64_t offset) {
    std::string text;
    for (; offset < bytes.size() && bytes[offset] != 0; ++offset) {
        text += static_cast<char>(bytes[offset]);
    }
    return text;
}

}  // namespace

std::vector<Section> read_sections(const std::filesystem::path& path) {
    const std::vector<std::uint8_t> bytes = traces::read_bytes(path);
    const auto header = read_at<Elf32_Ehdr>(bytes, 0, path);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS32 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
        throw std::runtime_error("'" + path.string() + "' is not a 32-bit little-endian ELF");
    }
    const auto section_header = [&](std::uint64_t index) {
        return read_at<Elf32_Shdr>(
            bytes, header.e_shoff + index * std::uint64_t{header.e_shentsize}, path);
    };
    const Elf32_Shdr names = section_header(header.e_shstrndx);
    std::vector<Section> sections;
    for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
        const Elf32_Shdr section = section_header(i);
        if ((section.sh_flags & SHF_ALLOC) == 0 || section.sh_size == 0) continue;
        sections.push_back({text_at(bytes, std::uint64_t{names.sh_offset} + section.sh_name),
                            section.sh_addr,
                            section.sh_size,
                            (section.sh_flags & SHF_WRITE) != 0,
                            (section.sh_flags & SHF_EXECINSTR) != 0,
                            section.sh_type != SHT_NOBITS});
    }
    return sections;
}

ObjectSize object_size(const std::filesystem::path& path) {
    ObjectSize size;
    for (const Section& section : read_sections(path)) {
        if (section.executable) {
            size.code += section.bytes;
        } else if (!section.has_content) {
            size.bss += section.bytes;
        } else {
            (section.writable ? size.data : size.constant) += section.bytes;
        }
    }
    return size;
}

}  // namespace mixq::kernels
