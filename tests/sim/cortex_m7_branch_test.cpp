// Branches on the Cortex-M7: prediction, its failures, and fetch.
#include <gtest/gtest.h>

#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

constexpr int kIterations = 120;

class CortexM7Branch : public testing::Test {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }

    static sim::Timing timed(const std::string& body, const LoopOptions& options = {}) {
        return loop_difference(body, kIterations, options);
    }
};

// rust-embedded/cortex-m issue 430, measured on an STM32H7.
TEST_F(CortexM7Branch, ACountDownLoopTakesOneCycleUnlessItsHeadIsAtTheEndOfAFetch) {
    const auto per_loop = [&](int offset, int count) {
        return cycles_of("movw r2, #" + std::to_string(count) + "\n b.w 3f\n .balign 8\n .space " +
                         std::to_string(offset) + "\n 3: subs r2, r2, #1\n bne.n 3b");
    };
    for (const int offset : {0, 2, 4})
        EXPECT_EQ(per_loop(offset, 150) - per_loop(offset, 100), 50) << offset;
    EXPECT_EQ(per_loop(6, 150) - per_loop(6, 100), 100);
}

TEST_F(CortexM7Branch, ANotTakenBranchPairsWithTheNextInstruction) {
    EXPECT_EQ(cycles_of("cbz r0, 2f\n nop.w\n nop.w\n 2: nop.w"), 2);
}

TEST_F(CortexM7Branch, APredictedTakenBranchAsYoungerIsFree) {
    EXPECT_EQ(cycles_of("nop.w\n b.w 2f\n nop.w\n nop.w\n 2: nop.w\n nop.w"), 2);
}

TEST_F(CortexM7Branch, APredictedTakenBranchAsOlderPairsWithItsTarget) {
    // b and nop, then two nops: without the pair, b alone, two nops, one nop.
    EXPECT_EQ(
        cycles_of("nop.w\n nop.w\n nop.w\n nop.w\n b.w 2f\n nop.w\n 2: nop.w\n nop.w\n nop.w"), 4);
}

TEST_F(CortexM7Branch, AForwardBranchIsForgottenWhereAnotherTakesItsEntry) {
    // 64 entries by address bits 6 to 1: taken branches 128 bytes apart drive each other out.
    const auto mispredicts = [](int apart) {
        return timed("cmp.w r11, r11\n b.w 4f\n .balign 128\n 4: beq.w 2f\n .space " +
                     std::to_string(apart - 4) + "\n 2: beq.w 3f\n nop.w\n 3: nop.w")
            .mispredicts;
    };
    EXPECT_EQ(mispredicts(128), static_cast<std::uint64_t>(2 * kIterations));
    EXPECT_EQ(mispredicts(132), 0u);
}

// A branch that alternates defeats a two-bit counter every second time at least; the exact number is counted, the price is
// MB-09's.
TEST_F(CortexM7Branch, AMispredictionCostsEightCyclesAndSixWhereTheFlagsWereEarly) {
    const std::string pad = "\n nop.w\n nop.w\n nop.w\n nop.w\n nop.w\n nop.w\n nop.w\n nop.w\n";
    const std::string target = "\n beq.w 2f\n nop.w\n nop.w\n 2: nop.w\n";
    const sim::Timing late = timed(pad + "tst.w r11, #1" + target);
    const sim::Timing early = timed("tst.w r11, #1\n" + pad + target);
    const auto lost = [](const sim::Timing& t) {
        return t.stalls[static_cast<std::size_t>(sim::Stall::Mispredict)];
    };
    ASSERT_GT(late.mispredicts, 0u);
    ASSERT_GT(early.mispredicts, 0u);
    EXPECT_EQ(lost(late), 8 * late.mispredicts);
    EXPECT_EQ(lost(early), 6 * early.mispredicts);
}

TEST_F(CortexM7Branch, ASteadyBranchIsPredicted) {
    EXPECT_EQ(timed("cmp.w r11, #0\n beq.w 2f\n nop.w\n 2: nop.w").mispredicts, 0u);
}

TEST_F(CortexM7Branch, AReturnIsPredictedWhoeverCalls) {
    const LoopOptions leaf{.after = "leaf: nop.w\n bx lr"};
    EXPECT_EQ(timed("bl leaf\n nop.w\n bl leaf\n nop.w\n bl leaf", leaf).mispredicts, 0u);
}

TEST_F(CortexM7Branch, AnIndirectBranchIsPredictedWhileItsTargetStays) {
    EXPECT_EQ(timed("adr.w r2, 2f + 1\n bx r2\n nop.w\n .balign 4\n 2: nop.w").mispredicts, 0u);
    const std::string alternate =
        "tst.w r11, #1\n ite eq\n addeq.w r2, r3, #1\n addne.w r2, r4, #1\n bx r2\n .balign 4\n 2: "
        "nop.w\n 3: nop.w\n";
    // Both targets in turn: every prediction fails.
    const sim::Timing t = timed("adr.w r3, 2f\n adr.w r4, 3f\n" + alternate);
    EXPECT_EQ(t.mispredicts, static_cast<std::uint64_t>(kIterations));
}

}  // namespace

}  // namespace mixq::tests
