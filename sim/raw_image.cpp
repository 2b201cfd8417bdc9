// Reads raw flash images: bytes as a programmer writes them, with a vector table at the front.
#include <stdexcept>

#include "sim/image.h"
#include "sim/isa/hex.h"
#include "traces/file.h"

namespace mixq::sim {

namespace {

constexpr std::uint32_t kThumbBit = 1;
constexpr std::size_t kVectors = 8;  // initial stack pointer and reset handler

}  // namespace

bool is_elf(const std::filesystem::path& path) {
    const std::vector<std::uint8_t> bytes = traces::read_bytes(path);
    return bytes.size() >= 4 && bytes[0] == 0x7f && bytes[1] == 'E' && bytes[2] == 'L' &&
           bytes[3] == 'F';
}

Image read_raw(const std::filesystem::path& path, std::uint32_t base) {
    Image image;
    image.path = path.string();
    std::vector<std::uint8_t> bytes = traces::read_bytes(path);
    const auto refuse = [&](const std::string& reason) {
        throw std::runtime_error(image.path + ": " + reason);
    };
    if (bytes.size() < kVectors)
        refuse("truncated: " + std::to_string(bytes.size()) + " bytes hold no vector table");
    if (base % 128 != 0)
        refuse("base " + hex(base) + " is not a multiple of 128, where a vector table must lie");
    if (bytes.size() > (std::uint64_t{1} << 32) - base)
        refuse(std::to_string(bytes.size()) + " bytes at " + hex(base) + " pass the last address");
    const std::uint32_t reset =
        bytes[4] | bytes[5] << 8 | bytes[6] << 16 | static_cast<std::uint32_t>(bytes[7]) << 24;
    if ((reset & kThumbBit) == 0)
        refuse("the reset vector " + hex(reset) +
               " is even, which is no Thumb code: not an image of a Cortex-M");
    image.sha256 = traces::sha256(bytes);
    image.entry = reset & ~kThumbBit;
    if (image.entry - base >= bytes.size())
        refuse("the reset vector " + hex(reset) + " points outside the image at " + hex(base));
    image.segments.push_back({base, std::move(bytes)});
    return image;
}

}  // namespace mixq::sim
