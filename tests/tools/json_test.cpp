// What scripts rely on: --json - prints one JSON document and nothing else on stdout, with the keys that stay stable.
#include <cstring>
#include <string>
#include <vector>

#include <elf.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/tools/program.h"
#include "traces/file.h"

namespace mixq::tools {
namespace {

using Json = nlohmann::json;

constexpr const char* kRecorded = MIXQ_TRACES "/sim/cortex_m7/demo.csv";
constexpr std::uint32_t kFlash = 0x08000000;

// Thumb code behind a vector table: leaves through semihosting SYS_EXIT (0x18) with ADP_Stopped_ApplicationExit (0x20026).
constexpr std::uint16_t kExitProgram[] = {
    0x1000,
    0x2000,  // initial stack pointer
    0x0009,
    0x0800,  // reset handler, Thumb
    0x2102,  // movs r1, #2
    0x0409,  // lsls r1, r1, #16
    0x3126,  // adds r1, #0x26
    0x2018,  // movs r0, #0x18
    0xBEAB,  // bkpt 0xab
    0xBF00,  // nop
};

std::string tiny_elf() {
    Elf32_Ehdr elf{};
    std::memcpy(elf.e_ident, ELFMAG, SELFMAG);
    elf.e_ident[EI_CLASS] = ELFCLASS32;
    elf.e_ident[EI_DATA] = ELFDATA2LSB;
    elf.e_ident[EI_VERSION] = EV_CURRENT;
    elf.e_type = ET_EXEC;
    elf.e_machine = EM_ARM;
    elf.e_version = EV_CURRENT;
    elf.e_entry = kFlash + 9;
    elf.e_phoff = sizeof elf;
    elf.e_flags = EF_ARM_EABI_VER5;
    elf.e_ehsize = sizeof elf;
    elf.e_phentsize = sizeof(Elf32_Phdr);
    elf.e_phnum = 1;
    Elf32_Phdr segment{};
    segment.p_type = PT_LOAD;
    segment.p_offset = sizeof elf + sizeof segment;
    segment.p_vaddr = segment.p_paddr = kFlash;
    segment.p_filesz = segment.p_memsz = sizeof kExitProgram;
    segment.p_flags = PF_R | PF_X;
    segment.p_align = 4;
    std::string bytes(reinterpret_cast<const char*>(&elf), sizeof elf);
    bytes.append(reinterpret_cast<const char*>(&segment), sizeof segment);
    return bytes.append(reinterpret_cast<const char*>(kExitProgram), sizeof kExitProgram);
}

class JsonOutput : public testing::Test {
  protected:
    // A model of the recorded traces, made once by the program itself.
    static void SetUpTestSuite() {
        folder_ = new TestFolder;
        fit_ = run_program({"fit", kRecorded, "-o", "model.csv", "--json", "-"}, folder_->path());
    }

    static void TearDownTestSuite() {
        delete folder_;
        folder_ = nullptr;
    }

    static Outcome run(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--json", "-"});
        return run_program(arguments, folder_->path());
    }

    // The whole of stdout as one document with these keys.
    static Json parsed(const Outcome& outcome, const std::vector<std::string>& keys) {
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        Json json = Json::parse(outcome.out, nullptr, false);
        EXPECT_FALSE(json.is_discarded()) << outcome.out;
        for (const std::string& key : keys) EXPECT_TRUE(json.contains(key)) << key;
        return json;
    }

    static void expect_keys(const Json& json, const std::vector<std::string>& keys) {
        for (const std::string& key : keys) EXPECT_TRUE(json.contains(key)) << key;
    }

    static TestFolder* folder_;
    static Outcome fit_;
};

TestFolder* JsonOutput::folder_ = nullptr;
Outcome JsonOutput::fit_;

TEST_F(JsonOutput, RunTellsCallsWithCountsStallsAndProvenance) {
    traces::write_file(folder_->file("tiny.elf"), tiny_elf());
    const Json json =
        parsed(run({"run", "tiny.elf"}), {"calls", "clock_hz", "wall_s", "provenance"});
    ASSERT_EQ(json["calls"].size(), 1u);
    const Json& call = json["calls"][0];
    expect_keys(call, {"cycles", "instructions", "classes", "stalls"});
    EXPECT_EQ(call["instructions"], 5) << "three for r1, one for r0, the breakpoint";
    std::uint64_t of_classes = 0;
    for (const auto& count : call["classes"]) of_classes += count.get<std::uint64_t>();
    EXPECT_EQ(of_classes, call["instructions"].get<std::uint64_t>());
}

TEST_F(JsonOutput, TraceTellsItsRecords) {
    const Json json = parsed(run({"trace",
                                  "-q",
                                  "--kernel",
                                  "naive",
                                  "simd-int8",
                                  "--layer",
                                  "conv1x1:8x8@4x4",
                                  "--bits",
                                  "w8a8"}),
                             {"records"});
    ASSERT_EQ(json["records"].size(), 2u);
    for (const Json& record : json["records"]) {
        expect_keys(record, {"kernel", "layer", "bits", "cycles"});
    }
}

TEST_F(JsonOutput, FitTellsCoefficientsAndErrors) {
    parsed(fit_, {"alpha", "beta", "r2", "mape", "holdout_mape", "condition"});
}

TEST_F(JsonOutput, PredictTellsCyclesIntervalAndMemory) {
    const Json json = parsed(
        run({"predict", "--model", "model.csv", "--layer", "conv3x3:8x8@6x6", "--bits", "w4a4"}),
        {"cycles", "interval", "ram_bytes", "flash_bytes"});
    EXPECT_GT(json["cycles"], 0);
    EXPECT_EQ(json["interval"].size(), 2u);
}

TEST_F(JsonOutput, BenchTellsARowPerKernelLayerAndBits) {
    const Json json = parsed(
        run({"bench", "-q", "--kernel", "naive", "--layer", "conv1x1:8x8@4x4", "--bits", "w8a8"}),
        {"rows"});
    ASSERT_FALSE(json["rows"].empty());
    expect_keys(json["rows"][0], {"kernel", "layer", "bits", "macs", "cycles", "mac_per_cycle"});
}

TEST_F(JsonOutput, CompareTellsCasesAndTheirError) {
    const Json json = parsed(run({"compare", "--only", "MB-09"}), {"cases", "mape"});
    ASSERT_FALSE(json["cases"].empty());
    expect_keys(json["cases"][0], {"id", "board_cycles", "simulated_cycles", "error"});
}

TEST_F(JsonOutput, AFullDiskIsAFailureAndNotHalfADocument) {
    const Outcome outcome =
        run_program_onto("/dev/full", {"fit", kRecorded, "--json", "-"}, folder_->path());
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_NE(outcome.err.find("mixq-sim: error: cannot write"), std::string::npos) << outcome.err;
}

TEST_F(JsonOutput, AReaderThatLeavesDoesNotCostTheFile) {
    const Outcome outcome =
        run_program_unread({"fit", kRecorded, "-o", "again.csv"}, folder_->path());
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(traces::read_text(folder_->file("again.csv")),
              traces::read_text(folder_->file("model.csv")));
}

TEST_F(JsonOutput, ALimitThatIsNotMetIsThree) {
    const Outcome outcome =
        run_program({"fit", kRecorded, "--max-holdout-mape", "0.000001"}, folder_->path());
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_NE(outcome.err.find("mixq-sim: error: "), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace mixq::tools
