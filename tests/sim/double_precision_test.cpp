// Double-precision instructions, executed for an emulator that has none.
#include "sim/double_precision.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "sim/machine.h"
#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

using sim::FloatState;

constexpr std::uint32_t kZeroDivide = 1u << 1;
constexpr std::uint32_t kInvalid = 1u << 0;
constexpr std::uint32_t kInexact = 1u << 4;
constexpr std::uint32_t kUp = 1u << 22;

// d0 = operation of d1 and d2.
FloatState after(
    std::uint32_t encoding, double n, double m, double d = 0, std::uint32_t fpscr = 0) {
    FloatState state;
    state.d = {std::bit_cast<std::uint64_t>(d),
               std::bit_cast<std::uint64_t>(n),
               std::bit_cast<std::uint64_t>(m)};
    state.fpscr = fpscr;
    EXPECT_TRUE(sim::execute_double(encoding, state)) << std::hex << encoding;
    return state;
}

double result(const FloatState& state) {
    return std::bit_cast<double>(state.d[0]);
}

TEST(DoublePrecision, ArithmeticIsThatOfIeee754) {
    EXPECT_EQ(result(after(0xee31'0b02, 1.5, 2.25)), 3.75);         // vadd.f64 d0, d1, d2
    EXPECT_EQ(result(after(0xee31'0b42, 1.5, 2.25)), -0.75);        // vsub.f64
    EXPECT_EQ(result(after(0xee21'0b02, 1.5, 2.25)), 3.375);        // vmul.f64
    EXPECT_EQ(result(after(0xee21'0b42, 1.5, 2.25)), -3.375);       // vnmul.f64
    EXPECT_EQ(result(after(0xee81'0b02, 1.0, 3.0)), 1.0 / 3);       // vdiv.f64
    EXPECT_EQ(result(after(0xee01'0b02, 1.5, 2.0, 1.0)), 4.0);      // vmla.f64
    EXPECT_EQ(result(after(0xee01'0b42, 1.5, 2.0, 1.0)), -2.0);     // vmls.f64
    EXPECT_EQ(result(after(0xee11'0b02, 1.5, 2.0, 1.0)), 2.0);      // vnmls.f64
    EXPECT_EQ(result(after(0xee11'0b42, 1.5, 2.0, 1.0)), -4.0);     // vnmla.f64
    EXPECT_EQ(result(after(0xeeb1'0bc2, 0, 2.0)), std::sqrt(2.0));  // vsqrt.f64 d0, d2
    EXPECT_EQ(result(after(0xeeb0'0bc2, 0, -2.0)), 2.0);            // vabs.f64
    EXPECT_EQ(result(after(0xeeb1'0b42, 0, 2.0)), -2.0);            // vneg.f64
}

TEST(DoublePrecision, OnlyTheFusedOperationsRoundOnce) {
    const double x = 1 + std::ldexp(1.0, -30);
    EXPECT_EQ(result(after(0xeea1'0b02, x, x, -1.0)), std::fma(x, x, -1.0));  // vfma.f64
    EXPECT_EQ(result(after(0xeea1'0b42, x, x, 1.0)), std::fma(-x, x, 1.0));   // vfms.f64
    EXPECT_EQ(result(after(0xee91'0b02, x, x, 1.0)), std::fma(x, x, -1.0));   // vfnms.f64
    EXPECT_EQ(result(after(0xee91'0b42, x, x, 1.0)), std::fma(-x, x, -1.0));  // vfnma.f64
    EXPECT_NE(result(after(0xee01'0b02, x, x, -1.0)), std::fma(x, x, -1.0));  // vmla.f64
}

TEST(DoublePrecision, RoundingFollowsTheMode) {
    EXPECT_GT(result(after(0xee81'0b02, 1.0, 3.0, 0, kUp)), 1.0 / 3);
    EXPECT_EQ(after(0xee81'0b02, 1.0, 3.0).fpscr, kInexact);
    EXPECT_EQ(after(0xee81'0b02, 1.0, 0.0).fpscr, kZeroDivide);
    EXPECT_EQ(after(0xee81'0b02, 0.0, 0.0).d[0], 0x7ff8'0000'0000'0000u);  // the default NaN
}

TEST(DoublePrecision, ConversionsSaturateAndSayWhatTheyLost) {
    const auto whole = [](std::uint32_t encoding, double from) {
        return static_cast<std::uint32_t>(after(encoding, 0, from).d[0]);
    };
    EXPECT_EQ(whole(0xeebd'0bc2, -2.9), static_cast<std::uint32_t>(-2));  // vcvt.s32.f64 s0, d2
    EXPECT_EQ(whole(0xeebc'0bc2, -2.9), 0u);                              // vcvt.u32.f64
    EXPECT_EQ(whole(0xeebd'0bc2, 1e10), 0x7fff'ffffu);
    EXPECT_EQ(whole(0xeebc'0bc2, 1e10), 0xffff'ffffu);
    EXPECT_EQ(whole(0xeebd'0bc2, std::nan("")), 0u);
    EXPECT_EQ(whole(0xeebd'0b42, 2.5), 2u);  // vcvtr: to the nearest, ties to even
    EXPECT_EQ(whole(0xfebc'0bc2, 2.5), 3u);  // vcvta: ties away
    EXPECT_EQ(after(0xeebc'0bc2, 0, -2.9).fpscr, kInvalid);
    EXPECT_EQ(after(0xeebd'0bc2, 0, 2.5).fpscr, kInexact);
    FloatState state;
    state.d[1] = std::bit_cast<std::uint32_t>(1.25f);
    ASSERT_TRUE(sim::execute_double(0xeeb7'0ac1, state));  // vcvt.f64.f32 d0, s2
    EXPECT_EQ(result(state), 1.25);
    EXPECT_EQ(std::bit_cast<float>(whole(0xeeb7'0bc2, 1.25)), 1.25f);  // vcvt.f32.f64 s0, d2
}

TEST(DoublePrecision, ComparisonsSetTheFlagsOfTheStatusRegister) {
    const auto flags = [](double d, double m) { return after(0xeeb4'0b42, 0, m, d).fpscr >> 28; };
    EXPECT_EQ(flags(1, 2), 0b1000u);  // vcmp.f64 d0, d2
    EXPECT_EQ(flags(2, 2), 0b0110u);
    EXPECT_EQ(flags(3, 2), 0b0010u);
    EXPECT_EQ(flags(3, std::nan("")), 0b0011u);
}

TEST(DoublePrecision, AConstantIsExpanded) {
    EXPECT_EQ(result(after(0xeeb7'0b00, 0, 0)), 1.0);    // vmov.f64 d0, #1.0
    EXPECT_EQ(result(after(0xeeb0'0b08, 0, 0)), 3.0);    // #3.0
    EXPECT_EQ(result(after(0xeebf'0b00, 0, 0)), -1.0);   // #-1.0
    EXPECT_EQ(result(after(0xeeb4'0b00, 0, 0)), 0.125);  // #0.125
}

TEST(DoublePrecision, WhatIsSinglePrecisionIsLeftAlone) {
    FloatState state;
    EXPECT_FALSE(sim::execute_double(0xee30'0a81, state));  // vadd.f32 s0, s1, s2
    EXPECT_FALSE(sim::execute_double(0xed91'0b00, state));  // vldr d0, [r1]
    EXPECT_FALSE(sim::execute_double(0xf3af'8000, state));  // nop.w
}

class DoublePrograms : public testing::Test {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }

    static sim::Stop call(const char* board, std::uint32_t& r0) {
        const sim::Image image = assemble(
            ".fpu fpv5-d16\nstart:\n vmov.f64 d1, #1.5\n vmov.f64 d2, #2.0\n cmp r0, r0\n ittee "
            "eq\n"
            " vmuleq.f64 d0, d1, d2\n moveq r1, #40\n movne r1, #50\n vmulne.f64 d0, d1, d1\n"
            " vcvt.s32.f64 s0, d0\n vmov r0, s0\n add r0, r1\n bx lr\n");
        sim::Machine machine(image, sim::find_board(board));
        const sim::Stop stop = machine.call(image.entry);
        r0 = machine.register_value(0);
        return stop;
    }
};

TEST_F(DoublePrograms, RunOnABoardWhoseFpuHasThemInItBlocksToo) {
    std::uint32_t r0 = 0;
    EXPECT_EQ(call("stm32h743", r0).halt, sim::Halt::Returned);
    EXPECT_EQ(r0, 43u);
}

TEST_F(DoublePrograms, HaltByNameOnABoardWhoseFpuDoesNot) {
    std::uint32_t r0 = 0;
    const sim::Stop stop = call("stm32f746", r0);
    EXPECT_EQ(stop.halt, sim::Halt::Fault);
    EXPECT_NE(stop.message.find("double-precision"), std::string::npos) << stop.message;
    EXPECT_NE(stop.message.find("stm32f746"), std::string::npos) << stop.message;
}

}  // namespace

}  // namespace mixq::tests
