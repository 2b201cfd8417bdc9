// Laws of speed: what is remembered, and what is resolved from registers, gives what watching everything gives.
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/board.h"
#include "sim/cores/core.h"
#include "sim/machine.h"
#include "sim/memory_system.h"
#include "sim/pipeline.h"
#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

// r0 and r1 point into DTCM, r2 into SRAM, r3 at code in flash; r4 to r9 hold data; r10 counts.
std::string random_instruction(std::mt19937& random) {
    const auto data = [&] { return "r" + std::to_string(4 + random() % 6); };
    const auto base = [&] { return "r" + std::to_string(random() % 3); };
    const auto offset = [&](unsigned most) { return "#" + std::to_string(random() % most); };
    switch (random() % 20) {
        case 0:
            return "ldr.w " + data() + ", [" + base() + ", " + offset(64) + "]";
        case 1:
            return "ldrb.w " + data() + ", [" + base() + "], #1";
        case 2:
            return "str.w " + data() + ", [" + base() + ", " + offset(64) + "]";
        case 3:
            return "strb.w " + data() + ", [" + base() + ", #1]!";
        case 4:
            return "and r9, " + data() + ", #124\n ldr.w " + data() + ", [" + base() + ", r9]";
        case 5:
            return "uxtb r9, " + data() + "\n ldrsh.w " + data() + ", [" + base() + ", r9, lsl #1]";
        case 6:
            return "ldrd r4, r5, [" + base() + ", #8]";
        case 7:
            return "push {r4, r5, r6}\n pop {r6, r7, r8}";
        case 8:
            return "str r1, [sp, #-8]!\n ldr r9, [sp], #8\n ldrb r4, [r9, #3]";
        case 9:
            return "cmp " + data() + ", " + data() +
                   "\n ite lt\n ldrlt r4, [r0, #4]\n strge r5, [r1, #8]";
        case 10:
            return "orr r9, " + data() + ", #1\n udiv r5, " + data() + ", r9";
        case 11:
            return "ldr r9, [r3], #32\n bfi " + data() + ", r9, #3, #9";
        case 12:
            return "smlad " + data() + ", " + data() + ", " + data() + ", " + data();
        case 13:
            return "ldmia " + base() + ", {r4, r6, r8}";
        case 14:
            return "add r9, r2, #64\n ldrh r5, [r9, #-2]\n vldr s1, [r9, #4]";
        case 15:
            return "tst " + data() + ", #1\n bne 2f\n eor " + data() + ", r4, #5\n2:";
        case 16:
            return "ldr r9, =0x1f0\n ldr r6, [r2, r9]";
        case 17:
            return "vfma.f32 s0, s1, s2";
        case 18:
            return "lsl.w " + data() + ", " + data() + ", #2";
        default:
            return "adds.w " + data() + ", " + data() + ", " + data();
    }
}

sim::Image random_program(unsigned seed) {
    std::mt19937 random(seed);
    std::string body =
        ".ltorg\n .balign 8\n .thumb_func\n .global start\n start:\n push {r4-r11, lr}\n"
        " movs r4, #77\n ldr r5, =0x12345678\n movs r6, #9\n movs r7, #3\n"
        " ldr r8, =987654321\n movs r9, #0\n mov r10, #60\n ldr r3, =0x08000000\n"
        "1: ldr r0, =0x20000100\n ldr r1, =0x20000200\n ldr r2, =0x20010100\n"
        " add r2, r2, r10, lsl #5\n";
    for (int k = 0; k < 40; ++k) body += " " + random_instruction(random) + "\n";
    return assemble(body + " subs r10, r10, #1\n bne.w 1b\n pop {r4-r11, pc}\n .ltorg\n");
}

struct Seen {
    std::uint32_t at;
    std::uint32_t address;
    bool write;
    bool operator==(const Seen&) const = default;
};

struct Recorder final : sim::BlockObserver {
    Recorder(const sim::Board& board, sim::Replay replay)
        : pipeline(sim::find_core(board.core), &board, replay),
          memory(board, sim::full_speed(board)) {
        pipeline.set_memory(&memory);
    }

    void on_block(const sim::BlockRun& run) override {
        pipeline.run(run);
        int last = -1;
        for (const sim::Access& access : run.accesses) {
            if (access.instruction == last) continue;
            last = access.instruction;
            seen.push_back({run.block->instructions[access.instruction].address,
                            access.address,
                            access.write});
        }
    }

    sim::Pipeline pipeline;
    sim::MemorySystem memory;
    std::vector<Seen> seen;
};

Recorder record(const sim::Image& image, sim::Replay replay, sim::Watching watching) {
    const sim::Board& board = sim::find_board("stm32f746");
    Recorder recorder(board, replay);
    sim::Machine machine(image, board);
    machine.set_observer(&recorder, watching);
    for (int k = 0; k < 2; ++k) {
        const sim::Stop stop = machine.call(image.find_symbol("start")->address);
        EXPECT_EQ(stop.halt, sim::Halt::Returned) << stop.message;
    }
    return recorder;
}

class Replay : public testing::TestWithParam<unsigned> {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as";
    }
};

TEST_P(Replay, MemoisedCostsWhatPlainCosts) {
    const sim::Image image = random_program(GetParam());
    const Recorder plain = record(image, sim::Replay::Plain, sim::Watching::Everything);
    const Recorder memoised = record(image, sim::Replay::Memoised, sim::Watching::Everything);
    EXPECT_EQ(plain.pipeline.timing(), memoised.pipeline.timing());
    EXPECT_EQ(plain.memory.counts(), memoised.memory.counts());
}

TEST_P(Replay, ResolvedAddressesAreThoseThatAreTouched) {
    const sim::Image image = random_program(GetParam());
    const Recorder watched = record(image, sim::Replay::Memoised, sim::Watching::Everything);
    const Recorder resolved = record(image, sim::Replay::Memoised, sim::Watching::Resolved);
    ASSERT_EQ(watched.seen.size(), resolved.seen.size());
    for (std::size_t k = 0; k < watched.seen.size(); ++k) {
        ASSERT_EQ(watched.seen[k].at, resolved.seen[k].at) << k;
        ASSERT_EQ(watched.seen[k].address, resolved.seen[k].address)
            << std::hex << watched.seen[k].at;
        ASSERT_EQ(watched.seen[k].write, resolved.seen[k].write);
    }
    EXPECT_EQ(watched.pipeline.timing(), resolved.pipeline.timing());
}

INSTANTIATE_TEST_SUITE_P(Seeds, Replay, testing::Range(0u, 12u));

}  // namespace

}  // namespace mixq::tests
