// Walks the encoding space: whatever Unicorn's Cortex-M7 executes has a row, and Capstone agrees on its name.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

#include "sim/isa/instruction.h"
#include "tests/sim/isa_machine.h"

namespace mixq::sim::testing {

namespace {

constexpr std::uint32_t kFirstWide =
    0xe800;  // first halfwords from here on begin 32-bit instructions

struct Excess {
    std::uint32_t mask;
    std::uint32_t value;
    const char* what;
};

// What this Unicorn executes although Armv7E-M has no such instruction.
constexpr std::array<Excess, 3> kNarrowExcess = {{
    {0xff07, 0x4704, "BXNS, BLXNS (Armv8-M); afterwards the engine is of no use"},
    {0xfff7, 0xb650, "SETEND (not M profile)"},
    {0, 1, ""},
}};
constexpr std::array<Excess, 8> kWideExcess = {{
    {0xff100000, 0xf9000000, "Advanced SIMD element and structure stores and loads"},
    {0xffe000c0, 0xe8c00080, "STLB, STLH, STL, LDAB, LDAH, LDA, exclusive too (Armv8-M)"},
    {0xffe000c0, 0xe8c000c0, "the same"},
    {0xffe000f0, 0xe8c00070, "LDREXD, STREXD (not M profile)"},
    {0xfe6f0000, 0xe86f0000, "LDRD, STRD that would write back to pc (unpredictable)"},
    {0xff9f0000, 0xf80f0000, "STRB, STRH, STR to pc (undefined)"},
    {0xff7f0000, 0xe97f0000, "LDRD that would write back to pc"},
    {0, 1, ""},
}};

template <std::size_t N>
bool is_excess(const std::array<Excess, N>& list, std::uint32_t encoding) {
    return std::ranges::any_of(
        list, [encoding](const Excess& row) { return (encoding & row.mask) == row.value; });
}

class Walk {
  public:
    bool decodes(std::uint32_t encoding, int size) {
        const std::uint32_t first = size == 4 ? encoding >> 16 : encoding;
        const std::uint8_t bytes[4] = {static_cast<std::uint8_t>(first),
                                       static_cast<std::uint8_t>(first >> 8),
                                       static_cast<std::uint8_t>(encoding),
                                       static_cast<std::uint8_t>(encoding >> 8)};
        try {
            last_ = decoder_.decode(0x1000, bytes, static_cast<std::size_t>(size), false);
            return true;
        } catch (const std::runtime_error&) {
            return false;
        }
    }

    // Whether Capstone, where it knows the instruction, gives it the name we do.
    bool named_as_capstone() const;

    const Instruction& last() const { return last_; }

  private:
    Decoder decoder_;
    Instruction last_;
};

bool Walk::named_as_capstone() const {
    const std::string name = last_.text.substr(0, last_.text.find_first_of(" ."));
    const std::string root = last_.mnemonic.substr(0, last_.mnemonic.find('.'));
    const bool unknown_to_capstone = last_.text.find('<') != std::string::npos;
    if (unknown_to_capstone || name == root || name == root + "s") {
        return true;
    }
    // Where one name here stands for many there: how those begin.
    static const std::multimap<std::string, std::string> kOthers = {
        {"add", "addw"},  {"sub", "subw"},   {"adr", "addw"},  {"adr", "subw"},  {"nop", "hint"},
        {"udf", "trap"},  {"push", "stmdb"}, {"pop", "ldm"},   {"b", "b"},       {"it", "it"},
        {"cps", "cpsi"},  {"vcvt", "vcvt"},  {"vcmp", "vcmp"}, {"vsel", "vsel"}, {"vrint", "vrint"},
        {"vldm", "vldm"}, {"vldm", "fldm"},  {"vldm", "vpop"}, {"vstm", "vstm"}, {"vstm", "fstm"},
        {"vstm", "vpush"}};
    const auto [begin, end] = kOthers.equal_range(root);
    return std::any_of(
        begin, end, [&name](const auto& pair) { return name.starts_with(pair.second); });
}

}  // namespace

TEST(IsaWalk, EveryNarrowEncodingThatExecutesIsDecoded) {
    Walk walk;
    OneInstruction machine;
    for (std::uint32_t encoding = 0; encoding < kFirstWide; ++encoding) {
        if (!is_excess(kNarrowExcess, encoding) && !walk.decodes(encoding, 2)) {
            EXPECT_FALSE(machine.executes(encoding, 2)) << std::hex << encoding;
        }
    }
}

class IsaWideWalk : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(IsaWideWalk, EveryEncodingThatExecutesIsDecoded) {
    constexpr int kSamples = 500'000;
    Walk walk;
    OneInstruction machine;
    std::mt19937 random(GetParam());
    int decoded = 0;
    for (int i = 0; i < kSamples; ++i) {
        const std::uint32_t encoding = (kFirstWide << 16) + random() % 0x18000000U;
        if (walk.decodes(encoding, 4)) {
            ++decoded;
            EXPECT_TRUE(walk.named_as_capstone())
                << std::hex << encoding << ' ' << walk.last().mnemonic << " is "
                << walk.last().text;
        } else if (!is_excess(kWideExcess, encoding)) {
            EXPECT_FALSE(machine.executes(encoding, 4)) << std::hex << encoding;
        }
    }
    EXPECT_GT(decoded, kSamples / 4);
}

INSTANTIATE_TEST_SUITE_P(Seeds, IsaWideWalk, ::testing::Values(1, 2, 3, 4));

TEST(IsaWalk, CapstoneAgreesOnTheNamesOfNarrowEncodings) {
    Walk walk;
    for (std::uint32_t encoding = 0; encoding < kFirstWide; ++encoding) {
        if (walk.decodes(encoding, 2)) {
            EXPECT_TRUE(walk.named_as_capstone())
                << std::hex << encoding << ' ' << walk.last().mnemonic << " is "
                << walk.last().text;
        }
    }
}

}  // namespace mixq::sim::testing
