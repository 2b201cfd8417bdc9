// Booting as hardware does: vectors, exceptions, peripherals, raw images, and how wrong ones end.
#include <fstream>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "sim/board.h"
#include "sim/machine.h"
#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

// A vector table, then `body` in `reset`; handlers it does not define stop in a branch to themselves.
std::string program(const std::string& body) {
    return ".macro vectors\n .word 0x20010000, reset + 1\n .rept 9\n .word other + 1\n .endr\n"
           " .word svcall + 1, other + 1, other + 1, pendsv + 1, systick + 1\n .rept 37\n"
           " .word other + 1\n .endr\n .word usart1 + 1, usart2 + 1\n .endm\n vectors\n"
           "start: b .\n.thumb_func\nother: b .\n.weak svcall, pendsv, systick, usart1, usart2\n"
           ".thumb_func\nreset:\n" +
           body + "\n.ltorg\n";
}

class Boot : public testing::Test {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }

    static sim::Machine boot(const std::string& body) {
        sim::Machine machine(assemble(program(body)), sim::find_board("stm32f746"));
        machine.set_instruction_limit(20'000'000);
        return machine;
    }

    static std::uint32_t word(const sim::Machine& machine, std::uint32_t address) {
        std::uint8_t bytes[4];
        machine.read(address, bytes);
        return bytes[0] | bytes[1] << 8 | bytes[2] << 16 |
               static_cast<std::uint32_t>(bytes[3]) << 24;
    }
};

constexpr const char* kCountTicks =
    ".thumb_func\nsystick:\n ldr r0, =0x20000000\n ldr r1, [r0]\n adds r1, #1\n str r1, [r0]\n bx "
    "lr\n";

TEST_F(Boot, ASysTickArrivesEveryNCycles) {
    // 99 reloads: a tick every 1000 cycles while 100000 instructions of a loop run.
    sim::Machine machine =
        boot(std::string("ldr r4, =0xe000e010\n ldr r5, =999\n str r5, [r4, #4]\n movs r5, #0\n"
                         " str r5, [r4, #8]\n movs r5, #7\n str r5, [r4]\n ldr r6, =50000\n"
                         "1: subs r6, #1\n bne 1b\n movs r5, #0\n str r5, [r4]\n wfi\n") +
             kCountTicks);
    EXPECT_EQ(machine.reset().halt, sim::Halt::Idle);
    const std::uint32_t ticks = word(machine, 0x2000'0000);
    // Each tick takes its own time as well: 12 cycles in, 5 instructions, 12 cycles out.
    EXPECT_GE(ticks, 100u);
    EXPECT_LE(ticks, 104u);
}

TEST_F(Boot, AHandlerRunsOncePerPend) {
    sim::Machine machine = boot(
        "ldr r4, =0xe000ed04\n ldr r5, =0x10000000\n movs r6, #7\n"
        "1: str r5, [r4]\n nop\n b 2f\n2: subs r6, #1\n bne 1b\n wfi\n"
        ".thumb_func\npendsv:\n ldr r0, =0x20000000\n ldr r1, [r0]\n adds r1, #1\n str r1, [r0]\n"
        " bx lr\n");
    EXPECT_EQ(machine.reset().halt, sim::Halt::Idle);
    EXPECT_EQ(word(machine, 0x2000'0000), 7u);
}

TEST_F(Boot, PrimaskHoldsAnExceptionBack) {
    sim::Machine machine = boot(
        "cpsid i\n ldr r4, =0xe000ed04\n ldr r5, =0x10000000\n str r5, [r4]\n b 1f\n"
        "1: ldr r0, =0x20000000\n ldr r7, [r0]\n cpsie i\n b 2f\n2: ldr r8, [r0]\n wfi\n"
        ".thumb_func\npendsv:\n ldr r0, =0x20000000\n movs r1, #9\n str r1, [r0]\n bx lr\n");
    EXPECT_EQ(machine.reset().halt, sim::Halt::Idle);
    EXPECT_EQ(machine.register_value(7), 0u);
    EXPECT_EQ(machine.register_value(8), 9u);
}

TEST_F(Boot, AnExceptionKeepsEveryRegisterAndTheFloats) {
    sim::Machine machine = boot(
        "vmov.f32 s3, #2.0\n movs r0, #1\n movs r1, #2\n movs r2, #3\n movs r3, #4\n"
        " mov r12, #5\n svc 3\n wfi\n"
        ".thumb_func\nsvcall:\n vmov.f32 s3, #1.0\n movs r0, #0\n movs r1, #0\n movs r2, #0\n"
        " movs r3, #0\n mov r12, #0\n mrs r7, ipsr\n bx lr\n");
    EXPECT_EQ(machine.reset().halt, sim::Halt::Idle);
    for (std::uint32_t k = 0; k < 4; ++k)
        EXPECT_EQ(machine.register_value(static_cast<sim::Register>(k)), k + 1);
    EXPECT_EQ(machine.register_value(12), 5u);
    EXPECT_EQ(machine.register_value(7), 11u);
    EXPECT_EQ(machine.register_value(sim::kSp), 0x2001'0000u);
    EXPECT_EQ(machine.register_value(static_cast<sim::Register>(sim::kS0 + 3)), 0x4000'0000u);
}

TEST_F(Boot, CycleCounterShowsSimulatedCycles) {
    const std::string body =
        "ldr r4, =0xe0001000\n ldr r5, =0xc5acce55\n ldr r6, =0xe0001fb0\n str r5, [r6]\n"
        " movs r5, #1\n str r5, [r4]\n b 1f\n1: ldr r7, [r4, #4]\n ldr r6, =1000\n b 2f\n"
        "2: subs r6, #1\n bne 2b\n b 3f\n3: ldr r8, [r4, #4]\n sub r8, r8, r7\n wfi\n";
    sim::Machine machine = boot(body);
    EXPECT_EQ(machine.reset().halt, sim::Halt::Idle);
    // At full speed an instruction is a cycle: 2000 of the loop and those between the reads.
    EXPECT_NEAR(machine.register_value(8), 2004, 4);
    sim::Simulation timed(assemble(program(body)), sim::find_board("stm32f746"), {});
    EXPECT_EQ(timed.run(true).halt, sim::Halt::Idle);
    // All of the run but what comes before the first read.
    EXPECT_NEAR(
        timed.machine().register_value(8), static_cast<double>(timed.total().timing.cycles), 60);
}

TEST_F(Boot, EntryToAnExceptionAndReturnAreAccountedFor) {
    const auto timing = [](const std::string& body) {
        sim::Simulation timed(assemble(program(body)), sim::find_board("stm32f746"), {});
        EXPECT_EQ(timed.run(true).halt, sim::Halt::Idle);
        return timed.total().timing;
    };
    const std::string handler = ".thumb_func\nsvcall:\n movs r0, #0\n bx lr\n";
    constexpr auto kException = static_cast<std::size_t>(sim::Stall::Exception);
    const sim::Timing twice = timing("svc 3\n svc 3\n wfi\n" + handler);
    EXPECT_EQ(twice.stalls[kException], 2u * (12 + 12));
    EXPECT_EQ(std::accumulate(twice.stalls.begin(), twice.stalls.end(), twice.issue_cycles),
              twice.cycles);
    EXPECT_EQ(timing("nop\n nop\n wfi\n" + handler).stalls[kException], 0u);
}

TEST_F(Boot, AUsartEchoes) {
    sim::Machine machine = boot(
        "ldr r4, =0x40011000\n movs r5, #0x2d\n str r5, [r4]\n ldr r6, =0xe000e104\n"
        " movs r5, #0x20\n str r5, [r6]\n b .\n"
        ".thumb_func\nusart1:\n ldr r0, =0x40011000\n ldr r1, [r0, #0x24]\n adds r1, #1\n"
        " str r1, [r0, #0x28]\n bx lr\n");
    std::string input = "HAL";
    std::string output;
    machine.peripherals().connect("USART1",
                                  {[&](bool) -> std::optional<std::uint8_t> {
                                       if (input.empty()) return std::nullopt;
                                       const char first = input.front();
                                       input.erase(0, 1);
                                       return static_cast<std::uint8_t>(first);
                                   },
                                   [&](std::uint8_t byte) { output += static_cast<char>(byte); }});
    EXPECT_EQ(machine.reset().halt, sim::Halt::Idle);
    EXPECT_EQ(output, "IBM");
}

TEST_F(Boot, ClocksAreReadyOnceTheyAreOn) {
    sim::Machine machine = boot(
        "ldr r4, =0x40023800\n ldr r5, [r4]\n ldr r6, =0x01010000\n orrs r5, r6\n str r5, [r4]\n "
        "ldr r6, [r4]\n"
        " movs r5, #2\n str r5, [r4, #8]\n ldr r7, [r4, #8]\n wfi\n");
    EXPECT_EQ(machine.reset().halt, sim::Halt::Idle);
    EXPECT_EQ(machine.register_value(6) & 0x0303'0003u, 0x0303'0003u);
    EXPECT_EQ(machine.register_value(7), 0xau);
}

TEST_F(Boot, AnUnknownRegisterIsRememberedOrNamed) {
    const char* body = "ldr r4, =0x40003800\n movs r5, #5\n str r5, [r4]\n ldr r6, [r4]\n wfi\n";
    sim::Machine lenient = boot(body);
    EXPECT_EQ(lenient.reset().halt, sim::Halt::Idle);
    EXPECT_EQ(lenient.register_value(6), 5u);
    const auto unknown = lenient.peripherals().unknown_registers();
    ASSERT_EQ(unknown.size(), 1u);
    EXPECT_EQ(unknown[0].peripheral, "SPI2");
    EXPECT_EQ(unknown[0].reads + unknown[0].writes, 2u);

    sim::Machine strict = boot(std::string(body) + " b .\n");
    strict.peripherals().set_strict(true);
    const sim::Stop stop = strict.reset();
    EXPECT_EQ(stop.halt, sim::Halt::Fault);
    for (const char* words : {"0x40003800", "SPI2", "last blocks"})
        EXPECT_NE(stop.message.find(words), std::string::npos) << stop.message;
}

TEST_F(Boot, AResetRequestAndAMissingHandlerAreNamed) {
    sim::Machine reset =
        boot("ldr r4, =0xe000ed0c\n ldr r5, =0x05fa0004\n str r5, [r4]\n1: b 1b\n");
    EXPECT_NE(reset.reset().message.find("SYSRESETREQ"), std::string::npos);
    sim::Machine nothing = boot("ldr r4, =0xe000ed08\n movs r5, #0\n str r5, [r4]\n svc 0\n wfi\n");
    const sim::Stop stop = nothing.reset();
    EXPECT_EQ(stop.halt, sim::Halt::Fault);
    EXPECT_NE(stop.message.find("no handler"), std::string::npos) << stop.message;
}

TEST_F(Boot, ACycleLimitStopsAnEndlessLoop) {
    sim::Machine machine = boot("1: nop\n b 2f\n2: b 1b\n");
    machine.set_cycle_limit(5000);
    const sim::Stop stop = machine.reset();
    EXPECT_EQ(stop.halt, sim::Halt::InstructionLimit);
    EXPECT_NE(stop.message.find("5000 cycles"), std::string::npos) << stop.message;
    EXPECT_NE(stop.message.find("last blocks"), std::string::npos) << stop.message;
}

TEST(RawImage, NoBytesMakeTheLoaderOrTheMachineDoAnythingButSaySo) {
    std::mt19937 random(7);
    const std::filesystem::path path =
        std::filesystem::path(testing::TempDir()) / "mixq-raw-image.bin";
    int ran = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<std::uint8_t> bytes(random() % 600);
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
        if (bytes.size() > 300 && round % 2 != 0) {
            const std::uint8_t vectors[] = {0, 0, 1, 0x20, 0x41, 0, 0, 8};
            std::copy(std::begin(vectors), std::end(vectors), bytes.begin());
        }
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
        try {
            sim::Machine machine(sim::read_raw(path, 0x0800'0000), sim::find_board("stm32f746"));
            machine.set_instruction_limit(20'000);
            const sim::Stop stop = machine.reset();
            EXPECT_EQ(stop.message.find('\n'), std::string::npos) << stop.message;
            ++ran;
        } catch (const std::runtime_error& error) {
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        }
    }
    std::filesystem::remove(path);
    EXPECT_GT(ran, 50);
}

}  // namespace

}  // namespace mixq::tests
