// Laws of the caches, the bus and the store buffer.
#include "sim/memory_system.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "sim/board.h"

namespace mixq::tests {

namespace {

constexpr std::uint32_t kFlash = 0x0800'0000;
constexpr std::uint32_t kSram = 0x2001'0000;
constexpr std::uint32_t kDtcm = 0x2000'0000;
constexpr std::uint32_t kWay = 1024;  // 4 KiB in 4 ways

sim::Board board(sim::Replacement policy = sim::Replacement::LeastRecentlyUsed) {
    sim::Board board = sim::find_board("stm32f746");
    board.memory.replacement = policy;
    return board;
}

sim::MemorySystem memory_of(const sim::Board& board) {
    return sim::MemorySystem(board, sim::full_speed(board));
}

TEST(MemorySystem, TightlyCoupledMemoryIsFree) {
    sim::MemorySystem memory = memory_of(board());
    EXPECT_EQ(memory.load(kDtcm, 4, 0), 0u);
    EXPECT_EQ(memory.store(kDtcm + 64, 4, 1), 0u);
    EXPECT_EQ(memory.counts(), sim::MemoryCounts{});
}

TEST(MemorySystem, ASequentialStreamMissesOncePerLine) {
    sim::MemorySystem memory = memory_of(board());
    std::uint64_t now = 0;
    for (std::uint32_t k = 0; k < 64 * 32; k += 4) now += 4 + memory.load(kFlash + k, 4, now);
    EXPECT_EQ(memory.counts().load_misses, 64u);
}

TEST(MemorySystem, AMissCostsWaitStatesAndTheBus) {
    const sim::Board part = board();
    sim::MemorySystem memory = memory_of(part);
    const auto expected =
        static_cast<std::uint32_t>(part.memory.flash.first_word + part.memory.wait_states);
    EXPECT_EQ(memory.load(kFlash + 20, 4, 0), expected);
    EXPECT_EQ(memory.load(kFlash + 20, 4, 100), 0u);
}

TEST(MemorySystem, TheWordThatWasAskedForComesFirst) {
    sim::MemorySystem memory = memory_of(board());
    const std::uint32_t waited = memory.load(kFlash + 16, 4, 0);
    EXPECT_EQ(memory.load(kFlash + 20, 4, waited), 0u);
    EXPECT_EQ(memory.load(kFlash + 8, 4, waited), 3u);  // the last of the four beats
}

TEST(MemorySystem, ASecondMissWaitsForTheBus) {
    sim::MemorySystem memory = memory_of(board());
    const std::uint32_t alone = memory.load(kFlash, 4, 0);
    EXPECT_EQ(memory.load(kFlash + 64, 4, alone), alone + 3);
}

TEST(MemorySystem, AsManyLinesOfOneSetFitAsThereAreWays) {
    sim::MemorySystem memory = memory_of(board());
    std::uint64_t now = 0;
    for (int round = 0; round < 3; ++round) {
        for (std::uint32_t way = 0; way < 4; ++way)
            now += 50 + memory.load(kSram + way * kWay, 4, now);
    }
    EXPECT_EQ(memory.counts().load_misses, 4u);
    for (int round = 0; round < 3; ++round) {
        for (std::uint32_t way = 0; way < 5; ++way)
            now += 50 + memory.load(kSram + way * kWay, 4, now);
    }
    EXPECT_EQ(memory.counts().load_misses, 4u + 1u + 5u + 5u);
}

TEST(MemorySystem, ADirtyLineIsWrittenBackOnce) {
    sim::MemorySystem memory = memory_of(board());
    std::uint64_t now = 0;
    now += 50 + memory.store(kSram, 4, now);
    for (int round = 0; round < 2; ++round) {
        for (std::uint32_t way = 1; way < 9; ++way)
            now += 50 + memory.load(kSram + way * kWay, 4, now);
    }
    EXPECT_EQ(memory.counts().write_backs, 1u);
}

TEST(MemorySystem, AStoreMissStallsOnlyWhereTheBufferIsFull) {
    sim::MemorySystem memory = memory_of(board());
    for (std::uint32_t k = 0; k < 4; ++k) EXPECT_EQ(memory.store(kSram + 32 * k, 4, k), 0u);
    EXPECT_GT(memory.store(kSram + 32 * 4, 4, 4), 0u);
}

TEST(MemorySystem, WithoutCachesEveryAccessPays) {
    const sim::Board part = board();
    sim::MemorySettings settings = sim::full_speed(part);
    settings.data_cache = settings.instruction_cache = false;
    sim::MemorySystem memory(part, settings);
    EXPECT_GT(memory.load(kFlash, 4, 0), 0u);
    EXPECT_GT(memory.load(kFlash, 4, 100), 0u);
    EXPECT_GT(memory.fetch(kFlash, 32, 200, false), 0u);
    EXPECT_GT(memory.fetch(kFlash, 32, 300, false), 0u);
}

TEST(MemorySystem, CodeThatWasFetchedStays) {
    sim::MemorySystem memory = memory_of(board());
    EXPECT_GT(memory.fetch(kFlash, 32, 0, false), 0u);
    EXPECT_EQ(memory.fetch(kFlash, 32, 100, false), 0u);
    EXPECT_EQ(memory.counts().fetch_misses, 1u);
}

TEST(MemorySystem, TheArtServesCodeOnTheItcmBus) {
    sim::MemorySystem memory = memory_of(board());
    constexpr std::uint32_t kItcmFlash = 0x0020'0000;
    const std::uint32_t first = memory.fetch(kItcmFlash, 32, 0, false);
    EXPECT_EQ(first, 7u);
    EXPECT_EQ(memory.fetch(kItcmFlash, 32, 100, false), 0u);
    EXPECT_EQ(memory.fetch(kItcmFlash + 32, 32, 200, false), 0u);  // prefetched
}

TEST(MemorySystem, ABoardWithoutADescriptionIsRefused) {
    sim::Board part = sim::find_board("stm32h743");
    part.memory = {};
    EXPECT_THROW(sim::MemorySystem(part, sim::full_speed(part)), std::invalid_argument);
}

// Cortex-M7 TRM 5.9.1.
TEST(MemorySystem, BehindThreeLinesWrittenWholeStoresTakeNoLineIn) {
    sim::MemorySystem memory = memory_of(board());
    std::uint64_t now = 0;
    const auto write = [&](std::uint32_t line, std::uint32_t words) {
        for (std::uint32_t k = 0; k < words; ++k)
            now += 1 + memory.store(kSram + 32 * line + 4 * k, 4, now);
    };
    for (std::uint32_t line = 0; line < 10; ++line) write(line, 8);
    EXPECT_EQ(memory.counts().store_misses, 3u);
    EXPECT_EQ(memory.load(kSram, 4, now + 100), 0u);
    EXPECT_GT(memory.load(kSram + 32 * 9, 4, now + 200), 0u);
    // A line written in part, and then the next one is taken in again.
    now += 300;
    write(20, 3);
    EXPECT_EQ(memory.counts().store_misses, 3u);
    write(21, 8);
    EXPECT_EQ(memory.counts().store_misses, 4u);
}

TEST(MemorySystem, LinesWrittenSlowlyAreTakenInForEver) {
    sim::MemorySystem memory = memory_of(board());
    for (std::uint32_t k = 0; k < 10 * 8; ++k) memory.store(kSram + 4 * k, 4, 100 * k);
    EXPECT_EQ(memory.counts().store_misses, 10u);
}

TEST(MemorySystem, TwoRunsAreTheSame) {
    const sim::Board part = board(sim::Replacement::PseudoRandom);
    std::uint64_t ends[2] = {};
    for (std::uint64_t& now : ends) {
        sim::MemorySystem memory = memory_of(part);
        for (std::uint32_t k = 0; k < 5000; ++k)
            now += 1 + memory.load(kSram + k * 2654435761u % 16384, 1, now);
    }
    EXPECT_EQ(ends[0], ends[1]);
}

}  // namespace

}  // namespace mixq::tests
