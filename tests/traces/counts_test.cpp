// Sums of instruction counts.
#include "traces/counts.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace mixq::traces {
namespace {

Counts one_of_each() {
    Counts counts;
    for (std::size_t i = 0; i < kInstrClasses; ++i) counts[static_cast<InstrClass>(i)] = 1 + i;
    return counts;
}

TEST(Counts, StartAtZero) {
    EXPECT_EQ(Counts().total(), 0u);
}

TEST(Counts, TheTotalIsTheSumOfTheClasses) {
    EXPECT_EQ(one_of_each().total(), 1u + 2 + 3 + 4 + 5 + 6);
}

TEST(Counts, AddingAndTakingAwayWorkClassByClass) {
    Counts sum = one_of_each();
    sum += one_of_each();
    EXPECT_EQ(sum[InstrClass::Branch], 12u);
    EXPECT_EQ(sum - one_of_each(), one_of_each());
}

TEST(Counts, EveryClassHasItsOwnName) {
    std::set<std::string> names;
    for (std::size_t i = 0; i < kInstrClasses; ++i) {
        names.emplace(name(static_cast<InstrClass>(i)));
    }
    EXPECT_EQ(names, (std::set<std::string>{"sisd", "simd", "bitop", "load", "store", "branch"}));
}

}  // namespace
}  // namespace mixq::traces
