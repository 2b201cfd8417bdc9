// Little-endian numbers in and out of a byte buffer: what the binary files beside a plan hold.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace mixq::kernels {

inline void append_u32(std::vector<std::uint8_t>& out, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
        out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

inline void append_words(std::vector<std::uint8_t>& out, std::span<const std::int32_t> values) {
    for (const std::int32_t value : values) append_u32(out, static_cast<std::uint32_t>(value));
}

// Walks a file; whatever it does not hold is an error with file and offset, before anything is
// allocated for it.
class ByteReader {
  public:
    ByteReader(std::span<const std::uint8_t> bytes, std::string path)
        : bytes_(bytes), path_(std::move(path)) {}

    std::span<const std::uint8_t> take(std::uint64_t count, const char* what) {
        if (count > bytes_.size() - offset_) {
            fail("ends inside the " + std::string(what) + ": " + std::to_string(count) +
                 " bytes wanted, " + std::to_string(bytes_.size() - offset_) + " left");
        }
        const auto taken = bytes_.subspan(offset_, static_cast<std::size_t>(count));
        offset_ += static_cast<std::size_t>(count);
        return taken;
    }

    std::uint32_t u32(const char* what) {
        const auto b = take(4, what);
        return std::uint32_t{b[0]} | std::uint32_t{b[1]} << 8 | std::uint32_t{b[2]} << 16 |
               std::uint32_t{b[3]} << 24;
    }

    std::vector<std::int32_t> words(std::uint64_t count, const char* what) {
        const auto raw = take(count * 4, what);
        std::vector<std::int32_t> values(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < values.size(); ++i) {
            std::uint32_t value = 0;
            for (std::size_t byte = 0; byte < 4; ++byte) {
                value |= std::uint32_t{raw[4 * i + byte]} << (8 * byte);
            }
            values[i] = static_cast<std::int32_t>(value);
        }
        return values;
    }

    void expect_end() const {
        if (offset_ != bytes_.size()) {
            fail(std::to_string(bytes_.size() - offset_) + " bytes are left over");
        }
    }

    [[noreturn]] void fail(const std::string& why) const {
        throw std::runtime_error(path_ + ", offset " + std::to_string(offset_) + ": " + why);
    }

  private:
    std::span<const std::uint8_t> bytes_;
    std::string path_;
    std::size_t offset_ = 0;
};

}  // namespace mixq::kernels
