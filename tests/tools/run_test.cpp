// The verb run as a user meets it: memory modes, booting, USARTs, hand-made set-ups, and programs that go wrong.
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sim/board.h"
#include "sim/image.h"
#include "tests/sim/assembly.h"
#include "tests/tools/program.h"
#include "tools/run_memory.h"
#include "traces/file.h"

namespace mixq::tools {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

// A vector table and what start-up code does: `.data` is one word, 1000, that is copied to the start of DTCM. `begin` runs
// first; then the program echoes USART1 plus one, and idles.
std::string program(const std::string& begin) {
    return " .word 0x20010000, reset + 1\n .rept 51\n .word other + 1\n .endr\n .word usart1 + 1\n"
           "start: b .\n.thumb_func\nother: b .\n.thumb_func\n.type reset, %function\nreset:\n" +
           begin +
           "\n ldr r0, =data\n ldr r1, [r0]\n ldr r0, =0x20000000\n str r1, [r0]\n"
           " ldr r4, =0x40011000\n movs r5, #0x2d\n str r5, [r4]\n ldr r6, =0xe000e104\n"
           " movs r5, #0x20\n str r5, [r6]\n.type rest, %function\n.thumb_func\nrest: b .\n"
           ".thumb_func\n.type usart1, %function\nusart1:\n ldr r0, =0x40011000\n"
           " ldr r1, [r0, #0x24]\n adds r1, #1\n str r1, [r0, #0x28]\n bx lr\n"
           // As many rounds as the word says, each with a load of flash.
           ".global work\n.thumb_func\n.type work, %function\nwork:\n push {r4, lr}\n"
           " ldr r0, =0x20000000\n ldr r0, [r0]\n ldr r1, =data\n b.w 1f\n .balign 8\n"
           "1: ldr r2, [r1]\n adds r3, r2\n subs r0, #1\n bne 1b\n pop {r4, pc}\n.size work, . - "
           "work\n"
           ".global sleepy\n.thumb_func\n.type sleepy, %function\nsleepy: wfi\n b sleepy\n"
           ".global leave\n.thumb_func\n.type leave, %function\nleave: movs r0, #0x18\n"
           " ldr r1, =0x20026\n bkpt 0xab\n.ltorg\n.balign 4\ndata: .word 1000\n";
}

// What CMSIS does: flash with 7 wait states, ART and prefetch; caches invalidated and on.
constexpr const char* kFullSpeed =
    "ldr r0, =0x40023c00\n ldr r1, =0x307\n str r1, [r0]\n ldr r0, =0xe000ef50\n movs r1, #0\n"
    " str r1, [r0]\n dsb\n isb\n ldr r0, =0xe000ed14\n ldr r1, [r0]\n orr r1, #0x30000\n str r1, "
    "[r0]\n"
    " dsb\n isb\n";

class Run : public testing::Test {
  protected:
    void SetUp() override {
        if (!tests::has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    }

    void assemble(const std::string& name, const std::string& source) const {
        fs::copy_file(tests::assemble_elf(source), folder_.path() / name);
    }

    // The same bytes without symbols or headers.
    void flash(const std::string& name, const std::string& source) const {
        const sim::Image image = tests::assemble(source);
        write(name,
              {reinterpret_cast<const char*>(image.segments.at(0).bytes.data()),
               image.segments.at(0).bytes.size()});
    }

    void write(const std::string& name, const std::string& bytes) const {
        std::ofstream(folder_.path() / name, std::ios::binary) << bytes;
    }

    Outcome run(std::vector<std::string> arguments, const fs::path& input = "/dev/null") const {
        arguments.insert(arguments.begin(), "run");
        return run_program_reading(input, arguments, folder_.path());
    }

    Json json(std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"--json", "-"});
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        return Json::parse(outcome.out, nullptr, false);
    }

    std::uint64_t cycles(std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"--call", "work", "--calls", "2"});
        return json(arguments).at("calls").at(1).at("cycles");
    }

    void expect_error(const std::vector<std::string>& arguments,
                      int exit_code,
                      const std::vector<std::string>& words) const {
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
        EXPECT_TRUE(outcome.is_one_error_line()) << outcome.err;
        for (const std::string& word : words)
            EXPECT_NE(outcome.err.find(word), std::string::npos) << word << " in " << outcome.err;
    }

    TestFolder folder_;
};

TEST_F(Run, MemoryIsAsTheProgramSwitchesIt) {
    assemble("plain.elf", program(""));
    assemble("full.elf", program(kFullSpeed));
    const Json plain = json({"plain.elf"});
    EXPECT_EQ(plain["memory"]["mode"], "exact");
    EXPECT_EQ(plain["memory"]["icache"], false);
    EXPECT_EQ(plain["memory"]["dcache"], false);
    EXPECT_EQ(plain["memory"]["art"], false);
    EXPECT_EQ(plain["memory"]["wait_states"], 0);
    EXPECT_EQ(plain["memory"]["from"]["icache"], "program");
    const Json full = json({"full.elf"});
    for (const char* what : {"icache", "dcache", "art", "prefetch"})
        EXPECT_EQ(full["memory"][what], true) << what;
    EXPECT_EQ(full["memory"]["wait_states"], 7);
    EXPECT_EQ(full["provenance"]["memory"],
              "I-cache on, D-cache on, ART on, prefetch on, 7 wait states");
    // A loop of four instructions: cached it is the core's, uncached every fetch and load pays.
    EXPECT_GT(cycles({"plain.elf"}), 4 * cycles({"full.elf"}));
    EXPECT_EQ(cycles({"full.elf"}), cycles({"full.elf", "--mode", "fast"}));
}

TEST_F(Run, OptionsWinOverTheProgram) {
    assemble("full.elf", program(kFullSpeed));
    const std::uint64_t cached = cycles({"full.elf"});
    const std::uint64_t no_data = cycles({"full.elf", "--dcache", "off"});
    const std::uint64_t no_code = cycles({"full.elf", "--icache", "off"});
    EXPECT_GT(no_data, cached + 1000 * 5) << "each of a thousand loads goes to flash";
    EXPECT_GT(no_code, no_data);
    EXPECT_GT(cycles({"full.elf", "--dcache", "off", "--wait-states", "9"}), no_data + 1000);
    const Json json = this->json({"full.elf", "--dcache", "off", "--wait-states", "3"});
    EXPECT_EQ(json["memory"]["dcache"], false);
    EXPECT_EQ(json["memory"]["wait_states"], 3);
    EXPECT_EQ(json["memory"]["from"]["dcache"], "option");
    EXPECT_EQ(json["memory"]["from"]["icache"], "program");
}

TEST_F(Run, FastIsIdealAndTakesNoMemoryOptions) {
    assemble("full.elf", program(kFullSpeed));
    const Json json = this->json({"full.elf", "--mode", "fast"});
    EXPECT_EQ(json["memory"], (Json{{"mode", "fast"}}));
    EXPECT_EQ(json["provenance"]["memory"], "ideal");
    EXPECT_EQ(json["calls"][0]["stalls"]["load_miss"], 0);
    expect_error({"full.elf", "--mode", "fast", "--icache", "on"}, 2, {"--icache", "--mode exact"});
    expect_error({"full.elf", "--mode", "quick"}, 2, {"--mode", "quick"});
    expect_error({"full.elf", "--dcache", "yes"}, 2, {"--dcache", "yes"});
    expect_error({"full.elf", "--wait-states", "16"}, 2, {"--wait-states"});
    expect_error({"full.elf", "--board", "stm32h7a3", "--art", "on"}, 2, {"stm32h7a3", "no ART"});
}

TEST_F(Run, SpeedIsBoardTimeOverWallTime) {
    assemble("full.elf", program(kFullSpeed));
    const Json json = this->json({"full.elf", "--call", "work", "--calls", "9"});
    const double board_s = json["cycles"].get<double>() / json["clock_hz"].get<double>();
    EXPECT_GT(json["wall_s"].get<double>(), 0);
    EXPECT_NEAR(json["speed"].get<double>() * json["wall_s"].get<double>() / board_s, 1, 1e-6);
    std::uint64_t of_calls = 0;
    for (const Json& call : json["calls"]) of_calls += call["cycles"].get<std::uint64_t>();
    EXPECT_EQ(json["cycles"], of_calls) << "nothing but the calls is timed";
    EXPECT_NE(run({"full.elf"}).out.find("board seconds per second"), std::string::npos);
}

TEST_F(Run, ACallFindsWhatStartUpLeft) {
    assemble("boots.elf", program(""));
    // 1000 rounds of four instructions, six before, one after; copied by start-up, which then idles.
    const Json symbol = json({"boots.elf", "--call", "work", "--calls", "3"});
    ASSERT_EQ(symbol["calls"].size(), 3u);
    for (const Json& call : symbol["calls"]) {
        EXPECT_GE(call["instructions"], 4000);
        EXPECT_LE(call["instructions"], 4010);
    }
    flash("boots.bin", program(""));
    char address[16];
    const sim::Image image = sim::read_elf(folder_.path() / "boots.elf");
    std::snprintf(address, sizeof address, "0x%x", image.find_symbol("work")->address);
    const Json raw = json({"boots.bin", "--base", "0x08000000", "--call", address, "--calls", "3"});
    EXPECT_EQ(raw["calls"][2]["cycles"], symbol["calls"][2]["cycles"]);
    EXPECT_EQ(raw["calls"][2]["instructions"], symbol["calls"][2]["instructions"]);
}

TEST_F(Run, MemorySetUpByHandReplacesStartUp) {
    // Start-up would fault, so only a set-up by hand gets to the function.
    assemble("broken.elf", program("udf #0"));
    const sim::Image image = sim::read_elf(folder_.path() / "broken.elf");
    char data[16];
    std::snprintf(data, sizeof data, "0x%x", image.find_symbol("data")->address);
    expect_error({"broken.elf", "--call", "work"}, 1, {"start-up", "undefined instruction"});
    const std::string copy = std::string(data) + ":0x20000000:4";
    const Json by_hand =
        json({"--copy", copy, "--sp", "0x20000800", "broken.elf", "--call", "work"});
    EXPECT_GE(by_hand["calls"][0]["instructions"], 4000);
    EXPECT_EQ(by_hand["memory"]["from"]["icache"], "assumed");
    EXPECT_EQ(by_hand["memory"]["icache"], true);
    EXPECT_EQ(by_hand["memory"]["wait_states"], 7);
    // The word is 1000; with its upper byte cleared, 0x3e8 becomes 0xe8.
    const Json zeroed =
        json({"broken.elf", "--call", "work", "--copy", copy, "--zero", "0x20000001:3"});
    EXPECT_LT(zeroed["calls"][0]["instructions"], 4 * 0xe8 + 10);
    EXPECT_GE(zeroed["calls"][0]["instructions"], 4 * 0xe8);
    // From DTCM into SRAM1: they touch.
    json({"broken.elf", "--call", "work", "--copy", copy, "--zero", "0x2000fff0:32"});
    expect_error({"broken.elf", "--call", "work", "--sp", "0x20000000", "--copy", copy},
                 1,
                 {"work", "0x1ffffff8", "the stack pointer is there"});
    expect_error({"broken.elf", "--call", "work", "--copy", "1:2"}, 2, {"--copy", "SRC:DST:BYTES"});
    expect_error({"broken.elf", "--call", "work", "--zero", "x:2"}, 2, {"--zero", "'x'"});
    expect_error({"broken.elf", "--call", "work", "--zero", "0x60000000:8"}, 1, {"0x60000000"});
    expect_error({"broken.elf", "--zero", "0x20000000:8"}, 2, {"--call"});
    expect_error({"broken.elf", "--call", "work", "--zero", "0x20000000:0xfffffff0"}, 2, {"bytes"});
}

TEST_F(Run, AUsartTalksToFilesAndToStandardInput) {
    assemble("echo.elf", program(""));
    write("input.txt", "HAL");
    const Outcome from_file = run({"echo.elf", "--uart", "input.txt"});
    EXPECT_EQ(from_file.exit_code, 0) << from_file.err;
    EXPECT_TRUE(from_file.out.starts_with("IBM")) << from_file.out;
    const Outcome from_input = run({"echo.elf", "--uart", "-"}, folder_.path() / "input.txt");
    EXPECT_TRUE(from_input.out.starts_with("IBM")) << from_input.out;
    const Outcome named = run({"echo.elf", "--uart", "USART1"}, folder_.path() / "input.txt");
    EXPECT_TRUE(named.out.starts_with("IBM")) << named.out;
    const Outcome to_file = run({"echo.elf", "--uart", "USART1:input.txt,output.txt"});
    EXPECT_EQ(to_file.exit_code, 0) << to_file.err;
    EXPECT_EQ(traces::read_text(folder_.file("output.txt")), "IBM");
    EXPECT_EQ(to_file.out.find("IBM"), std::string::npos);
    // JSON has stdout to itself.
    const Outcome with_json = run({"echo.elf", "--uart", "input.txt", "--json", "-"});
    EXPECT_FALSE(Json::parse(with_json.out, nullptr, false).is_discarded()) << with_json.out;
    EXPECT_NE(with_json.err.find("IBM"), std::string::npos);
    expect_error({"echo.elf", "--uart", "none.txt"}, 1, {"none.txt", "No such file"});
    expect_error({"echo.elf", "--uart", "USART9"}, 2, {"USART9", "USART1"});
    expect_error({"echo.elf", "--uart", "input.txt", "--uart", "-"}, 2, {"USART1:-"});
}

TEST_F(Run, SaysHowAProgramEnded) {
    assemble("idles.elf", program(""));
    EXPECT_NE(run({"idles.elf"}).out.find("ended: idle, with nothing to wake it at 0x0800"),
              std::string::npos);
    EXPECT_NE(json({"idles.elf"})["end"].get<std::string>().find("in rest"), std::string::npos);
    assemble("exits.elf", program("b leave"));
    EXPECT_NE(json({"exits.elf"})["end"].get<std::string>().find("exited with code 0"),
              std::string::npos);
}

TEST_F(Run, AFunctionThatDoesNotReturnIsAFailure) {
    assemble("boots.elf", program(""));
    expect_error({"boots.elf", "--call", "sleepy"}, 1, {"sleepy", "never returned", "idles at 0x"});
    expect_error({"boots.elf", "--call", "leave"}, 1, {"leave", "exited with code 0", "leave+"});
    expect_error({"boots.elf", "--call", "nobody"}, 1, {"no symbol 'nobody'"});
    expect_error({"boots.elf", "--call", "0x70000000"}, 1, {"0x70000000", "no code"});
}

TEST_F(Run, ProgramsThatGoWrongEndWithOneLineAndCodeOne) {
    struct Wrong {
        const char* begin;
        std::vector<std::string> words;
        std::vector<std::string> options;
    };

    const Wrong programs[] = {
        {"nop\n b 1f\n1: udf #0", {"undefined instruction", "reset+"}, {}},
        {"nop\n b 1f\n1: ldr r0, =0x60000001\n bx r0", {"jump to 0x60000000"}, {}},
        {"nop\n b 1f\n1: ldr r0, =0x70000000\n str r0, [r0]",
         {"write to 0x70000000", "reset+"},
         {}},
        {"nop\n1: push {r0-r7, lr}\n bl 1b", {"the stack pointer is there", "reset+"}, {}},
        {"nop\n1: adds r0, #1\n b 2f\n2: b 1b",
         {"50000 cycles", "--max-cycles", "reset+"},
         {"--max-cycles", "50000"}},
        {"nop\n1: adds r0, #1\n b 2f\n2: b 1b",
         {"7777 instructions", "--max-instructions"},
         {"--max-instructions", "7777"}},
        {"ldr r4, =0x40003800\n str r5, [r4]\n b 1f\n1: nop",
         {"unknown register 0x40003800", "SPI2", "reset"},
         {"--strict"}},
        {"cpsid i\n b 1f\n1: svc 0", {"SVC", "HardFault", "reset+"}, {}},
    };
    int number = 0;
    for (const Wrong& wrong : programs) {
        const std::string name = "wrong" + std::to_string(number++) + ".elf";
        assemble(name, program(wrong.begin));
        std::vector<std::string> arguments{name};
        arguments.insert(arguments.end(), wrong.options.begin(), wrong.options.end());
        expect_error(arguments, 1, wrong.words);
        expect_error(arguments, 1, {"last blocks: 0x0800"});
    }
}

TEST_F(Run, RawImagesThatAreNoneAreRefused) {
    flash("good.bin", program(""));
    const std::string good = traces::read_text(folder_.file("good.bin"));
    const std::vector<std::string> base{"--base", "0x08000000"};
    const auto refused = [&](const std::string& bytes, const std::vector<std::string>& words) {
        write("bad.bin", bytes);
        expect_error({"bad.bin", "--base", "0x08000000"}, 1, words);
    };
    EXPECT_EQ(run({"good.bin", "--base", "0x08000000"}).exit_code, 0);
    refused("", {"bad.bin", "truncated"});
    refused(good.substr(0, 7), {"bad.bin", "truncated"});
    std::string even = good;
    even[4] = static_cast<char>(even[4] & ~1);
    refused(even, {"reset vector", "even", "no Thumb code"});
    std::string outside = good;
    outside[7] = 0x09;
    refused(outside, {"reset vector", "outside the image"});
    std::string stackless = good;
    stackless[3] = 0x60;
    refused(stackless, {"0x60010000", "no stack pointer", "stm32f746"});
    // Cut off in the middle of its code: it runs into erased flash.
    refused(good.substr(0, 0xe0), {"0x080000e", "last blocks"});
    expect_error({"good.bin"}, 1, {"--base"});
    expect_error({"good.bin", "--base", "0x08000010"}, 1, {"multiple of 128"});
    expect_error({"good.bin", "--base", "0x60000000"}, 1, {"reset vector"});
    expect_error({"good.bin", "--base", "flash"}, 2, {"--base", "'flash'"});
}

TEST(RunMemory, ABoardWhoseMemoriesAreNotDescribedIsSimulatedFastOrRefused) {
    sim::Board board = sim::find_board("stm32f746");
    board.memory = {};
    const sim::Image image{"", "", 0, true, {{0x0800'0000, {0, 0, 1, 0x20, 9, 0, 0, 8}}}, {}};
    sim::Simulation simulation(image, board, {});
    testing::internal::CaptureStderr();
    const RunMemory memory({}, board, true);
    EXPECT_NE(testing::internal::GetCapturedStderr().find("memory is ideal"), std::string::npos);
    memory.apply(simulation);
    EXPECT_EQ(memory.word(simulation), "ideal");
    MemoryOptions exact;
    exact.mode = "exact";
    EXPECT_THROW(RunMemory(exact, board, true), std::invalid_argument);
    MemoryOptions cached;
    cached.overrides.data_cache = true;
    EXPECT_THROW(RunMemory(cached, board, true), std::invalid_argument);
}

}  // namespace
}  // namespace mixq::tools
