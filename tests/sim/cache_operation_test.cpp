// What firmware does to caches while it runs: maintenance drops and cleans what it names, switches count from when they are
// written.
#include <gtest/gtest.h>

#include "sim/board.h"
#include "sim/memory_system.h"
#include "sim/simulate.h"
#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

using Kind = sim::CacheOperation::Kind;

constexpr std::uint32_t kSram = 0x2001'0000;
constexpr std::uint32_t kFlash = 0x0800'0000;
constexpr std::uint64_t kLater = 1000;  // long after everything is done

class CacheMaintenance : public testing::Test {
  protected:
    const sim::Board& board_ = sim::find_board("stm32f746");
    sim::MemorySystem memory_{board_, sim::full_speed(board_)};
    std::uint64_t now_ = 0;

    bool loads_at_once(std::uint32_t address) {
        return memory_.load(address, 4, now_ += kLater) == 0;
    }

    bool fetches_at_once(std::uint32_t address) {
        return memory_.fetch(address, 4, now_ += kLater, false) == 0;
    }

    void store(std::uint32_t address) { memory_.store(address, 4, now_ += kLater); }

    void maintain(Kind kind, std::uint32_t value) {
        memory_.maintain({kind, value}, now_ += kLater);
    }

    std::uint64_t write_backs() const { return memory_.counts().write_backs; }
};

TEST_F(CacheMaintenance, ALineThatIsInvalidatedHasToBeFetchedAgain) {
    for (const Kind kind : {Kind::InvalidateLine, Kind::CleanInvalidateLine}) {
        EXPECT_FALSE(loads_at_once(kFlash));
        EXPECT_FALSE(loads_at_once(kFlash + 32));
        EXPECT_TRUE(loads_at_once(kFlash));
        maintain(kind, kFlash + 4);
        EXPECT_FALSE(loads_at_once(kFlash));
        EXPECT_TRUE(loads_at_once(kFlash + 32)) << "the next line stays";
        maintain(kind, kFlash);
        maintain(kind, kFlash + 32);
    }
    EXPECT_EQ(write_backs(), 0u);
}

TEST_F(CacheMaintenance, CleaningWritesADirtyLineBackOnceAndKeepsIt) {
    store(kSram);
    maintain(Kind::CleanLine, kSram);
    EXPECT_EQ(write_backs(), 1u);
    maintain(Kind::CleanLine, kSram);
    EXPECT_EQ(write_backs(), 1u) << "it is clean";
    EXPECT_TRUE(loads_at_once(kSram));
    store(kSram);
    maintain(Kind::CleanInvalidateLine, kSram);
    EXPECT_EQ(write_backs(), 2u);
    EXPECT_FALSE(loads_at_once(kSram));
    store(kSram);
    maintain(Kind::InvalidateLine, kSram);
    EXPECT_EQ(write_backs(), 2u) << "what was written is lost, not written back";
}

TEST_F(CacheMaintenance, AllSetsAndWaysAreTheWholeDataCache) {
    // As start-up code walks them: CMSIS SCB_CleanInvalidateDCache.
    const std::uint32_t ways = board_.memory.data_cache.ways;
    const std::uint32_t sets = board_.memory.data_cache.bytes / 32 / ways;
    for (const Kind kind : {Kind::InvalidateSetWay, Kind::CleanInvalidateSetWay}) {
        for (std::uint32_t k = 0; k < 20; ++k) store(kSram + 32 * k);
        const std::uint64_t before = write_backs();
        for (std::uint32_t set = 0; set < sets; ++set) {
            for (std::uint32_t way = 0; way < ways; ++way) maintain(kind, way << 30 | set << 5);
        }
        EXPECT_EQ(write_backs() - before, kind == Kind::InvalidateSetWay ? 0u : 20u);
        for (std::uint32_t k = 0; k < 20; ++k) EXPECT_FALSE(loads_at_once(kSram + 32 * k)) << k;
    }
}

TEST_F(CacheMaintenance, CodeThatIsInvalidatedHasToBeFetchedAgain) {
    EXPECT_FALSE(fetches_at_once(kFlash));
    EXPECT_TRUE(fetches_at_once(kFlash));
    const std::uint32_t generation = *memory_.fetch_generation();
    maintain(Kind::InvalidateCodeLine, kFlash + 32);
    EXPECT_TRUE(fetches_at_once(kFlash));
    maintain(Kind::InvalidateCode, 0);
    EXPECT_NE(*memory_.fetch_generation(), generation) << "the pipeline has to ask again";
    EXPECT_FALSE(fetches_at_once(kFlash));
}

TEST_F(CacheMaintenance, WhatACacheHoldsOutlastsThatItIsOff) {
    EXPECT_FALSE(loads_at_once(kFlash));
    sim::MemorySettings off = memory_.settings();
    off.data_cache = false;
    memory_.set(off);
    EXPECT_FALSE(loads_at_once(kFlash));
    memory_.set(sim::full_speed(board_));
    EXPECT_TRUE(loads_at_once(kFlash));
}

TEST(CacheSwitches, CountFromWhenTheyAreWritten) {
    if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    // The same subroutine before and after start-up code switches the caches on.
    const sim::Image image = assemble(
        " .word 0x20010000, reset + 1\n .rept 14\n .word reset + 1\n .endr\nstart: b .\n"
        ".thumb_func\nreset: bl work\n ldr r0, =0xe000ed14\n ldr r1, [r0]\n orr r1, #0x30000\n"
        " str r1, [r0]\n dsb\n isb\n bl work\n bl work\n b .\n"
        ".global work\n.thumb_func\n.type work, %function\nwork: ldr r1, =0x08000000\n movs r0, "
        "#200\n"
        " b.w 1f\n .balign 8\n1: ldr r2, [r1]\n subs r0, #1\n bne 1b\n bx lr\n.ltorg\n");
    sim::Simulation simulation(image, sim::find_board("stm32f746"), {"work"});
    simulation.follow_memory({});
    EXPECT_FALSE(simulation.memory_settings()->data_cache);
    EXPECT_EQ(simulation.run(true).halt, sim::Halt::Idle);
    EXPECT_TRUE(simulation.memory_settings()->data_cache);
    EXPECT_TRUE(simulation.memory_settings()->instruction_cache);
    ASSERT_EQ(simulation.calls().size(), 3u);
    const std::uint64_t off = simulation.calls()[0].timing.cycles;
    const std::uint64_t on = simulation.calls()[2].timing.cycles;
    EXPECT_GT(off, on + 200u * 10) << "every load and every fetch of 200 rounds pays";
    EXPECT_LT(on, 200u * 3);

    // Untimed start-up leaves the same settings.
    sim::Simulation called(image, sim::find_board("stm32f746"), {});
    called.follow_memory({});
    EXPECT_EQ(called.run(false).halt, sim::Halt::Idle);
    EXPECT_EQ(called.memory_settings(), simulation.memory_settings());
}

}  // namespace

}  // namespace mixq::tests
