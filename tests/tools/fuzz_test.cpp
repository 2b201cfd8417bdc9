// What users hand to run and compare, mutated: tables of board cases, options that set memory up, bytes for a USART. Each is
// taken for what it says or refused in one line. MIXQ_FUZZ_ROUNDS makes longer runs.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "kernels/network/toolchain.h"
#include "sim/simulate.h"
#include "tests/sim/assembly.h"
#include "tests/tools/program.h"
#include "tools/compare/board_cases.h"
#include "tools/compare/microbenchmarks.h"
#include "tools/run_boot.h"
#include "traces/file.h"

namespace mixq::tools {
namespace {

namespace fs = std::filesystem;

class Fuzz : public testing::Test {
  protected:
    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

    std::string mutate(std::string text) {
        constexpr std::string_view kTelling = "0123456789abcdefxX:-,.\"\n\r\t #+eENn";
        for (unsigned edits = 1 + below(4); edits > 0; --edits) {
            const std::size_t at = below(static_cast<unsigned>(text.size()) + 1);
            const char character = below(4) == 0
                                       ? static_cast<char>(below(256))
                                       : kTelling[below(static_cast<unsigned>(kTelling.size()))];
            switch (below(5)) {
                case 0:
                    text.insert(at, 1, character);
                    break;
                case 1:
                    text.erase(at, below(6));
                    break;
                case 2:
                    if (at < text.size()) text[at] = character;
                    break;
                case 3:
                    text.insert(at, text.substr(at, below(60)));
                    break;
                default:
                    if (below(8) == 0) text.resize(at);
                    break;
            }
        }
        return text;
    }

    // Of one line; the program makes a single line of its messages in any case.
    std::string mutate_option(const std::string& text) {
        std::string option = mutate(text);
        std::erase_if(option, [](char c) { return c == '\n' || c == '\r'; });
        return option;
    }

    static int rounds(int otherwise) {
        const char* text = std::getenv("MIXQ_FUZZ_ROUNDS");
        return text == nullptr ? otherwise : std::atoi(text);
    }

    // Whether `action` is taken; what it throws must be of the documented kinds and one line.
    template <typename Action>
    static bool taken(const std::string& text, Action action) {
        try {
            action();
            return true;
        } catch (const std::runtime_error& error) {
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        } catch (const std::invalid_argument& error) {
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        } catch (...) {
            ADD_FAILURE() << "something else is thrown for " << text;
        }
        return false;
    }

    std::mt19937 random_{20260401};
    TestFolder folder_;
};

using FuzzTables = Fuzz;

TEST_F(FuzzTables, BoardCasesAreTakenOrRefused) {
    const fs::path boards = kernels::device_directory().parent_path() / "traces" / "board";
    const std::string good = traces::read_text(boards / "stm32f746" / "mlperf_tiny.csv");
    fs::create_directory(folder_.path() / "stm32f746");
    const fs::path file = folder_.path() / "stm32f746" / "mlperf_tiny.csv";
    int refused = 0;
    const int count = rounds(1500);
    for (int round = 0; round < count; ++round) {
        const std::string text = mutate(good);
        std::ofstream(file, std::ios::binary) << text;
        refused += !taken(text, [&] {
            for (const BoardCase& fact : read_board_cases(folder_.path())) {
                ASSERT_TRUE(std::isfinite(fact.cycles) && fact.cycles > 0) << text;
                // Its program is not there, whatever it is called.
                taken(text, [&] { run_board_case(fact, folder_.path(), {{"as it is"}}); });
            }
        });
    }
    EXPECT_GT(refused, count / 50);
    EXPECT_LT(refused, count);
}

TEST_F(FuzzTables, MicrobenchmarksAreTakenOrRefused) {
    const std::string good = traces::read_text(board_facts_path("stm32h743"));
    const fs::path file = folder_.path() / "microbenchmarks.csv";
    int refused = 0;
    const int count = rounds(1500);
    for (int round = 0; round < count; ++round) {
        const std::string text = mutate(good);
        std::ofstream(file, std::ios::binary) << text;
        refused += !taken(text, [&] {
            for (const BoardFact& fact : read_board_facts(file))
                ASSERT_TRUE(std::isfinite(fact.value)) << text;
        });
    }
    EXPECT_GT(refused, count / 100);
    EXPECT_LT(refused, count);
}

// Echoes what USART1 receives, plus one, and sleeps.
constexpr const char* kEcho =
    " .word 0x20010000, reset + 1\n .rept 51\n .word other + 1\n .endr\n .word usart1 + 1\n"
    "start: b .\n.thumb_func\nother: b .\n.thumb_func\nreset:\n ldr r4, =0x40011000\n movs r5, "
    "#0x2d\n"
    " str r5, [r4]\n ldr r6, =0xe000e104\n movs r5, #0x20\n str r5, [r6]\n b .\n"
    ".thumb_func\nusart1:\n ldr r0, =0x40011000\n ldr r1, [r0, #0x24]\n adds r1, #1\n"
    " str r1, [r0, #0x28]\n bx lr\n.ltorg\n";

class FuzzRun : public Fuzz {
  protected:
    void SetUp() override {
        if (!tests::has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }
};

TEST_F(FuzzRun, EveryByteOfAUartScriptArrivesOnceAndInOrder) {
    const sim::Image image = tests::assemble(kEcho);
    const sim::Board& board = sim::find_board("stm32f746");
    const int count = rounds(60);
    for (int round = 0; round < count; ++round) {
        std::string script(below(300), '\0');
        for (char& byte : script) byte = static_cast<char>(below(256));
        std::ofstream(folder_.path() / "in", std::ios::binary) << script;
        BootOptions options;
        options.uart = {folder_.file("in") + "," + folder_.file("out")};
        options.max_cycles = 10'000'000;
        sim::Simulation simulation(image, board, {});
        Boot boot(options, simulation.machine(), board, stderr);
        const sim::Stop stop = simulation.run(round % 2 == 0);
        EXPECT_EQ(stop.halt, sim::Halt::Idle) << stop.message;
        boot.finish();
        for (char& byte : script) ++byte;
        ASSERT_EQ(traces::read_text(folder_.path() / "out"), script);
    }
}

TEST_F(FuzzRun, OptionsThatSetMemoryUpAreTakenOrRefused) {
    const sim::Image image = tests::assemble(kEcho);
    const sim::Board& board = sim::find_board("stm32f746");
    sim::Machine machine(image, board);
    int refused = 0;
    const int count = rounds(3000);
    for (int round = 0; round < count; ++round) {
        BootOptions options;
        options.copy = {mutate_option("0x08000000:0x20000000:512")};
        if (round % 3 == 0) options.zero = {mutate_option("0x2000fff0:32")};
        if (round % 3 == 1) options.sp = mutate_option("0x20010000");
        if (round % 3 == 2) options.uart = {mutate_option("USART1:,")};
        const std::string text = options.copy.front();
        // A mutated name of a USART may be a file: nothing is written before finish().
        refused += !taken(text, [&] { Boot boot(options, machine, board, stderr); });
    }
    EXPECT_GT(refused, count / 10);
    EXPECT_LT(refused, count);
}

}  // namespace
}  // namespace mixq::tools
