// Which instructions share a cycle on the Cortex-M7. Statements of jnk0le/random:pipeline cycle test/doc/cortex_m7.md, measured
// on an STM32H743, unless another source is named.
#include <gtest/gtest.h>

#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

class CortexM7Issue : public testing::Test {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }
};

// MB-00 of the public cases.
TEST_F(CortexM7Issue, FortySlotsTakeTwentyCycles) {
    EXPECT_EQ(cycles_of(".rept 38\n nop.w\n .endr"), 19);
}

TEST_F(CortexM7Issue, TwoIndependentAddsShareACycle) {
    EXPECT_EQ(cycles_of("add.w r2, r3, #1\n add.w r4, r5, #1"), 1);
}

TEST_F(CortexM7Issue, ANopTakesASlot) {
    EXPECT_EQ(cycles_of("nop.w\n nop.w\n nop.w\n nop.w"), 2);
}

TEST_F(CortexM7Issue, TwoFlagSettersShareACycle) {
    EXPECT_EQ(cycles_of("cmp.w r2, #1\n cmp.w r3, #2"), 1);
}

TEST_F(CortexM7Issue, TwoWritersOfARegisterShareACycle) {
    EXPECT_EQ(cycles_of("eor.w r2, r3, r4\n eor.w r2, r5, r6"), 1);
}

TEST_F(CortexM7Issue, MovwAndMovtOfARegisterShareACycle) {
    EXPECT_EQ(cycles_of("movw r2, #1234\n movt r2, #5678"), 1);
}

TEST_F(CortexM7Issue, TwoMultipliesDoNotPair) {
    EXPECT_EQ(cycles_of("mul r2, r3, r4\n mul r5, r6, r7"), 2);
    EXPECT_EQ(cycles_of("mla r2, r3, r4, r2\n smlad r5, r6, r7, r5"), 2);
    EXPECT_EQ(cycles_of("umull r2, r3, r4, r5\n smulbb r6, r7, r8"), 2);
}

TEST_F(CortexM7Issue, AMultiplyPairsWithAnAluOperationInEitherSlot) {
    EXPECT_EQ(cycles_of("mul r2, r3, r4\n eor.w r5, r6, r7"), 1);
    EXPECT_EQ(cycles_of("eor.w r5, r6, r7\n mul r2, r3, r4"), 1);
}

TEST_F(CortexM7Issue, AMultiplyDoesNotPairWithAStore) {
    EXPECT_EQ(cycles_of("mul r2, r3, r4\n str.w r5, [r0]"), 2);
    EXPECT_EQ(cycles_of("str.w r5, [r0]\n mul r2, r3, r4"), 2);
}

TEST_F(CortexM7Issue, AMultiplyPairsWithALoad) {
    EXPECT_EQ(cycles_of("mul r2, r3, r4\n ldr.w r5, [r0]"), 1);
}

TEST_F(CortexM7Issue, AMultiplyPairsWithADspOperation) {
    EXPECT_EQ(cycles_of("uadd8 r2, r3, r4\n mul r5, r6, r7"), 1);
}

TEST_F(CortexM7Issue, AMultiplyPairsWithAnInlineShift) {
    EXPECT_EQ(cycles_of("mul r2, r3, r4\n eor.w r5, r6, r7, lsl #3"), 1);
}

TEST_F(CortexM7Issue, ADspOperationMustBeTheOlder) {
    EXPECT_EQ(cycles_of("uadd8 r2, r3, r4\n eor.w r5, r6, r7"), 1);
    EXPECT_EQ(cycles_of("eor.w r5, r6, r7\n uadd8 r2, r3, r4\n eor.w r8, r6, r7\n nop.w"), 3);
}

TEST_F(CortexM7Issue, ABitFieldOperationMustBeTheOlder) {
    EXPECT_EQ(cycles_of("ubfx r2, r3, #4, #5\n eor.w r5, r6, r7"), 1);
    EXPECT_EQ(cycles_of("eor.w r5, r6, r7\n ubfx r2, r3, #4, #5\n eor.w r8, r6, r7\n nop.w"), 3);
}

TEST_F(CortexM7Issue, TwoDspOperationsDoNotPair) {
    EXPECT_EQ(cycles_of("uadd8 r2, r3, r4\n uadd8 r5, r6, r7"), 2);
    EXPECT_EQ(cycles_of("clz r2, r3\n uxtb.w r5, r6"), 2);
}

TEST_F(CortexM7Issue, TwoInlineShiftsDoNotPair) {
    EXPECT_EQ(cycles_of("eor.w r2, r3, r4, lsl #1\n eor.w r5, r6, r7, lsr #1"), 2);
}

TEST_F(CortexM7Issue, ARotatedConstantNeedsTheEarlyShifter) {
    EXPECT_EQ(cycles_of("add.w r2, r3, #0x1fc0\n eor.w r5, r6, r7, lsl #1"), 2);
    EXPECT_EQ(cycles_of("add.w r2, r3, #0x1fc0\n add.w r5, r6, #0x1fc0"), 2);
}

TEST_F(CortexM7Issue, AReplicatedConstantIsFree) {
    EXPECT_EQ(cycles_of("eor.w r2, r3, #0x00ab00ab\n eor.w r5, r6, r7, lsl #1"), 1);
    EXPECT_EQ(cycles_of("eor.w r2, r3, #0xabababab\n eor.w r5, r6, r7, lsl #1"), 1);
}

TEST_F(CortexM7Issue, ATwelveBitConstantIsFree) {
    EXPECT_EQ(cycles_of("addw r2, r3, #0xfff\n eor.w r5, r6, r7, lsl #1"), 1);
}

TEST_F(CortexM7Issue, ABitFieldOperationDoesNotPairWithAnInlineShift) {
    EXPECT_EQ(cycles_of("ubfx r2, r3, #4, #5\n eor.w r5, r6, r7, lsl #1"), 2);
    EXPECT_EQ(cycles_of("pkhbt r2, r3, r4, lsl #16\n eor.w r5, r6, r7, lsl #1"), 2);
    EXPECT_EQ(cycles_of("rev.w r2, r3\n eor.w r5, r6, r7, lsl #1"), 2);
    EXPECT_EQ(cycles_of("uxtab r2, r3, r4\n eor.w r5, r6, r7, lsl #1"), 2);
}

// Proved by the AES rounds of jnk0le/cortexm-AES.
TEST_F(CortexM7Issue, AnExtendPairsWithAnInlineShift) {
    EXPECT_EQ(cycles_of("uxtb.w r2, r3\n eor.w r5, r6, r7, lsl #1"), 1);
    EXPECT_EQ(cycles_of("uxtb.w r2, r3, ror #8\n eor.w r5, r6, r7, ror #8"), 1);
    EXPECT_EQ(cycles_of("uadd8 r2, r3, r4\n eor.w r5, r6, r7, lsl #1"), 1);
    EXPECT_EQ(cycles_of("sel r2, r3, r4\n eor.w r5, r6, r7, lsl #1"), 1);
}

TEST_F(CortexM7Issue, TwoPlainShiftsPair) {
    EXPECT_EQ(cycles_of("lsl.w r2, r3, #4\n lsr.w r5, r6, #4"), 1);
    EXPECT_EQ(cycles_of("lsl.w r2, r3, r4\n ror.w r5, r6, r7"), 1);
}

TEST_F(CortexM7Issue, TwoStoresDoNotPair) {
    EXPECT_EQ(cycles_of("str.w r2, [r0]\n str.w r3, [r0, #4]"), 2);
}

TEST_F(CortexM7Issue, ALoadPairsWithAStore) {
    EXPECT_EQ(cycles_of("ldr.w r2, [r0]\n str.w r3, [r1, #4]"), 1);
    EXPECT_EQ(cycles_of("str.w r3, [r1, #4]\n ldr.w r2, [r0]"), 1);
}

// MB-05.
TEST_F(CortexM7Issue, TwoLoadsPairOnlyFromDifferentBanks) {
    EXPECT_EQ(cycles_of("ldr.w r2, [r0]\n ldr.w r3, [r0, #4]"), 1);
    EXPECT_EQ(cycles_of("ldr.w r2, [r0]\n ldr.w r3, [r0, #8]"), 2);
    EXPECT_EQ(cycles_of("ldrb.w r2, [r0]\n ldrb.w r3, [r0, #1]"), 2);
    EXPECT_EQ(cycles_of("ldrb.w r2, [r0, #3]\n ldrb.w r3, [r0, #4]"), 1);
}

TEST_F(CortexM7Issue, APostIndexedLoadPairs) {
    EXPECT_EQ(cycles_of("ldr.w r2, [r0], #0\n ldr.w r3, [r1, #4]"), 1);
}

// MB-08.
TEST_F(CortexM7Issue, AMultipleLoadTakesACyclePerTwoRegistersAlone) {
    EXPECT_EQ(cycles_of("ldmia.w r0, {r2, r3}\n nop.w\n nop.w"), 2);
    EXPECT_EQ(cycles_of("ldmia.w r0, {r2-r4}"), 2);
    EXPECT_EQ(cycles_of("ldmia.w r0, {r2-r5}"), 2);
    EXPECT_EQ(cycles_of("ldmia.w r0, {r2-r9}"), 4);
    EXPECT_EQ(cycles_of("nop.w\n ldmia.w r0, {r2-r5}"), 3);
}

// MB-08.
TEST_F(CortexM7Issue, AMultipleStoreTakesACycleMoreOffADoubleWord) {
    EXPECT_EQ(cycles_of("stmia.w r0, {r2-r5}"), 2);
    EXPECT_EQ(cycles_of("stmia.w r10, {r2-r5}", {.setup = "add r10, r0, #4"}), 3);
    EXPECT_EQ(cycles_of("stmia.w r10, {r2-r4}", {.setup = "add r10, r0, #4"}), 2);
}

TEST_F(CortexM7Issue, ADoubleWordLoadTakesOneCycleAlone) {
    EXPECT_EQ(cycles_of("ldrd r2, r3, [r0]\n ldrd r4, r5, [r0, #8]"), 2);
    EXPECT_EQ(cycles_of("ldrd r2, r3, [r0]\n nop.w"), 2);
}

TEST_F(CortexM7Issue, TwoFloatingPointOperationsDoNotPair) {
    EXPECT_EQ(cycles_of("vadd.f32 s0, s1, s2\n vmul.f32 s3, s4, s5"), 2);
    EXPECT_EQ(cycles_of("vadd.f32 s0, s1, s2\n eor.w r2, r3, r4"), 1);
}

// MB-18.
TEST_F(CortexM7Issue, APredicatedOffInstructionCostsAsIfExecuted) {
    const LoopOptions clear{.setup = "movs r10, #1"};
    const std::string both = "cmp.w r10, #0\n itt eq\n ";
    EXPECT_EQ(cycles_of(both + "addeq.w r2, r3, r4\n addeq.w r5, r6, r7", clear),
              cycles_of("cmp.w r10, #1\n itt eq\n addeq.w r2, r3, r4\n addeq.w r5, r6, r7", clear));
    EXPECT_EQ(cycles_of("cmp.w r10, #0\n it eq\n ldmiaeq.w r0, {r2-r9}", clear),
              cycles_of("cmp.w r10, #1\n it eq\n ldmiaeq.w r0, {r2-r9}", clear));
}

}  // namespace

}  // namespace mixq::tests
