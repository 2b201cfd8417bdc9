// Reads ELF executables. Nothing in the file is believed before it is checked against the file's size.
#include "sim/image.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <gelf.h>
#include <libelf.h>

#include "traces/file.h"

namespace mixq::sim {

namespace {

constexpr std::size_t kMaxSegments = 4096;
constexpr std::uint32_t kThumbBit = 1;

struct ElfCloser {
    void operator()(Elf* elf) const { elf_end(elf); }
};

using ElfHandle = std::unique_ptr<Elf, ElfCloser>;

[[noreturn]] void refuse(const Image& image, const std::string& reason) {
    throw std::runtime_error(image.path + ": " + reason);
}

void check_header(const Image& image, const std::vector<std::uint8_t>& bytes) {
    if (bytes.size() < EI_NIDENT || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
        refuse(image, "not an ELF file");
    }
    if (bytes[EI_CLASS] != ELFCLASS32) refuse(image, "not a 32-bit ELF");
    if (bytes[EI_DATA] != ELFDATA2LSB) refuse(image, "not little-endian");
    if (bytes.size() < sizeof(Elf32_Ehdr)) refuse(image, "truncated: the ELF header is cut off");
}

bool inside(std::uint64_t offset, std::uint64_t size, std::uint64_t total) {
    return offset <= total && size <= total - offset;
}

void read_segments(Image& image, const std::vector<std::uint8_t>& bytes, const Elf32_Ehdr& header) {
    const std::uint64_t table = static_cast<std::uint64_t>(header.e_phnum) * sizeof(Elf32_Phdr);
    if (header.e_phnum > kMaxSegments || header.e_phentsize != sizeof(Elf32_Phdr)) {
        refuse(image, "the program header table is malformed");
    }
    if (!inside(header.e_phoff, table, bytes.size())) {
        refuse(image, "truncated: the program headers lie outside the file");
    }
    for (int k = 0; k < header.e_phnum; ++k) {
        // Copied: the table need not be aligned.
        Elf32_Phdr segment;
        std::memcpy(&segment, bytes.data() + header.e_phoff + k * sizeof segment, sizeof segment);
        if (segment.p_type != PT_LOAD || segment.p_filesz == 0) continue;
        if (!inside(segment.p_offset, segment.p_filesz, bytes.size())) {
            refuse(image, "truncated: segment " + std::to_string(k) + " lies outside the file");
        }
        if (segment.p_filesz > segment.p_memsz ||
            !inside(segment.p_paddr, segment.p_filesz, 1ull << 32)) {
            refuse(image, "segment " + std::to_string(k) + " is malformed");
        }
        const auto first = bytes.begin() + segment.p_offset;
        image.segments.push_back({segment.p_paddr, {first, first + segment.p_filesz}});
    }
    if (image.segments.empty()) refuse(image, "no loadable segment");
}

void read_symbols(Image& image, Elf* elf, std::size_t file_bytes) {
    for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr;
         section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB) continue;
        if (!inside(header.sh_offset, header.sh_size, file_bytes)) {
            refuse(image, "truncated: the symbol table lies outside the file");
        }
        Elf_Data* data = elf_getdata(section, nullptr);
        if (data == nullptr) refuse(image, "the symbol table cannot be read");
        const std::size_t count = data->d_size / sizeof(Elf32_Sym);
        for (std::size_t k = 0; k < count; ++k) {
            GElf_Sym symbol;
            if (gelf_getsym(data, static_cast<int>(k), &symbol) == nullptr) break;
            const unsigned type = GELF_ST_TYPE(symbol.st_info);
            if (symbol.st_shndx == SHN_UNDEF || type > STT_FUNC || type == STT_SECTION) continue;
            // Checked by libelf against the string section; null where it does not end inside.
            const char* text = elf_strptr(elf, header.sh_link, symbol.st_name);
            // '$t', '$d': marks between code and data, not names.
            if (text == nullptr || *text == '\0' || *text == '$') continue;
            const bool function = type == STT_FUNC;
            const auto address = static_cast<std::uint32_t>(symbol.st_value);
            image.symbols.push_back({text,
                                     function ? address & ~kThumbBit : address,
                                     static_cast<std::uint32_t>(symbol.st_size),
                                     function});
        }
    }
    std::stable_sort(image.symbols.begin(),
                     image.symbols.end(),
                     [](const Symbol& a, const Symbol& b) { return a.address < b.address; });
}

}  // namespace

const Symbol* Image::find_symbol(std::string_view name) const {
    for (const Symbol& symbol : symbols) {
        if (symbol.name == name) return &symbol;
    }
    return nullptr;
}

const Symbol* Image::find_function(std::uint32_t address) const {
    auto symbol = std::upper_bound(
        symbols.begin(), symbols.end(), address, [](std::uint32_t a, const Symbol& s) {
            return a < s.address;
        });
    while (symbol != symbols.begin()) {
        --symbol;
        if (!symbol->is_function) continue;
        // Assembly functions often have no size: they reach to the next one.
        if (symbol->size == 0 || address - symbol->address < symbol->size) return &*symbol;
        return nullptr;
    }
    return nullptr;
}

Image read_elf(const std::filesystem::path& path) {
    Image image;
    image.path = path.string();
    std::vector<std::uint8_t> bytes = traces::read_bytes(path);
    check_header(image, bytes);
    image.sha256 = traces::sha256(bytes);

    if (elf_version(EV_CURRENT) == EV_NONE) refuse(image, "libelf does not know this ELF version");
    const ElfHandle elf(elf_memory(reinterpret_cast<char*>(bytes.data()), bytes.size()));
    GElf_Ehdr checked;
    if (elf == nullptr || gelf_getehdr(elf.get(), &checked) == nullptr) {
        refuse(image, std::string("damaged ELF: ") + elf_errmsg(-1));
    }
    Elf32_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.e_machine != EM_ARM)
        refuse(image, "not for Arm (machine " + std::to_string(header.e_machine) + ")");
    if (header.e_type != ET_EXEC) refuse(image, "not an executable (link it first)");
    image.entry = header.e_entry & ~kThumbBit;
    image.entry_is_thumb = (header.e_entry & kThumbBit) != 0;
    read_segments(image, bytes, header);
    if (header.e_shoff != 0) {
        const std::uint64_t table = static_cast<std::uint64_t>(header.e_shnum) * sizeof(Elf32_Shdr);
        if (!inside(header.e_shoff, table, bytes.size())) {
            refuse(image, "truncated: the section headers lie outside the file");
        }
        read_symbols(image, elf.get(), bytes.size());
    }
    return image;
}

}  // namespace mixq::sim
