// The committed board measurements, the probes beside them, and what the simulator makes of both.
#include <cmath>
#include <filesystem>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>
#include <unistd.h>

#include "kernels/network/toolchain.h"
#include "sim/board.h"
#include "sim/image.h"
#include "tools/compare/microbenchmarks.h"
#include "traces/file.h"
#include "traces/table.h"

namespace mixq::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBoard = "stm32h743";

fs::path boards_folder() {
    return kernels::device_directory().parent_path() / "traces" / "board";
}

fs::path scratch(const std::string& name) {
    return fs::path(testing::TempDir()) / (name + "-" + std::to_string(::getpid()));
}

bool has_compiler() {
    try {
        kernels::find_compiler();
        return true;
    } catch (const std::runtime_error&) {
        return false;
    }
}

// The probes, built once per process.
const sim::Image& probes() {
    static const sim::Image image = [] {
        const fs::path folder = scratch("probes");
        sim::Image read = sim::read_elf(build_probes(kBoard, folder));
        fs::remove_all(folder);
        return read;
    }();
    return image;
}

std::vector<BoardFact> facts() {
    return read_board_facts(board_facts_path(kBoard));
}

std::vector<BoardFact> parse(const std::string& rows) {
    const fs::path path = scratch("facts.csv");
    traces::write_file(path, "id,quantity,value,unit,source,conditions,probe\n" + rows);
    const auto remove = [&] { fs::remove(path); };
    try {
        std::vector<BoardFact> read = read_board_facts(path);
        remove();
        return read;
    } catch (...) {
        remove();
        throw;
    }
}

TEST(BoardTraces, EveryFileParsesAndNamesBoardClockTimerAndSource) {
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(boards_folder())) {
        if (entry.path().extension() != ".csv") continue;
        ++files;
        const traces::Table table = traces::read_table(entry.path());
        for (const char* key : {"what", "board", "core", "clock", "timer", "source"}) {
            const auto value = table.find_metadata(key);
            EXPECT_TRUE(value && !value->empty())
                << entry.path() << " has no line '# " << key << ":'";
        }
        ASSERT_FALSE(table.rows.empty()) << entry.path();
        for (std::size_t row = 0; row < table.rows.size(); ++row) {
            for (const char* column : {"id", "quantity", "unit", "source", "conditions"}) {
                EXPECT_FALSE(table.text(row, column).empty()) << table.where(row) << ": " << column;
            }
            EXPECT_GT(table.real(row, "value"), 0) << table.where(row);
        }
    }
    EXPECT_GT(files, 0);
}

TEST(BoardTraces, EveryPublishedMicrobenchmarkStandsInTheTable) {
    std::set<std::string> ids;
    for (const BoardFact& fact : facts()) ids.insert(fact.id);
    for (int number = 0; number <= 18; ++number) {
        const std::string id =
            std::string("MB-") + (number < 10 ? "0" : "") + std::to_string(number);
        EXPECT_TRUE(ids.contains(id)) << id;
    }
}

TEST(BoardTraces, RejectARowWithoutSource) {
    EXPECT_THROW(parse("MB-99,x,1,cycles,,c,p.S\n"), std::runtime_error);
}

TEST(BoardTraces, RejectAValueOfZeroSinceItHasNoRelativeError) {
    EXPECT_THROW(parse("MB-99,x,0,cycles,s,c,p.S\n"), std::runtime_error);
}

TEST(BoardTraces, RejectTheSameCaseTwice) {
    EXPECT_THROW(parse("MB-99,x,1,cycles,s,c,p.S\nMB-99,x,1,cycles,s,c,p.S\n"), std::runtime_error);
}

TEST(BoardTraces, ABoardWithoutMeasurementsIsRefusedByNamingThoseThereAre) {
    try {
        board_facts_path("stm32z999");
        FAIL() << "accepted";
    } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("stm32z999"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find(kBoard), std::string::npos);
    }
}

TEST(Probes, EveryFactNamesASourceFileThatExists) {
    for (const BoardFact& fact : facts()) {
        const fs::path source = kernels::device_directory() / "probes" / fact.probe;
        EXPECT_TRUE(!fact.probe.empty() && fs::is_regular_file(source))
            << fact.id << ": " << source;
    }
}

TEST(Probes, AFactWithoutItsLoopsStopsTheRun) {
    if (!has_compiler()) GTEST_SKIP() << "no arm-none-eabi-gcc";
    const BoardFact unknown{"MB-99", "nothing", "cycles", 1, "test", "none.S"};
    EXPECT_THROW(compare_facts({unknown}, probes(), sim::find_board(kBoard)), std::runtime_error);
}

TEST(Compare, AnUnmodelledCaseIsNeitherRightNorWrong) {
    const Comparison comparison{
        {"MB-14", "vmul.f64", "cycles", 5, "test", ""}, std::nullopt, "why"};
    EXPECT_FALSE(comparison.exact());
    EXPECT_THROW(comparison.relative_error(), std::logic_error);
}

TEST(Compare, TheErrorIsRelativeToTheBoard) {
    const Comparison comparison{{"MB-09", "penalty", "cycles", 8, "test", ""}, 10.0, ""};
    EXPECT_DOUBLE_EQ(comparison.relative_error(), 0.25);
    EXPECT_FALSE(comparison.exact());
}

TEST(Compare, EveryFactIsExact) {
    if (!has_compiler()) GTEST_SKIP() << "no arm-none-eabi-gcc";
    for (const Comparison& comparison : compare_facts(facts(), probes(), sim::find_board(kBoard))) {
        ASSERT_TRUE(comparison.simulated) << comparison.fact.id << ": " << comparison.why_not;
        EXPECT_TRUE(comparison.exact())
            << comparison.fact.id << " (" << comparison.fact.quantity << "): board "
            << comparison.fact.value << ", simulated " << *comparison.simulated;
    }
}

TEST(Compare, ABoardWithoutDoublePrecisionHasNoAnswerToItsFacts) {
    const BoardFact fact{"MB-14", "vmul.f64", "cycles", 5, "test", "fp_double.S"};
    EXPECT_TRUE(why_not_modelled(fact, sim::find_board("stm32f746")));
    EXPECT_FALSE(why_not_modelled(fact, sim::find_board(kBoard)));
}

TEST(Compare, OurOwnKernelsCostWhatTheRulesSayByHand) {
    if (!has_compiler()) GTEST_SKIP() << "no arm-none-eabi-gcc";
    for (const Comparison& law :
         compare_facts(read_board_facts(laws_path()), probes(), sim::find_board(kBoard))) {
        EXPECT_TRUE(law.exact()) << law.fact.id << ": by hand " << law.fact.value << ", simulated "
                                 << *law.simulated;
    }
}

TEST(Compare, ACaseSaysTheSameAloneAndAmongOthers) {
    if (!has_compiler()) GTEST_SKIP() << "no arm-none-eabi-gcc";
    const std::vector<BoardFact> all = facts();
    const std::vector<Comparison> together = compare_facts(all, probes(), sim::find_board(kBoard));
    for (const std::size_t index : {std::size_t{3}, std::size_t{20}}) {
        const auto alone = compare_facts({all[index]}, probes(), sim::find_board(kBoard));
        EXPECT_EQ(alone.front().simulated, together[index].simulated) << all[index].id;
    }
}

}  // namespace
}  // namespace mixq::tools
