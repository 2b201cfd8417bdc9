// Images as accidents leave them: whatever the bytes are, the loader refuses them in a line or the machine runs them to an
// end it can name, with every cycle accounted for. MIXQ_FUZZ_ROUNDS and MIXQ_FUZZ_SEED make longer and other runs.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "sim/board.h"
#include "sim/simulate.h"
#include "tests/sim/assembly.h"
#include "traces/file.h"

namespace mixq::tests {

namespace {

constexpr std::uint64_t kCycles = 3'000;
constexpr std::uint64_t kInstructions = 3'000;

int number_from(const char* variable, int otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : std::atoi(text);
}

// A program that does a little of everything: floats, divides, peripherals, SVC, SysTick, caches, calls, stacks, tables.
constexpr const char* kProgram = R"(
 .word 0x20010000, reset + 1
 .rept 9
 .word other + 1
 .endr
 .word svcall + 1, other + 1, other + 1, other + 1, systick + 1
 .rept 40
 .word other + 1
 .endr
.thumb_func
start: bx lr
.thumb_func
other: b .
.thumb_func
svcall: adds r7, #1
 bx lr
.thumb_func
systick: adds r6, #1
 bx lr
.thumb_func
.type reset, %function
reset: ldr r0, =0xe000e010
 ldr r1, =199
 str r1, [r0, #4]
 movs r1, #7
 str r1, [r0]
 ldr r0, =0x40023c00
 ldr r1, =0x307
 str r1, [r0]
 ldr r0, =0xe000ef50
 str r1, [r0]
 ldr r0, =0xe000ed14
 ldr r1, =0x00030200
 str r1, [r0]
 ldr r0, =0x20010000
 ldr r5, =table
 movs r4, #40
1: ldmia r5, {r1, r2, r3}
 smlad r1, r2, r3, r1
 sdiv r2, r1, r4
 ite lt
 strlt r1, [r0, #4]
 strge r2, [r0, #8]
 vmov s0, r1
 vcvt.f32.s32 s0, s0
 vdiv.f32 s1, s0, s0
 push {r1-r4, lr}
 bl leaf
 pop {r1-r4, lr}
 svc 7
 bfi r2, r1, #4, #7
 strb r2, [r0], #3
 ldrsh r3, [r0, #-2]
 and r7, r7, #3
 tbb [pc, r7]
 .byte 2, 2, 2, 2
 nop
 subs r4, #1
 bne.w 1b
 movs r0, #4
 ldr r1, =text
 bkpt 0xab
 movs r0, #0x18
 ldr r1, =0x20026
 bkpt 0xab
.thumb_func
leaf: uxtb16 r1, r2
 qadd r1, r2, r3
 clz r3, r1
 bx lr
.ltorg
.balign 4
table: .word 0x01020304, 0xfffefdfc, 77
text: .asciz "done"
)";

struct Tally {
    int refused = 0;
    int ran = 0;
    int ended = 0;  // before the limit
};

// Loads and runs what `path` holds; throws nothing but what a loader may.
template <typename Read>
void try_image(const std::filesystem::path& path, Read read, std::mt19937& random, Tally& tally) {
    sim::Image image;
    try {
        image = read(path);
    } catch (const std::runtime_error& error) {
        ++tally.refused;
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        return;
    }
    const sim::Board& board = sim::find_board(random() % 4 == 0 ? "stm32h7a3" : "stm32f746");
    const bool again = random() % 8 == 0;
    std::optional<sim::Timing> first;
    for (int round = 0; round < (again ? 2 : 1); ++round) {
        try {
            sim::Simulation simulation(image, board, {});
            simulation.follow_memory({});
            simulation.machine().set_instruction_limit(kInstructions);
            simulation.machine().set_cycle_limit(kCycles);
            const sim::Stop stop = simulation.run(true);
            ++tally.ran;
            tally.ended += stop.halt == sim::Halt::InstructionLimit ? 0 : 1;
            EXPECT_EQ(stop.message.find('\n'), std::string::npos) << stop.message;
            const bool needs_words =
                stop.halt == sim::Halt::Fault || stop.halt == sim::Halt::InstructionLimit;
            EXPECT_EQ(needs_words, !stop.message.empty());
            const sim::Timing timing = simulation.total().timing;
            EXPECT_EQ(
                std::accumulate(timing.stalls.begin(), timing.stalls.end(), timing.issue_cycles),
                timing.cycles);
            EXPECT_EQ(first.value_or(timing), timing) << "two runs differ";
            first = timing;
        } catch (const std::runtime_error& error) {
            ++tally.refused;
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        }
    }
}

class ImageFuzz : public testing::Test {
  protected:
    void SetUp() override {
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
        elf_ = assemble_elf(kProgram);
        path_ = elf_.string() + ".damaged";
    }

    void write(const std::vector<std::uint8_t>& bytes) const {
        std::ofstream(path_, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
    }

    const int rounds_ = number_from("MIXQ_FUZZ_ROUNDS", 1000);
    std::mt19937 random_{static_cast<unsigned>(number_from("MIXQ_FUZZ_SEED", 20260301))};
    std::filesystem::path elf_;
    std::filesystem::path path_;
    Tally tally_;
};

TEST_F(ImageFuzz, TheProgramItselfRunsToItsEnd) {
    sim::Simulation simulation(sim::read_elf(elf_), sim::find_board("stm32f746"), {});
    simulation.follow_memory({});
    const sim::Stop stop = simulation.run(true);
    EXPECT_EQ(stop.halt, sim::Halt::Exited) << stop.message;
    EXPECT_EQ(simulation.machine().console(), "done");
}

TEST_F(ImageFuzz, DamagedElfsAreRefusedOrRunToAnEnd) {
    const std::vector<std::uint8_t> good = traces::read_bytes(elf_);
    const sim::Image image = sim::read_elf(elf_);
    const std::vector<std::uint8_t>& text = image.segments.at(0).bytes;
    const auto begin = static_cast<std::size_t>(
        std::search(good.begin(), good.end(), text.begin(), text.end()) - good.begin());
    ASSERT_LT(begin, good.size());
    for (int round = 0; round < rounds_; ++round) {
        std::vector<std::uint8_t> bytes = good;
        for (unsigned flips = 1 + random_() % 6; flips > 0; --flips) {
            std::size_t at = begin + random_() % std::min(bytes.size() - begin, text.size() + 256);
            if (random_() % 8 == 0) at = random_() % 96;
            bytes[at] = random_() % 2 != 0
                            ? static_cast<std::uint8_t>(random_())
                            : static_cast<std::uint8_t>(bytes[at] ^ 1u << random_() % 8);
        }
        if (random_() % 10 == 0) bytes.resize(random_() % bytes.size());
        write(bytes);
        try_image(path_, sim::read_elf, random_, tally_);
    }
    EXPECT_GT(tally_.refused, rounds_ / 50);
    EXPECT_GT(tally_.ran, rounds_ / 2);
    EXPECT_GT(tally_.ended, rounds_ / 20);
}

TEST_F(ImageFuzz, RandomBytesAsRawImagesAreRefusedOrRunToAnEnd) {
    const sim::Image image = sim::read_elf(elf_);
    const std::vector<std::uint8_t>& good = image.segments.at(0).bytes;
    const auto read = [](const std::filesystem::path& path) {
        return sim::read_raw(path, 0x0800'0000);
    };
    for (int round = 0; round < rounds_; ++round) {
        std::vector<std::uint8_t> bytes(8 + random_() % 900);
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random_());
        const std::size_t kept = random_() % 6 == 0 ? 0 : std::min<std::size_t>(bytes.size(), 8);
        // Mostly a vector table that starts, and sometimes all of the program with a random tail.
        std::copy_n(good.begin(), kept, bytes.begin());
        if (kept == 8 && bytes.size() > 80) {
            bytes[4] = 0x41;
            bytes[5] = 0;
        }
        if (random_() % 3 == 0)
            std::copy_n(good.begin(), std::min(good.size(), bytes.size() / 2), bytes.begin());
        write(bytes);
        try_image(path_, read, random_, tally_);
    }
    EXPECT_GT(tally_.refused, rounds_ / 50);
    EXPECT_GT(tally_.ran, rounds_ / 2);
    EXPECT_GT(tally_.ended, rounds_ / 3);
}

}  // namespace

}  // namespace mixq::tests
