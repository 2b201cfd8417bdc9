// Unaligned accesses, byte stores, store-to-load and divides on the Cortex-M7.
#include <gtest/gtest.h>

#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

class CortexM7Memory : public testing::Test {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }
};

// MB-04 of jnk0le/random.
TEST_F(CortexM7Memory, AnUnalignedLoadCostsThreeCyclesAsOlderAndFourAsYounger) {
    EXPECT_EQ(cycles_of("ldr.w r2, [r0, #2]\n nop.w"), 1 + 3);
    EXPECT_EQ(cycles_of("nop.w\n ldr.w r2, [r0, #2]"), 1 + 4);
    EXPECT_EQ(cycles_of("ldr.w r2, [r0, #2]\n ldr.w r3, [r0, #10]"), 1 + 4);
}

TEST_F(CortexM7Memory, AHalfWordAtAnEvenAddressIsAligned) {
    EXPECT_EQ(cycles_of("ldrh.w r2, [r0, #2]\n nop.w"), 1);
    EXPECT_EQ(cycles_of("ldrh.w r2, [r0, #3]\n nop.w"), 1 + 3);
}

// MB-06.
TEST_F(CortexM7Memory, AByteStoreHoldsItsBankForFourCycles) {
    EXPECT_EQ(cycles_of(".rept 10\n strb.w r2, [r0]\n .endr") + 1, 40);
    EXPECT_EQ(cycles_of(".rept 5\n strb.w r2, [r0]\n strb.w r2, [r0, #4]\n .endr") + 1, 20);
    EXPECT_EQ(cycles_of(".rept 10\n strh.w r2, [r0]\n .endr") + 1, 40);
}

TEST_F(CortexM7Memory, AHalfWordStreamTakesTwoCyclesPerStore) {
    EXPECT_EQ(
        cycles_of(
            "strh.w r2, [r0]\n strh.w r2, [r0, #2]\n strh.w r2, [r0, #4]\n strh.w r2, [r0, #6]\n"
            "strh.w r2, [r0, #8]\n strh.w r2, [r0, #10]\n strh.w r2, [r0, #12]\n strh.w r2, [r0, "
            "#14]") +
            1,
        16);
}

TEST_F(CortexM7Memory, AWordStoreTakesOneCycle) {
    EXPECT_EQ(cycles_of(".rept 10\n str.w r2, [r0]\n .endr"), 10);
}

// MB-07.
TEST_F(CortexM7Memory, AnUnalignedStoreStreamTakesFourCyclesPerStore) {
    EXPECT_EQ(cycles_of(".rept 10\n str.w r2, [r0, #2]\n .endr") + 1, 40);
}

TEST_F(CortexM7Memory, FiveUnalignedStoresInARowAreFree) {
    const std::string pause = "\n .rept 80\n nop.w\n .endr\n";
    EXPECT_EQ(cycles_of(".rept 5\n str.w r2, [r0, #2]\n nop.w\n .endr" + pause), 5 + 40);
    EXPECT_GT(cycles_of(".rept 6\n str.w r2, [r0, #2]\n nop.w\n .endr" + pause), 6 + 40);
}

// LLVM ARMLatencyMutations.cpp.
TEST_F(CortexM7Memory, ALoadWaitsFourCyclesForAStoreToItsWord) {
    EXPECT_EQ(cycles_of("str.w r2, [r0]\n nop.w\n ldr.w r3, [r0]\n nop.w"), 5);
    EXPECT_EQ(cycles_of("str.w r2, [r0]\n nop.w\n ldr.w r3, [r0, #8]\n nop.w"), 2);
}

// The Cortex-R4's closed form.
TEST_F(CortexM7Memory, ADivideTakesACyclePerTwoQuotientBits) {
    EXPECT_EQ(cycles_of("udiv r2, r3, r4", {.setup = "movs r3, #1\n movs r4, #1"}), 3);
    EXPECT_EQ(cycles_of("sdiv r2, r3, r4", {.setup = "movs r3, #1\n movs r4, #1"}), 4);
    EXPECT_EQ(cycles_of("udiv r2, r3, r4", {.setup = "mvn r3, #0\n movs r4, #1"}), 3 + 16);
    EXPECT_EQ(cycles_of("sdiv r2, r3, r4", {.setup = "mvn r3, #255\n movs r4, #1"}), 4 + 4);
    EXPECT_EQ(cycles_of("udiv r2, r3, r4", {.setup = "movs r3, #1\n movs r4, #0"}), 3);
}

}  // namespace

}  // namespace mixq::tests
