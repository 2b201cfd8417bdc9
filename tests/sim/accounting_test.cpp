// Every cycle has a name, every instruction is counted once, and the same program always costs the same.
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "sim/board.h"
#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

void expect_accounted(const sim::Timing& timing) {
    const std::uint64_t stalls =
        std::accumulate(timing.stalls.begin(), timing.stalls.end(), std::uint64_t{0});
    const std::uint64_t unpaired =
        std::accumulate(timing.unpaired.begin(), timing.unpaired.end(), std::uint64_t{0});
    EXPECT_EQ(timing.issue_cycles + stalls, timing.cycles);
    EXPECT_EQ(timing.dual_issues + unpaired, timing.issue_cycles);
    EXPECT_EQ(timing.dual_issues + timing.issue_cycles, timing.instructions);
}

std::string random_instruction(std::mt19937& random) {
    const auto reg = [&] { return "r" + std::to_string(2 + random() % 8); };
    const auto offset = [&] { return "#" + std::to_string(random() % 64); };
    switch (random() % 18) {
        case 0:
            return "add.w " + reg() + ", " + reg() + ", #1";
        case 1:
            return "eor.w " + reg() + ", " + reg() + ", " + reg() + ", lsl #3";
        case 2:
            return "mul " + reg() + ", " + reg() + ", " + reg();
        case 3:
            return "smlad " + reg() + ", " + reg() + ", " + reg() + ", " + reg();
        case 4:
            return "ldr.w " + reg() + ", [r0, " + offset() + "]";
        case 5:
            return "ldrb.w " + reg() + ", [r0, " + offset() + "]";
        case 6:
            return "str.w " + reg() + ", [r0, " + offset() + "]";
        case 7:
            return "strb.w " + reg() + ", [r0, " + offset() + "]";
        case 8:
            return "ubfx " + reg() + ", " + reg() + ", #3, #7";
        case 9:
            return "uadd8 " + reg() + ", " + reg() + ", " + reg();
        case 10:
            return "lsl.w " + reg() + ", " + reg() + ", #2";
        case 11:
            return "adds.w " + reg() + ", " + reg() + ", " + reg();
        case 12:
            return "ldmia.w r0, {r3, r5, r7}";
        case 13:
            return "stmia.w r0, {r2, r4, r6, r8}";
        case 14:
            return "udiv " + reg() + ", " + reg() + ", " + reg();
        case 15:
            return "vfma.f32 s0, s" + std::to_string(random() % 4) + ", s1";
        case 16:
            return "cmp.w " + reg() + ", #5\n ite lt\n addlt.w " + reg() + ", r3, #1\n ldrge.w " +
                   reg() + ", [r0, #8]";
        default:
            return "rev.w " + reg() + ", " + reg();
    }
}

std::string random_code(unsigned seed, int length) {
    std::mt19937 random(seed);
    std::string body;
    for (int k = 0; k < length; ++k) body += " " + random_instruction(random) + "\n";
    return body;
}

// Forward branches on data bits over short runs, in a loop. The program counts its instructions itself, in r10.
std::string branchy(unsigned seed, int parts) {
    std::mt19937 random(seed);
    std::string body =
        "start:\n push {r4-r11, lr}\n mov.w r10, #0\n ldr.w r2, =12345\n movs r3, #40\n1:\n";
    for (int k = 0; k < parts; ++k) {
        const int skipped = 1 + static_cast<int>(random() % 5);
        body += " movw r4, #1103\n mla r2, r2, r4, r3\n tst.w r2, #" +
                std::to_string(1u << (random() % 8)) + "\n " + (random() % 2 != 0 ? "beq" : "bne") +
                ".w 2f\n add.w r10, r10, #" + std::to_string(skipped + 1) + "\n";
        for (int i = 0; i < skipped; ++i) body += " eor.w r5, r6, r7\n";
        // MOVW, MLA, TST, the branch and this one.
        body += "2:\n add.w r10, r10, #5\n";
    }
    return body +
           " add.w r10, r10, #3\n subs r3, #1\n bne.w 1b\n mov r0, r10\n pop {r4-r11, pc}\n "
           ".ltorg\n";
}

class Accounting : public testing::TestWithParam<int> {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }
};

TEST_P(Accounting, IssueCyclesAndStallsAreTheTotal) {
    const std::string source =
        "start:\n push {r4-r11, lr}\n ldr r0, =0x20000100\n movs r1, #3\n1:\n" +
        random_code(static_cast<unsigned>(GetParam()), 120) +
        " subs r1, #1\n bne.w 1b\n pop {r4-r11, pc}\n .ltorg\n";
    const sim::Image image = assemble(source);
    sim::Simulation simulation(image, sim::find_board("stm32f746"), {"start"});
    for (int k = 0; k < 2; ++k)
        ASSERT_EQ(simulation.call(image.entry, {}, true).halt, sim::Halt::Returned);
    ASSERT_EQ(simulation.calls().size(), 2u);
    for (const sim::CallTiming& call : simulation.calls()) {
        expect_accounted(call.timing);
        EXPECT_EQ(call.counts.total(), call.timing.instructions);
    }
    expect_accounted(simulation.total().timing);

    sim::Simulation again(image, sim::find_board("stm32f746"), {"start"});
    for (int k = 0; k < 2; ++k) again.call(image.entry, {}, true);
    for (int k = 0; k < 2; ++k) EXPECT_EQ(again.calls()[k].timing, simulation.calls()[k].timing);
}

TEST_P(Accounting, RetiredInstructionsAreThoseTheProgramCounts) {
    const sim::Image image = assemble(branchy(static_cast<unsigned>(GetParam()), 30));
    sim::Simulation simulation(image, sim::find_board("stm32f746"), {"start"});
    ASSERT_EQ(simulation.call(image.entry, {}, true).halt, sim::Halt::Returned);
    const std::uint32_t by_itself = simulation.machine().register_value(0);
    // PUSH, MOV, LDR, MOVS before; MOV, POP after.
    EXPECT_EQ(simulation.calls().at(0).timing.instructions, by_itself + 6u);

    sim::Simulation fast(image, sim::find_board("stm32f746"), {"start"});
    ASSERT_EQ(fast.call(image.entry, {}, false).halt, sim::Halt::Returned);
    EXPECT_EQ(fast.machine().register_value(0), by_itself);
    EXPECT_TRUE(fast.calls().empty());
}

TEST_P(Accounting, WatchingDoesNotChangeTheResults) {
    const std::string source =
        "start:\n push {r4-r11, lr}\n ldr r0, =0x20000100\n" +
        random_code(static_cast<unsigned>(GetParam()) + 100, 300) +
        " eor.w r0, r2, r3\n eor.w r0, r0, r4\n eor.w r0, r0, r5\n eor.w r0, r0, r6\n"
        " eor.w r0, r0, r7\n pop {r4-r11, pc}\n .ltorg\n";
    const sim::Image image = assemble(source);
    std::uint32_t results[2];
    for (const bool timed : {false, true}) {
        sim::Simulation simulation(image, sim::find_board("stm32f746"), {"start"});
        for (int k = 2; k < 13; ++k)
            simulation.machine().set_register(static_cast<sim::Register>(k), 77u * k);
        ASSERT_EQ(simulation.call(image.entry, {}, timed).halt, sim::Halt::Returned);
        results[timed] = simulation.machine().register_value(0);
    }
    EXPECT_EQ(results[0], results[1]);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Accounting, testing::Range(1, 9));

class Calls : public Accounting {};

TEST_F(Calls, NestAndRecurse) {
    const sim::Image image = assemble(
        "start:\n push {r4, lr}\n movs r0, #3\n bl down\n bl leaf\n pop {r4, pc}\n"
        ".type down, %function\ndown:\n push {r4, lr}\n cbz r0, 1f\n subs r0, #1\n bl down\n 1: "
        "pop {r4, pc}\n"
        ".type leaf, %function\nleaf: b.w tail\n.type tail, %function\ntail: bx lr\n");
    sim::Simulation simulation(
        image, sim::find_board("stm32f746"), {"start", "down", "leaf", "tail"});
    ASSERT_EQ(simulation.call(image.entry, {}, true).halt, sim::Halt::Returned);
    std::vector<std::string> order;
    for (const sim::CallTiming& call : simulation.calls()) order.push_back(call.function);
    const std::vector<std::string> expected{
        "down", "down", "down", "down", "tail", "leaf", "start"};
    EXPECT_EQ(order, expected);
    EXPECT_LT(simulation.calls()[0].timing.cycles, simulation.calls()[3].timing.cycles);
    EXPECT_EQ(simulation.calls()[6].timing.instructions, simulation.total().timing.instructions);
}

TEST_F(Calls, CostTheSameWhateverCameBefore) {
    const std::string rest =
        "\n bl leaf\n pop {r4-r11, pc}\n.type leaf, %function\nleaf:\n mul r2, r3, r4\n eor r5, "
        "r2, r6\n bx lr\n";
    std::uint64_t cycles[2];
    int k = 0;
    for (const char* before : {"vdiv.f32 s0, s1, s2\n ldr r3, [sp]\n mul r4, r3, r3", "nop"}) {
        const sim::Image image =
            assemble(std::string("start:\n push {r4-r11, lr}\n ") + before + rest);
        sim::Simulation simulation(image, sim::find_board("stm32f746"), {"leaf"});
        ASSERT_EQ(simulation.call(image.entry, {}, true).halt, sim::Halt::Returned);
        cycles[k++] = simulation.calls().at(0).timing.cycles;
    }
    EXPECT_EQ(cycles[0], cycles[1]);
}

TEST_F(Calls, RefuseASymbolThatIsNotThere) {
    const sim::Image image = assemble("start: bx lr");
    EXPECT_THROW(sim::Simulation(image, sim::find_board("stm32f746"), {"nobody"}),
                 std::runtime_error);
    EXPECT_THROW(sim::find_board("stm32f999"), std::invalid_argument);
}

}  // namespace

}  // namespace mixq::tests
