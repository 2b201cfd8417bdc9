// Programs that go wrong: each ends with a message of one line that says what, where and after which blocks.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/board.h"
#include "sim/machine.h"
#include "sim/simulate.h"
#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

// A vector table whose handlers are all `other`, then `body` in `reset`.
std::string program(const std::string& body) {
    return " .word 0x20000100, reset + 1\n .rept 9\n .word other + 1\n .endr\n .word svcall + 1\n"
           " .rept 4\n .word other + 1\n .endr\nstart: b .\n.thumb_func\nother: b .\n"
           ".weak svcall\n.thumb_func\n.type reset, %function\nreset:\n" +
           body + "\n.ltorg\n.thumb_func\nafter: b .\n";
}

struct Wrong {
    const char* name;
    const char* body;
    sim::Halt halt;
    std::vector<std::string> words;  // of the message
};

void PrintTo(const Wrong& wrong, std::ostream* out) {
    *out << wrong.name;
}

const Wrong kWrong[] = {
    {"JumpIntoNothing",
     "nop\n b 1f\n1: ldr r0, =0x60000001\n bx r0",
     sim::Halt::Fault,
     {"0x60000000", "no code"}},
    {"JumpToAnEvenAddress",
     "nop\n b 1f\n1: ldr r0, =0x08000000\n bx r0",
     sim::Halt::Fault,
     {"even address"}},
    {"ReadOfNothing",
     "nop\n b 1f\n1: ldr r0, =0x70000010\n ldr r1, [r0]",
     sim::Halt::Fault,
     {"0x70000010", "reset+", "neither memory nor peripherals"}},
    {"WriteOfNothing",
     "nop\n b 1f\n1: ldr r0, =0x70000010\n str r1, [r0]",
     sim::Halt::Fault,
     {"0x70000010", "reset+", "neither memory nor peripherals"}},
    {"WriteToFlash",
     "nop\n b 1f\n1: ldr r0, =0x08000100\n str r1, [r0]",
     sim::Halt::Fault,
     {"write to flash", "0x08000100", "reset+"}},
    {"StackOverflow",
     "nop\n1: push {r0-r7, lr}\n bl 1b",
     sim::Halt::Fault,
     {"0x1fffff", "the stack pointer is there", "reset+"}},
    {"EndlessLoop",
     "nop\n1: adds r0, #1\n b 2f\n2: b 1b",
     sim::Halt::InstructionLimit,
     {"100000 instructions", "reset+"}},
    {"Undefined", "nop\n b 1f\n1: udf #0", sim::Halt::Fault, {"undefined", "reset+"}},
    {"NoInstruction", "nop\n b 1f\n1: .hword 0xffff, 0xffff", sim::Halt::Fault, {"reset+"}},
    {"Breakpoint", "nop\n b 1f\n1: bkpt 1", sim::Halt::Fault, {"not semihosting", "reset+"}},
    {"FaultWithinAFault",
     "b 1f\n1: svc 0\n b .\n.thumb_func\n.type svcall, %function\nsvcall: nop\n b 1f\n1: svc 1",
     sim::Halt::Fault,
     {"SVC where SVCall cannot interrupt", "HardFault", "svcall+"}},
    {"SvcWhileMasked", "cpsid i\n b 1f\n1: svc 0", sim::Halt::Fault, {"masked", "reset+"}},
    {"ExceptionOverflowsTheStack",
     "ldr r0, =0x20000010\n mov sp, r0\n b 1f\n1: svc 0",
     sim::Halt::Fault,
     {"exception 11", "frame", "0x1ffffff0", "reset+"}},
    {"ReturnFromNoException",
     "nop\n b 1f\n1: ldr r0, =0xfffffff9\n bx r0",
     sim::Halt::Fault,
     {"no exception is active"}},
    {"VectorTableMovedIntoNothing",
     "ldr r0, =0xe000ed08\n ldr r1, =0x60000000\n str r1, [r0]\n b 1f\n1: svc 0",
     sim::Halt::Fault,
     {"no handler", "0x6000002c", "reset+"}},
    {"ResetRequest",
     "ldr r4, =0xe000ed0c\n ldr r5, =0x05fa0004\n str r5, [r4]\n b 1f\n1: b 2f\n2: b 1b",
     sim::Halt::Fault,
     {"SYSRESETREQ", "reset+"}},
};

enum class Way { FullSpeed, Watched, Timed };

class HaltOf : public testing::TestWithParam<Wrong> {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }

    static sim::Stop run(const sim::Image& image, Way way) {
        struct Nobody final : sim::BlockObserver {
            void on_block(const sim::BlockRun&) override {}
        };

        const sim::Board& board = sim::find_board("stm32f746");
        constexpr std::uint64_t kLimit = 100'000;
        if (way == Way::Timed) {
            sim::Simulation simulation(image, board, {});
            simulation.follow_memory({});
            simulation.machine().set_instruction_limit(kLimit);
            return simulation.run(true);
        }
        Nobody nobody;
        sim::Machine machine(image, board);
        machine.set_instruction_limit(kLimit);
        if (way == Way::Watched) machine.set_observer(&nobody);
        return machine.reset();
    }
};

TEST_P(HaltOf, HasAName) {
    const Wrong& wrong = GetParam();
    const sim::Image image = assemble(program(wrong.body));
    for (const Way way : {Way::FullSpeed, Way::Watched, Way::Timed}) {
        const sim::Stop stop = run(image, way);
        SCOPED_TRACE(static_cast<int>(way));
        EXPECT_EQ(stop.halt, wrong.halt) << stop.message;
        EXPECT_EQ(stop.message.find('\n'), std::string::npos) << stop.message;
        EXPECT_NE(stop.message.find("last blocks: 0x0800"), std::string::npos) << stop.message;
        for (const std::string& word : wrong.words)
            EXPECT_NE(stop.message.find(word), std::string::npos) << word << " in " << stop.message;
    }
}

INSTANTIATE_TEST_SUITE_P(Programs, HaltOf, testing::ValuesIn(kWrong), [](const auto& wrong) {
    return wrong.param.name;
});

TEST(Halt, SleepWithNothingToWakeItIsAnEndWithAnAddress) {
    if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    for (const char* body : {"nop\n wfi\n b .", "cpsid i\n wfi\n wfi\n b ."}) {
        sim::Machine machine(assemble(program(body)), sim::find_board("stm32f746"));
        const sim::Stop stop = machine.reset();
        EXPECT_EQ(stop.halt, sim::Halt::Idle);
        EXPECT_GE(stop.address, 0x0800'0040u);
        EXPECT_LT(stop.address, 0x0800'0060u);
    }
}

TEST(Halt, AnImageWithoutThumbCodeToStartAtIsRefused) {
    if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    // An even reset vector is no vector, and an entry without the Thumb bit is no entry.
    sim::Image image = assemble(" .word 0x20000100, start\n.thumb_func\nstart: nop\n wfi\n");
    sim::Machine good(image, sim::find_board("stm32f746"));
    EXPECT_EQ(good.reset().halt, sim::Halt::Idle);
    image.segments[0].bytes[4] &= 0xfe;
    image.entry_is_thumb = false;
    sim::Machine machine(image, sim::find_board("stm32f746"));
    const sim::Stop stop = machine.reset();
    EXPECT_EQ(stop.halt, sim::Halt::Fault);
    EXPECT_NE(stop.message.find("no Thumb code"), std::string::npos) << stop.message;
}

}  // namespace

}  // namespace mixq::tests
