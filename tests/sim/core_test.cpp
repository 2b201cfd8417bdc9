// The table of the Cortex-M7: complete, sourced, and consistent with what the scheduler asks of it.
#include "sim/cores/core.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

namespace mixq::tests {

namespace {

const sim::Core& core() {
    return sim::find_core("cortex_m7");
}

sim::Instruction decode(std::uint32_t encoding) {
    const std::array<std::uint8_t, 4> bytes =
        encoding > 0xffff ? std::array<std::uint8_t, 4>{static_cast<std::uint8_t>(encoding >> 16),
                                                        static_cast<std::uint8_t>(encoding >> 24),
                                                        static_cast<std::uint8_t>(encoding),
                                                        static_cast<std::uint8_t>(encoding >> 8)}
                          : std::array<std::uint8_t, 4>{static_cast<std::uint8_t>(encoding),
                                                        static_cast<std::uint8_t>(encoding >> 8),
                                                        0,
                                                        0};
    return sim::Decoder().decode(0x0800'0000, bytes.data(), bytes.size(), false);
}

TEST(CoreTable, HasARowForEveryMnemonicThereIs) {
    for (const std::string_view mnemonic : sim::known_mnemonics()) {
        EXPECT_NE(core().find_row(mnemonic), nullptr) << mnemonic;
    }
}

TEST(CoreTable, GivesEveryNumberASource) {
    for (const sim::Row& row : core().rows) EXPECT_FALSE(row.source.empty()) << row.mnemonic;
    for (const sim::Forwarding& row : core().forwardings) EXPECT_FALSE(row.source.empty());
    for (const sim::ResultStage& row : core().results) EXPECT_FALSE(row.source.empty());
    for (const sim::OperandStage& row : core().operands) EXPECT_FALSE(row.source.empty());
    for (const sim::PairRule& row : core().pair_rules) EXPECT_FALSE(row.source.empty());
}

TEST(CoreTable, HasNoRowThatNoInstructionUses) {
    const std::vector<std::string_view> known = sim::known_mnemonics();
    for (const sim::Row& row : core().rows) {
        EXPECT_NE(std::find(known.begin(), known.end(), row.mnemonic), known.end()) << row.mnemonic;
    }
}

TEST(CoreTable, NamesAnInstructionWithoutARow) {
    sim::Instruction unknown;
    unknown.mnemonic = "frobnicate";
    unknown.address = 0x0800'1234;
    try {
        sim::row_of(core(), unknown);
        FAIL();
    } catch (const sim::UnknownInstructionError& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("frobnicate"), std::string::npos);
        EXPECT_NE(text.find("0x08001234"), std::string::npos);
        EXPECT_NE(text.find("sim/cores/cortex_m7.cpp"), std::string::npos);
    }
}

TEST(CoreTable, AnswersTheScheduler) {
    const sim::Instruction mul = decode(0xfb03f204);        // mul r2, r3, r4
    const sim::Instruction eor_uses = decode(0xea820405);   // eor.w r4, r2, r5
    const sim::Instruction eor_other = decode(0xea830405);  // eor.w r4, r3, r5
    const sim::Instruction store = decode(0xf8c02000);      // str.w r2, [r0]
    const sim::Instruction add = decode(0xf1030201);        // add.w r2, r3, #1
    EXPECT_FALSE(sim::may_pair(core(), mul, mul));
    EXPECT_FALSE(sim::may_pair(core(), mul, store));
    EXPECT_TRUE(sim::may_pair(core(), mul, eor_other));
    EXPECT_EQ(sim::issue_distance(core(), mul, eor_uses), 2);
    EXPECT_EQ(sim::issue_distance(core(), mul, eor_other), 0);
    EXPECT_EQ(sim::issue_distance(core(), add, eor_uses), 1);
    EXPECT_EQ(sim::issue_distance(core(), add, eor_uses, true), 0);
    EXPECT_EQ(sim::issue_distance(core(), mul, store), 0);
}

TEST(CoreTable, RefusesACoreThereIsNot) {
    EXPECT_THROW(sim::find_core("cortex_m99"), std::invalid_argument);
}

}  // namespace

}  // namespace mixq::tests
