// When results reach their consumers on the Cortex-M7: one more iteration of a loop that is a chain takes the chain's latency.
// Statements of jnk0le/random:pipeline cycle test/doc/cortex_m7.md unless another source is named.
#include <gtest/gtest.h>

#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

class CortexM7Latency : public testing::Test {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }

    // Cycles per link of a chain, its ends left out.
    static double chain(const std::string& link) {
        const auto of = [&](int links) {
            return cycles_of(".rept " + std::to_string(links) + "\n" + link + "\n.endr");
        };
        return (of(20) - of(10)) / 10;
    }

    // Cycles that using a result costs over not using it.
    static double wait(const std::string& producer,
                       const std::string& uses,
                       const std::string& ignores) {
        return cycles_of(producer + "\n" + uses + "\n nop.w\n nop.w") -
               cycles_of(producer + "\n" + ignores + "\n nop.w\n nop.w");
    }
};

TEST_F(CortexM7Latency, AnAluChainTakesOneCyclePerLink) {
    EXPECT_EQ(chain("eor.w r2, r2, r3"), 1);
    EXPECT_EQ(chain("adc.w r2, r2, r3"), 1);
}

TEST_F(CortexM7Latency, AnEarlyAddFeedsALateOperationOfItsOwnCycle) {
    EXPECT_EQ(cycles_of("add.w r2, r3, #1\n eor.w r4, r2, r5"), 1);
    EXPECT_EQ(cycles_of("mov.w r2, r3\n eor.w r4, r2, r5"), 1);
    EXPECT_EQ(cycles_of("sub.w r2, r3, r6\n cmp.w r2, r5"), 1);
}

TEST_F(CortexM7Latency, OnlyTheOlderAddIsEarly) {
    EXPECT_EQ(cycles_of("nop.w\n add.w r2, r3, #1\n eor.w r4, r2, r5\n nop.w"), 2);
    EXPECT_EQ(cycles_of("eor.w r2, r3, r6\n eor.w r4, r2, r5"), 2);
}

TEST_F(CortexM7Latency, AnEarlyPlainShiftMayBeTheYounger) {
    // The shift is the younger of its pair and the address needs it at the start of the next cycle.
    EXPECT_EQ(cycles_of("nop.w\n lsr.w r2, r3, #28\n ldr.w r4, [r0, r2]\n nop.w"), 2);
    EXPECT_EQ(cycles_of("nop.w\n eor.w r2, r3, r3\n ldr.w r4, [r0, r2]\n nop.w"), 3);
}

// MB-17.
TEST_F(CortexM7Latency, AnInlineShiftedSourceIsNeededOneCycleEarlier) {
    EXPECT_EQ(chain("eor.w r2, r3, r2, lsl #1"), 2);
    EXPECT_EQ(chain("eor.w r2, r2, r3, lsl #1"), 1);
}

// MB-01.
TEST_F(CortexM7Latency, AMultiplyTakesTwoCycles) {
    EXPECT_EQ(chain("mul r2, r2, r3"), 2);
    EXPECT_EQ(chain("mla r2, r2, r3, r4"), 2);
    EXPECT_EQ(chain("smlad r2, r2, r3, r4"), 2);
}

// MB-02.
TEST_F(CortexM7Latency, AMacChainOnTheAccumulatorTakesOneCycle) {
    EXPECT_EQ(chain("mla r2, r3, r4, r2"), 1);
    EXPECT_EQ(chain("smlad r2, r3, r4, r2"), 1);
    EXPECT_EQ(chain("smlabb r2, r3, r4, r2"), 1);
    EXPECT_EQ(chain("umlal r2, r5, r3, r4"), 1);
    EXPECT_EQ(chain("smlald r2, r5, r3, r4"), 1);
}

TEST_F(CortexM7Latency, AnAluResultReachesAnAccumulatorInItsOwnCycle) {
    EXPECT_EQ(cycles_of("eor.w r2, r3, r4\n mla r5, r6, r7, r2"), 1);
    EXPECT_EQ(cycles_of("eor.w r2, r3, r4\n mla r5, r2, r7, r6\n nop.w\n nop.w"), 3);
}

TEST_F(CortexM7Latency, AWordLoadReachesAnAluOperationAfterOneCycle) {
    EXPECT_EQ(wait("ldr.w r2, [r0]", "nop.w\n eor.w r3, r2, r4", "nop.w\n eor.w r3, r5, r4"), 0);
    EXPECT_EQ(cycles_of("ldr.w r2, [r0]\n eor.w r3, r2, r4"), 2);
    EXPECT_EQ(cycles_of("ldr.w r2, [r0]\n eor.w r3, r5, r4"), 1);
}

TEST_F(CortexM7Latency, AWordLoadReachesAMultiplicandAfterTwoCycles) {
    EXPECT_EQ(wait("ldr.w r2, [r0]\n nop.w", "mul r3, r2, r4", "eor.w r3, r2, r4"), 1);
    EXPECT_EQ(wait("ldr.w r2, [r0]\n nop.w", "mla r3, r4, r5, r2", "eor.w r3, r2, r4"), 0);
}

TEST_F(CortexM7Latency, AWordLoadReachesAnInstructionWithAnEarlyOperandAfterTwoCycles) {
    EXPECT_EQ(
        wait("ldr.w r2, [r0]\n nop.w", "eor.w r3, r4, r2, lsl #1", "eor.w r3, r4, r5, lsl #1"), 1);
    EXPECT_EQ(
        wait("ldr.w r2, [r0]\n nop.w", "eor.w r3, r2, r4, lsl #1", "eor.w r3, r5, r4, lsl #1"), 1);
}

// MB-03.
TEST_F(CortexM7Latency, AByteLoadIsOneCycleLater) {
    EXPECT_EQ(wait("ldrb.w r2, [r0]\n nop.w", "eor.w r3, r2, r4", "eor.w r3, r5, r4"), 1);
    EXPECT_EQ(wait("ldrh.w r2, [r0]\n nop.w", "eor.w r3, r2, r4", "eor.w r3, r5, r4"), 1);
    EXPECT_EQ(wait("ldrsb.w r2, [r0]\n nop.w", "mla r3, r4, r5, r2", "mla r3, r4, r5, r6"), 0);
}

TEST_F(CortexM7Latency, StoreDataMayComeFromTheSameCycle) {
    EXPECT_EQ(cycles_of("eor.w r2, r3, r4\n str.w r2, [r0]"), 1);
    EXPECT_EQ(cycles_of("ldr.w r2, [r1]\n str.w r2, [r0]"), 1);
}

// MB-16.
TEST_F(CortexM7Latency, ADspResultReachesAnAddressOneCycleLater) {
    EXPECT_EQ(wait("uadd8 r2, r3, r3\n nop.w", "ldr.w r4, [r0, r2]", "ldr.w r4, [r0]"), 1);
    EXPECT_EQ(wait("ubfx r2, r3, #0, #1\n nop.w", "ldrb.w r4, [r0, r2]", "ldrb.w r4, [r0]"), 1);
}

TEST_F(CortexM7Latency, AnAluResultReachesAnAddressOneCycleLater) {
    EXPECT_EQ(wait("eor.w r2, r3, r3\n nop.w", "ldr.w r4, [r0, r2]", "ldr.w r4, [r0]"), 1);
}

TEST_F(CortexM7Latency, AReversalReachesALateAluOperationInItsOwnCycle) {
    EXPECT_EQ(cycles_of("rev.w r2, r3\n eor.w r4, r2, r5"), 1);
    EXPECT_EQ(chain("rev.w r2, r2\n nop.w"), 2);
}

TEST_F(CortexM7Latency, AnUpdatedBaseServesTheNextCycle) {
    EXPECT_EQ(cycles_of("ldr.w r2, [r0], #4\n nop.w\n ldr.w r3, [r0], #-4\n nop.w"), 2);
    EXPECT_EQ(cycles_of("ldr.w r2, [r0], #4\n ldr.w r3, [r0], #-4"), 2);
}

// LLVM.
TEST_F(CortexM7Latency, ASaturatingAddTakesTwoCycles) {
    EXPECT_EQ(chain("qadd16 r2, r2, r3"), 2);
}

// MB-10 and MB-11.
TEST_F(CortexM7Latency, AFloatDivisionTakesSixteenCyclesAndARootFourteen) {
    EXPECT_EQ(cycles_of("vdiv.f32 s0, s1, s2\n nop.w"), 16);
    EXPECT_EQ(cycles_of("vsqrt.f32 s0, s1\n nop.w"), 14);
}

// MB-12.
TEST_F(CortexM7Latency, AFusedMacChainTakesThreeCyclesAndFiveThroughAMultiplicand) {
    EXPECT_EQ(chain("vfma.f32 s0, s1, s2"), 3);
    EXPECT_EQ(chain("vfma.f32 s0, s0, s2"), 5);
    EXPECT_EQ(
        cycles_of(
            ".rept 10\n vfma.f32 s0, s3, s4\n vfma.f32 s1, s3, s4\n vfma.f32 s2, s3, s4\n .endr"),
        30);
}

TEST_F(CortexM7Latency, AChainedMacTakesThreeCyclesAndSixThroughAMultiplicand) {
    EXPECT_EQ(chain("vmla.f32 s0, s1, s2"), 3);
    EXPECT_EQ(chain("vmla.f32 s0, s0, s2"), 6);
}

TEST_F(CortexM7Latency, AFloatAddAndMultiplyTakeThreeCycles) {
    EXPECT_EQ(chain("vadd.f32 s0, s0, s1"), 3);
    EXPECT_EQ(chain("vmul.f32 s0, s0, s1"), 3);
}

// MB-13.
TEST_F(CortexM7Latency, AMoveFromAFloatRegisterTakesOneCycleAndToOneThree) {
    EXPECT_EQ(wait("vmov r2, s0\n nop.w", "eor.w r3, r2, r4", "eor.w r3, r5, r4"), 0);
    EXPECT_EQ(wait("vmov r2, s0", "eor.w r3, r2, r4", "eor.w r3, r5, r4"), 1);
    EXPECT_EQ(chain("vmov s0, r2\n vmov r2, s0"), 4);
}

TEST_F(CortexM7Latency, AFloatLoadReachesAFusedAccumulatorAfterThreeCycles) {
    EXPECT_EQ(wait("vldr s0, [r0]\n nop.w", "vadd.f32 s3, s0, s1", "vadd.f32 s3, s2, s1"), 0);
    EXPECT_EQ(
        wait("vldr s0, [r0]\n nop.w\n nop.w\n nop.w", "vfma.f32 s0, s1, s2", "vfma.f32 s3, s1, s2"),
        1);
}

}  // namespace

}  // namespace mixq::tests
