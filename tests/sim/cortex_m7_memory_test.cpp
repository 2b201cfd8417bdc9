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
    EXPECT_EQ(cycles_of(".rept 10\n strb.w r2, [r0]\n .endr") + 2, 40);
    EXPECT_EQ(cycles_of(".rept 5\n strb.w r2, [r0]\n strb.w r2, [r0, #4]\n .endr") + 2, 20);
    EXPECT_EQ(cycles_of(".rept 10\n strh.w r2, [r0]\n .endr") + 2, 40);
}

TEST_F(CortexM7Memory, AHalfWordStreamTakesTwoCyclesPerStore) {
    EXPECT_EQ(
        cycles_of(
            "strh.w r2, [r0]\n strh.w r2, [r0, #2]\n strh.w r2, [r0, #4]\n strh.w r2, [r0, #6]\n"
            "strh.w r2, [r0, #8]\n strh.w r2, [r0, #10]\n strh.w r2, [r0, #12]\n strh.w r2, [r0, "
            "#14]") +
            2,
        16);
}

// MB-06 at unit stride: 20 bytes are 12 of even words and 8 of odd ones, and each bank drains on its own.
TEST_F(CortexM7Memory, TheBanksOfAByteStreamDrainOnTheirOwn) {
    std::string stream;
    for (int k = 0; k < 20; ++k) stream += "strb.w r2, [r0, #" + std::to_string(k) + "]\n";
    EXPECT_EQ(cycles_of(stream) + 2, 20 * 2.4);
    for (int k = 20; k < 24; ++k) stream += "strb.w r2, [r0, #" + std::to_string(k) + "]\n";
    EXPECT_EQ(cycles_of(stream) + 2, 24 * 2);
}

TEST_F(CortexM7Memory, ALoadWaitsOneCycleWhereAStoreWritesItsBank) {
    const auto load_after = [](int cycles, const char* load) {
        return cycles_of("str.w r2, [r0]\n nop.w\n .rept " + std::to_string(2 * (cycles - 1)) +
                         "\n nop.w\n .endr\n " + load + "\n nop.w") -
               cycles - 1;
    };
    const char* same = "ldr.w r3, [r0, #8]";
    const char* other = "ldr.w r3, [r0, #12]";
    EXPECT_EQ(load_after(1, same), 0);
    EXPECT_EQ(load_after(2, same), 1);
    EXPECT_EQ(load_after(3, same), 0);
    EXPECT_EQ(load_after(2, other), 0);
    EXPECT_EQ(load_after(2, "ldr.w r3, [r1, #8]"), 1);  // any word of that bank
}

TEST_F(CortexM7Memory, AWordStoreTakesOneCycle) {
    EXPECT_EQ(cycles_of(".rept 10\n str.w r2, [r0]\n .endr"), 10);
}

// MB-07.
TEST_F(CortexM7Memory, AnUnalignedStoreStreamTakesFourCyclesPerStore) {
    EXPECT_EQ(cycles_of(".rept 10\n str.w r2, [r0, #2]\n .endr") + 2, 40);
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
