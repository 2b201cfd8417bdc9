// The ELF loader: what it reads, and that no damaged file makes it do anything but say so.
#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "tests/sim/assembly.h"
#include "traces/file.h"

namespace mixq::tests {

namespace {

class ElfImage : public testing::Test {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
        elf_ = assemble_elf(
            "start:\n nop\n bl other\n bx lr\n.type other, %function\nother:\n bx lr\n.size other, "
            "2\n"
            ".data\n.global table\ntable: .word 1, 2, 3\n");
        bytes_ = traces::read_bytes(elf_);
    }

    std::filesystem::path write(const std::vector<std::uint8_t>& bytes) const {
        const std::filesystem::path path = elf_.string() + ".damaged";
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
        return path;
    }

    std::string refusal(const std::vector<std::uint8_t>& bytes) const {
        try {
            sim::read_elf(write(bytes));
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "";
    }

    std::filesystem::path elf_;
    std::vector<std::uint8_t> bytes_;
};

TEST_F(ElfImage, HasSegmentsSymbolsAndEntry) {
    const sim::Image image = sim::read_elf(elf_);
    EXPECT_EQ(image.entry, 0x0800'0000u);
    ASSERT_FALSE(image.segments.empty());
    EXPECT_EQ(image.segments[0].address, 0x0800'0000u);
    ASSERT_NE(image.find_symbol("other"), nullptr);
    EXPECT_TRUE(image.find_symbol("other")->is_function);
    EXPECT_EQ(image.find_symbol("other")->address % 2, 0u);
    EXPECT_EQ(image.find_function(image.find_symbol("other")->address), image.find_symbol("other"));
    EXPECT_EQ(image.find_symbol("nobody"), nullptr);
    EXPECT_EQ(image.find_function(0x100), nullptr);
    EXPECT_EQ(image.sha256, traces::sha256(bytes_));
}

TEST_F(ElfImage, SaysWhatIsWrong) {
    EXPECT_NE(refusal({1, 2, 3}).find("not an ELF"), std::string::npos);
    EXPECT_NE(refusal({}).find("not an ELF"), std::string::npos);
    EXPECT_THROW(sim::read_elf("/nonexistent/file.elf"), std::runtime_error);

    std::vector<std::uint8_t> other = bytes_;
    other[4] = 2;
    EXPECT_NE(refusal(other).find("not a 32-bit ELF"), std::string::npos);
    other = bytes_;
    other[5] = 2;
    EXPECT_NE(refusal(other).find("not little-endian"), std::string::npos);
    other = bytes_;
    other[18] = 62;
    EXPECT_NE(refusal(other).find("not for Arm"), std::string::npos);
    other = bytes_;
    other[16] = 1;
    EXPECT_NE(refusal(other).find("not an executable"), std::string::npos);
    other = bytes_;
    other.resize(bytes_.size() / 2);
    EXPECT_NE(refusal(other).find("truncated"), std::string::npos) << refusal(other);
}

TEST_F(ElfImage, NoTruncationCrashesIt) {
    for (std::size_t size = 0; size < bytes_.size(); size += 1 + bytes_.size() / 1000) {
        const std::vector<std::uint8_t> part(bytes_.begin(),
                                             bytes_.begin() + static_cast<std::ptrdiff_t>(size));
        refusal(part);
    }
}

TEST_F(ElfImage, NoFlippedBytesCrashIt) {
    std::mt19937 random(1);
    int refused = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<std::uint8_t> damaged = bytes_;
        const int flips = 1 + static_cast<int>(random() % 8);
        for (int k = 0; k < flips; ++k) {
            // Mostly in the headers, which decide everything.
            const std::size_t at = random() % 2 != 0 ? random() % 128 : random() % damaged.size();
            damaged[at] = static_cast<std::uint8_t>(random());
        }
        if (random() % 4 == 0) damaged.resize(random() % damaged.size());
        const std::string said = refusal(damaged);
        refused += said.empty() ? 0 : 1;
        EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    }
    EXPECT_GT(refused, 1000);
}

}  // namespace

}  // namespace mixq::tests
