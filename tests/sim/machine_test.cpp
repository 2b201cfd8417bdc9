// How runs end, what programs print, and that watching a run does not change it.
#include "sim/machine.h"

#include <gtest/gtest.h>

#include "sim/board.h"
#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

struct Count final : sim::BlockObserver {
    std::uint64_t instructions = 0;
    std::uint64_t counted = 0;

    void on_block(const sim::BlockRun& run) override {
        instructions += run.block->instructions.size();
        counted += run.block->counts.total();
    }
};

class MachineRun : public testing::Test {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }

    static sim::Stop call(const std::string& body, bool observed = false) {
        const sim::Image image = assemble("start:\n" + body);
        sim::Machine machine(image, sim::find_board("stm32f746"));
        machine.set_instruction_limit(1'000'000);
        Count count;
        if (observed) machine.set_observer(&count);
        return machine.call(image.entry);
    }

    // Both modes must end alike.
    static sim::Stop call_both(const std::string& body) {
        const sim::Stop fast = call(body, false);
        const sim::Stop observed = call(body, true);
        EXPECT_EQ(fast.halt, observed.halt) << fast.message << " / " << observed.message;
        EXPECT_EQ(fast.exit_code, observed.exit_code);
        if (fast.halt != sim::Halt::Fault) {
            EXPECT_EQ(fast.address, observed.address);
        }
        return observed;
    }
};

TEST_F(MachineRun, ReturnsFromACalledFunction) {
    const sim::Image image =
        assemble("start:\n add r0, r0, r1\n add r0, r0, r2\n add r0, r0, r3\n bx lr");
    sim::Machine machine(image, sim::find_board("stm32f746"));
    const std::uint32_t arguments[] = {1, 20, 300, 4000};
    EXPECT_EQ(machine.call(image.entry, arguments).halt, sim::Halt::Returned);
    EXPECT_EQ(machine.register_value(0), 4321u);
}

TEST_F(MachineRun, ExitsThroughSemihosting) {
    EXPECT_EQ(call_both("mov r0, #0x18\n ldr r1, =0x20026\n bkpt 0xab\n .ltorg").exit_code, 0);
    const sim::Stop stop =
        call_both("mov r0, #0x20\n adr r1, 1f\n bkpt 0xab\n .balign 4\n 1: .word 0x20026, 42");
    EXPECT_EQ(stop.halt, sim::Halt::Exited);
    EXPECT_EQ(stop.exit_code, 42);
}

TEST_F(MachineRun, KeepsWhatTheProgramPrints) {
    const sim::Image image = assemble(
        "start:\n push {r4, lr}\n mov r0, #4\n adr r1, 1f\n bkpt 0xab\n mov r0, #3\n adr r1, 2f\n "
        "bkpt 0xab\n"
        " mov r0, #5\n adr r1, 3f\n bkpt 0xab\n pop {r4, pc}\n .balign 4\n 1: .asciz \"hello \"\n "
        ".balign 4\n"
        " 2: .asciz \"w\"\n .balign 4\n 3: .word 2, 4f, 5\n 4: .ascii \"orld\\n\"");
    for (const bool observed : {false, true}) {
        sim::Machine machine(image, sim::find_board("stm32f746"));
        Count count;
        if (observed) machine.set_observer(&count);
        EXPECT_EQ(machine.call(image.entry).halt, sim::Halt::Returned);
        EXPECT_EQ(machine.console(), "hello world\n");
    }
}

TEST_F(MachineRun, IdlesInWfiAndInABranchToItself) {
    EXPECT_EQ(call_both("nop\n wfi\n bx lr").halt, sim::Halt::Idle);
    EXPECT_EQ(call_both("nop\n b .").halt, sim::Halt::Idle);
    EXPECT_EQ(call_both("nop\n b.w .").halt, sim::Halt::Idle);
}

TEST_F(MachineRun, PassesHints) {
    EXPECT_EQ(call_both("wfe\n yield\n sev\n nop\n bx lr").halt, sim::Halt::Returned);
}

TEST_F(MachineRun, StopsALoopThatNeverEnds) {
    const sim::Stop stop = call_both("1: add r0, #1\n nop\n b 1b");
    EXPECT_EQ(stop.halt, sim::Halt::InstructionLimit);
    EXPECT_NE(stop.message.find("1000000 instructions"), std::string::npos) << stop.message;
    EXPECT_NE(stop.message.find("start"), std::string::npos) << stop.message;
}

TEST_F(MachineRun, NamesAnAccessOutsideTheMemory) {
    for (const char* body : {"ldr r0, =0x60000000\n ldr r1, [r0]\n bx lr\n .ltorg",
                             "ldr r0, =0x60000000\n str r1, [r0]\n bx lr\n .ltorg"}) {
        const sim::Stop stop = call_both(body);
        EXPECT_EQ(stop.halt, sim::Halt::Fault);
        EXPECT_NE(stop.message.find("0x60000000"), std::string::npos) << stop.message;
        EXPECT_NE(stop.message.find("start"), std::string::npos) << stop.message;
    }
}

TEST_F(MachineRun, NamesAWriteToFlash) {
    const sim::Stop stop = call_both("ldr r0, =0x08000000\n str r1, [r0]\n bx lr\n .ltorg");
    EXPECT_EQ(stop.halt, sim::Halt::Fault);
    EXPECT_NE(stop.message.find("write to flash"), std::string::npos) << stop.message;
}

TEST_F(MachineRun, NamesAJumpIntoNothing) {
    const sim::Stop stop = call_both("ldr r0, =0x60000001\n bx r0\n .ltorg");
    EXPECT_EQ(stop.halt, sim::Halt::Fault);
}

TEST_F(MachineRun, StopsAtWhatIsNotAnInstruction) {
    EXPECT_EQ(call_both("nop\n .hword 0xde00\n bx lr").halt, sim::Halt::Fault);
    EXPECT_EQ(call_both("nop\n .hword 0xffff, 0xffff\n bx lr").halt, sim::Halt::Fault);
    EXPECT_EQ(call_both("svc 0\n bx lr").halt, sim::Halt::Fault);
    EXPECT_EQ(call_both("bkpt 1\n bx lr").halt, sim::Halt::Fault);
    EXPECT_EQ(call_both("ldr r0, =0x08000000\n bx r0\n .ltorg").halt, sim::Halt::Fault);
    EXPECT_EQ(call_both("vadd.f32 s0, s0, s0\n .hword 0xee30, 0x0b00\n bx lr").halt,
              sim::Halt::Fault);
}

TEST_F(MachineRun, StopsAtErasedFlash) {
    EXPECT_EQ(call_both("ldr r0, =0x08080001\n bx r0\n .ltorg").halt, sim::Halt::Fault);
}

TEST_F(MachineRun, RefusesSemihostingCallsItDoesNotKnow) {
    EXPECT_EQ(call_both("mov r0, #0x99\n bkpt 0xab").halt, sim::Halt::Fault);
    EXPECT_EQ(call_both("mov r0, #4\n ldr r1, =0x60000000\n bkpt 0xab\n .ltorg").halt,
              sim::Halt::Fault);
}

TEST_F(MachineRun, ShowsFlashOnBothBuses) {
    const sim::Image image = assemble(
        "start:\n ldr r0, =0x00200000\n ldr r1, =0x08000000\n ldr r2, [r0]\n ldr r3, [r1]\n"
        " subs r0, r2, r3\n bx lr\n .ltorg");
    sim::Machine machine(image, sim::find_board("stm32f746"));
    EXPECT_EQ(machine.call(image.entry).halt, sim::Halt::Returned);
    EXPECT_EQ(machine.register_value(0), 0u);
}

TEST_F(MachineRun, RefusesMemoryOutsideTheBoard) {
    const sim::Image image = assemble("start: bx lr");
    sim::Machine machine(image, sim::find_board("stm32f746"));
    std::uint8_t bytes[8] = {};
    EXPECT_THROW(machine.write(0x2005'0000 - 4, bytes), std::runtime_error);
    EXPECT_THROW(machine.read(0x6000'0000, bytes), std::runtime_error);
    machine.write(0x2005'0000 - 8, bytes);
}

TEST_F(MachineRun, RunsCodeThatReplacesCode) {
    // Two instructions are copied to RAM and run, then overwritten and run again.
    const std::string body =
        "push {r4-r7, lr}\n ldr r4, =0x20000100\n ldr r5, =0x47702001\n str r5, [r4]\n add r6, r4, "
        "#1\n blx r6\n"
        "mov r7, r0\n ldr r5, =0x47702002\n str r5, [r4]\n blx r6\n add r0, r0, r7, lsl #4\n pop "
        "{r4-r7, pc}\n .ltorg";
    const sim::Image image = assemble("start:\n" + body);
    for (const bool observed : {false, true}) {
        sim::Machine machine(image, sim::find_board("stm32f746"));
        Count count;
        if (observed) machine.set_observer(&count);
        EXPECT_EQ(machine.call(image.entry).halt, sim::Halt::Returned);
        EXPECT_EQ(machine.register_value(0), 0x12u);
        if (observed) {
            EXPECT_EQ(count.instructions, 16u);
        }
    }
}

TEST_F(MachineRun, SwitchesBetweenWatchedAndFullSpeed) {
    const sim::Image image = assemble("start:\n movs r1, #100\n 1: subs r1, #1\n bne 1b\n bx lr");
    sim::Machine machine(image, sim::find_board("stm32f746"));
    Count count;
    for (int round = 1; round <= 3; ++round) {
        machine.set_observer(nullptr);
        EXPECT_EQ(machine.call(image.entry).halt, sim::Halt::Returned);
        machine.set_observer(&count);
        EXPECT_EQ(machine.call(image.entry).halt, sim::Halt::Returned);
        EXPECT_EQ(count.instructions, 202u * static_cast<unsigned>(round));
    }
}

TEST_F(MachineRun, MovesWithItsMemory) {
    const sim::Image image = assemble("start:\n adds r0, #1\n bx lr");
    sim::Machine first(image, sim::find_board("stm32f746"));
    first.set_register(0, 6);
    sim::Machine second(std::move(first));
    EXPECT_EQ(second.call(image.entry, {}).halt, sim::Halt::Returned);
    EXPECT_EQ(second.register_value(0), 7u);
}

TEST_F(MachineRun, BootsFromTheVectorTable) {
    const sim::Image image =
        assemble(".word 0x20010000, reset + 1\nstart: b .\n.thumb_func\nreset:\n mov r4, sp\n wfi");
    sim::Machine machine(image, sim::find_board("stm32f746"));
    EXPECT_EQ(machine.reset().halt, sim::Halt::Idle);
    EXPECT_EQ(machine.register_value(4), 0x2001'0000u);
}

}  // namespace

}  // namespace mixq::tests
