// Published programs: their tables, and what a folder without or with damaged files makes of them.
#include "tools/compare/board_cases.h"

#include <filesystem>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>
#include <unistd.h>

#include "kernels/network/toolchain.h"
#include "tests/sim/assembly.h"
#include "tools/compare/ablation.h"
#include "tools/compare/case_table.h"
#include "traces/file.h"

namespace mixq::tools {
namespace {

namespace fs = std::filesystem;

const Variation kAsItIs{"the model as it is"};

struct Folder {
    fs::path path = fs::path(testing::TempDir()) / ("images-" + std::to_string(::getpid()));

    Folder() { fs::create_directories(path); }

    ~Folder() { fs::remove_all(path); }
};

BoardCase example() {
    BoardCase fact;
    fact.id = "EXAMPLE";
    fact.board = "stm32f746";
    fact.cycles = 100;
    fact.base = 0x0800'0000;
    fact.entry = "0x08000100";
    return fact;
}

TEST(BoardCases, EveryRowNamesABoardOfTheSimulatorAndItsSource) {
    const auto cases =
        read_board_cases(kernels::device_directory().parent_path() / "traces" / "board");
    std::set<std::string> ids;
    for (const BoardCase& fact : cases) {
        EXPECT_NO_THROW(sim::find_board(fact.board)) << fact.id;
        EXPECT_TRUE(ids.insert(fact.id).second) << fact.id << " stands there twice";
        EXPECT_FALSE(fact.source.empty() || fact.code.empty() || fact.conditions.empty())
            << fact.id;
    }
    for (const char* id :
         {"F746-KWS", "F746-AD", "F746-ADMAX", "H7A3-KWS", "H7A3-AD", "AES-ENC128"})
        EXPECT_TRUE(ids.contains(id)) << id;
}

TEST(BoardCases, OneWithoutItsFileIsNotRunAndNotCounted) {
    const Folder folder;
    const CaseResult result = run_board_case(example(), folder.path, {kAsItIs});
    EXPECT_TRUE(result.simulated.empty());
    EXPECT_NE(result.why_not.find("EXAMPLE.bin"), std::string::npos);
    EXPECT_EQ(scoreboard({result}).find("EXAMPLE"), std::string::npos);
}

TEST(BoardCases, AnImageWithUnknownStartupCodeIsNotGuessedAt) {
    const Folder folder;
    traces::write_file(folder.path / "EXAMPLE.bin", std::vector<std::uint8_t>(4096, 0xff));
    EXPECT_FALSE(run_board_case(example(), folder.path, {kAsItIs}).why_not.empty());
    traces::write_file(folder.path / "EXAMPLE.bin", std::vector<std::uint8_t>(3, 0));
    EXPECT_FALSE(run_board_case(example(), folder.path, {kAsItIs}).why_not.empty());
}

TEST(BoardCases, AnElfIsItsCaseLessTheEmptyCall) {
    if (!tests::has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Folder folder;
    fs::copy_file(
        tests::assemble_elf(
            "start:\n b .\n .type run_empty, %function\n .global run_empty\nrun_empty:\n bx lr\n"
            " .type run_case, %function\n .global run_case\nrun_case:\n .rept 20\n mul r1, r1, r1\n"
            " .endr\n bx lr\n"),
        folder.path / "EXAMPLE.elf");
    BoardCase fact = example();
    fact.entry = "run_case";
    Variation ideal = kAsItIs;
    ideal.ideal_memory = true;
    const CaseResult result = run_board_case(fact, folder.path, {kAsItIs, ideal});
    ASSERT_EQ(result.simulated.size(), 2u) << result.why_not;
    // A chain of 20 multiplies, two cycles each.
    EXPECT_NEAR(result.simulated[1], 40, 2);
}

TEST(Ablation, TheFirstVariationChangesNothingAndEveryOtherIsNamedOnce) {
    const std::vector<Variation> variations = ablations();
    EXPECT_FALSE(variations.front().parameters || variations.front().core ||
                 variations.front().memory);
    std::set<std::string> names;
    for (const Variation& variation : variations)
        EXPECT_TRUE(names.insert(variation.name).second) << variation.name;
}

}  // namespace
}  // namespace mixq::tools
