// What the program does with wrong input: one clear line, the right exit code, no half-written file.
#include <cstring>
#include <string>
#include <vector>

#include <elf.h>
#include <gtest/gtest.h>

#include "tests/tools/program.h"
#include "traces/file.h"

namespace mixq::tools {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// Every verb that is built; without LibTorch nas only says so.
const std::vector<std::string> kVerbs = {
    "run",
    "trace",
    "fit",
    "predict",
    "deploy",
    "compare",
    "bench",
    "report",
#ifdef MIXQ_WITH_NAS
    "nas",
#endif
};

// An ELF header of an Arm executable with one program header; tests break it in one place each.
Elf32_Ehdr elf_header() {
    Elf32_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS32;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_ARM;
    header.e_version = EV_CURRENT;
    header.e_entry = 0x08000009;
    header.e_phoff = sizeof(Elf32_Ehdr);
    header.e_ehsize = sizeof(Elf32_Ehdr);
    header.e_phentsize = sizeof(Elf32_Phdr);
    header.e_phnum = 1;
    header.e_shentsize = sizeof(Elf32_Shdr);
    return header;
}

Elf32_Phdr program_header() {
    Elf32_Phdr header{};
    header.p_type = PT_LOAD;
    header.p_offset = sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr);
    header.p_vaddr = header.p_paddr = 0x08000000;
    header.p_filesz = header.p_memsz = 16;
    header.p_flags = PF_R | PF_X;
    header.p_align = 4;
    return header;
}

std::string elf_bytes(const Elf32_Ehdr& elf, const Elf32_Phdr& program) {
    std::string bytes(reinterpret_cast<const char*>(&elf), sizeof elf);
    bytes.append(reinterpret_cast<const char*>(&program), sizeof program);
    return bytes + std::string(16, '\0');
}

class Program : public testing::Test {
  protected:
    // Runs it, expects one error line that holds `words` and that nothing was left behind.
    void expect_error(const std::vector<std::string>& arguments,
                      int exit_code,
                      const std::vector<std::string>& words) {
        const auto before = folder_.entries();
        const Outcome outcome = run_program(arguments, folder_.path());
        EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
        EXPECT_TRUE(outcome.is_one_error_line()) << outcome.err;
        EXPECT_EQ(outcome.out, "");
        for (const std::string& word : words) {
            EXPECT_NE(outcome.err.find(word), std::string::npos)
                << "'" << word << "' is not in: " << outcome.err;
        }
        EXPECT_EQ(folder_.entries(), before) << "something was left behind";
    }

    void write(const std::string& name, const std::string& content) const {
        traces::write_file(folder_.file(name), content);
    }

    Outcome run(const std::vector<std::string>& arguments) const {
        return run_program(arguments, folder_.path());
    }

    const TestFolder folder_;
};

using Usage = Program;

TEST_F(Usage, NoVerbIsAnErrorThatListsTheVerbs) {
    expect_error({}, kUsage, {"a verb is missing", "run, trace, fit", "mixq-sim --help"});
}

TEST_F(Usage, AnUnknownVerbIsNamed) {
    expect_error({"simulate"}, kUsage, {"unknown verb 'simulate'", "run, trace, fit"});
}

TEST_F(Usage, AnUnknownOptionIsNamed) {
    expect_error({"--frobnicate"}, kUsage, {"'--frobnicate'"});
    for (const std::string& verb : kVerbs) {
        expect_error({verb, "--frobnicate"}, kUsage, {"mixq-sim " + verb + " --help"});
    }
}

TEST_F(Usage, HelpTeachesTheFlowAndTheExitCodes) {
    const Outcome outcome = run({"--help"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.err, "");
    for (const std::string& verb : kVerbs) {
        EXPECT_NE(outcome.out.find("\n  " + verb), std::string::npos) << verb;
    }
    for (const char* words : {"(trace)", "(fit)", "(deploy)", "Exit codes: 0", "--version"}) {
        EXPECT_NE(outcome.out.find(words), std::string::npos) << words;
    }
}

TEST_F(Usage, HelpOfEachVerbHasAnExample) {
    for (const std::string& verb : kVerbs) {
        const Outcome outcome = run({verb, "--help"});
        EXPECT_EQ(outcome.exit_code, 0) << verb;
        EXPECT_EQ(outcome.err, "") << verb;
        EXPECT_NE(outcome.out.find("mixq-sim " + verb + " "), std::string::npos) << verb;
        const bool writes_json = verb != "report";  // its page is the output
        EXPECT_TRUE(!writes_json || outcome.out.find("--json") != std::string::npos) << verb;
    }
}

TEST_F(Usage, VersionIsOneLine) {
    const Outcome outcome = run({"-V"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.out.find("mixq-sim "), 0u);
    EXPECT_EQ(outcome.out, run({"--version"}).out);
}

TEST_F(Usage, AFullDiskUnderStdoutIsAFailure) {
    const Outcome outcome = run_program_onto("/dev/full", {"--help"}, folder_.path());
    EXPECT_EQ(outcome.exit_code, kFailed);
    EXPECT_TRUE(outcome.is_one_error_line()) << outcome.err;
}

TEST_F(Usage, AReaderThatLeftIsNoFailure) {
    const Outcome outcome = run_program_unread({"--help"}, folder_.path());
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.err, "");
}

using RunImage = Program;

TEST_F(RunImage, AMissingFileIsNamed) {
    expect_error({"run", "none.elf"}, kFailed, {"none.elf", "No such file or directory"});
}

TEST_F(RunImage, ADirectoryIsNoImage) {
    expect_error({"run", "."}, kFailed, {"Is a directory"});
}

TEST_F(RunImage, AnEmptyFileIsNoImage) {
    write("empty.elf", "");
    expect_error({"run", "empty.elf"}, kFailed, {"empty.elf"});
}

TEST_F(RunImage, ATextIsNoImage) {
    write("text.elf",
          "#!/bin/sh\necho this is not an ELF, but it is long enough to hold a header\n");
    expect_error({"run", "text.elf"}, kFailed, {"text.elf", "not an ELF"});
}

TEST_F(RunImage, ATruncatedElfIsRefusedWhereverItEnds) {
    const std::string whole = elf_bytes(elf_header(), program_header());
    for (const std::size_t size : {5ul, sizeof(Elf32_Ehdr) - 1, sizeof(Elf32_Ehdr), 60ul, 90ul}) {
        write("cut.elf", whole.substr(0, size));
        expect_error({"run", "cut.elf"}, kFailed, {"cut.elf"});
    }
}

TEST_F(RunImage, AnElfOfAnotherMachineIsRefused) {
    Elf32_Ehdr header = elf_header();
    header.e_machine = EM_RISCV;
    write("riscv.elf", elf_bytes(header, program_header()));
    expect_error({"run", "riscv.elf"}, kFailed, {"riscv.elf", "Arm"});
}

TEST_F(RunImage, ABigEndianElfIsRefused) {
    Elf32_Ehdr header = elf_header();
    header.e_ident[EI_DATA] = ELFDATA2MSB;
    write("big.elf", elf_bytes(header, program_header()));
    expect_error({"run", "big.elf"}, kFailed, {"big.elf"});
}

TEST_F(RunImage, AnObjectFileIsNoImage) {
    Elf32_Ehdr header = elf_header();
    header.e_type = ET_REL;
    write("object.o", elf_bytes(header, program_header()));
    expect_error({"run", "object.o"}, kFailed, {"object.o"});
}

TEST_F(RunImage, ASegmentOutsideTheBoardsMemoryIsRefused) {
    Elf32_Phdr segment = program_header();
    segment.p_vaddr = segment.p_paddr = 0xC0000000;
    write("far.elf", elf_bytes(elf_header(), segment));
    expect_error({"run", "far.elf"}, kFailed, {"c0000000"});
}

TEST_F(RunImage, AnUnknownBoardListsTheBoardsThereAre) {
    write("good.elf", elf_bytes(elf_header(), program_header()));
    expect_error({"run", "good.elf", "--board", "stm32x"}, kUsage, {"stm32x", "stm32f746"});
}

// Verbs that take a layer: the words a user can get wrong.
class LayerVerb : public Program, public testing::WithParamInterface<std::string> {
  protected:
    std::vector<std::string> arguments(const std::string& kernel,
                                       const std::string& layer,
                                       const std::string& bits) const {
        return {GetParam(), "--kernel", kernel, "--layer", layer, "--bits", bits};
    }
};

TEST_P(LayerVerb, AnUnknownKernelListsTheKernelsThereAre) {
    expect_error(arguments("magic", "conv1x1:4x4@2x2", "w4a4"), kUsage, {"magic", "slbc-deep"});
}

TEST_P(LayerVerb, AMalformedLayerIsNamed) {
    expect_error(arguments("naive", "conv3:32", "w4a4"), kUsage, {"conv3:32"});
    expect_error(arguments("naive", "conv3x3:0x1@1x1", "w4a4"), kUsage, {"1..65535"});
}

TEST_P(LayerVerb, MalformedBitsAreNamed) {
    expect_error(arguments("naive", "conv1x1:4x4@2x2", "w9a1"), kUsage, {"w9a1", "such as w4a2"});
    expect_error(arguments("naive", "conv1x1:4x4@2x2", "4,2"), kUsage, {"4,2"});
}

INSTANTIATE_TEST_SUITE_P(Verbs, LayerVerb, testing::Values("trace", "bench"), [](const auto& verb) {
    return verb.param;
});

using Trace = Program;

TEST_F(Trace, AnUnknownSuiteIsNamed) {
    expect_error({"trace", "--suite", "everything"}, kUsage, {"everything", "demo"});
}

TEST_F(Trace, AnUnwritableOutputFailsAndLeavesNothing) {
    write("file", "");
    const std::vector<std::string> one = {
        "trace", "-q", "--kernel", "naive", "--layer", "conv1x1:4x4@2x2", "--bits", "w8a8"};
    for (const std::string output : {"file/traces.csv", "nowhere/traces.csv", "/dev/full"}) {
        std::vector<std::string> arguments = one;
        arguments.insert(arguments.end(), {"-o", output});
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.exit_code, kFailed) << output;
        EXPECT_TRUE(outcome.is_one_error_line()) << outcome.err;
        EXPECT_NE(outcome.err.find(output), std::string::npos) << outcome.err;
        EXPECT_EQ(folder_.entries(), std::vector<std::string>{"file"});
    }
}

using FitTraces = Program;

TEST_F(FitTraces, AMissingFileIsNamed) {
    expect_error({"fit", "none.csv", "-o", "model.csv"}, kFailed, {"none.csv", "No such file"});
}

TEST_F(FitTraces, ADirectoryIsNoTable) {
    expect_error({"fit", ".", "-o", "model.csv"}, kFailed, {"Is a directory"});
}

TEST_F(FitTraces, AMalformedTableIsRefusedByFileAndLine) {
    write("empty.csv", "");
    write("image.csv",
          std::string("\x7f"
                      "ELF\0",
                      5));
    write("ragged.csv", "kernel,layer,bits\nslbc,fc:1x1\n");
    write("open.csv", "kernel,layer,bits\nslbc,\"fc:1x1,w2a2\n");
    write("other.csv", "a,b\n1,2\n");
    expect_error({"fit", "empty.csv", "-o", "model.csv"}, kFailed, {"empty.csv:1", "no header"});
    expect_error({"fit", "image.csv", "-o", "model.csv"}, kFailed, {"image.csv:1", "not a text"});
    expect_error({"fit", "ragged.csv", "-o", "model.csv"}, kFailed, {"ragged.csv:2", "2 fields"});
    expect_error({"fit", "open.csv", "-o", "model.csv"}, kFailed, {"open.csv:2", "not closed"});
    expect_error({"fit", "other.csv", "-o", "model.csv"}, kFailed, {"other.csv", "no column"});
}

using Predict = Program;

TEST_F(Predict, AMissingModelIsNamed) {
    expect_error({"predict", "--model", "none.csv", "--layer", "fc:8x8", "--bits", "w4a4"},
                 kFailed,
                 {"none.csv", "No such file"});
}

using Deploy = Program;

TEST_F(Deploy, AMissingPlanIsNamed) {
    expect_error({"deploy", "none.csv", "-o", "out"}, kFailed, {"none.csv", "No such file"});
}

TEST_F(Deploy, AMalformedPlanIsNamed) {
    write("plan.csv", "a,b\n1,2\n");
    expect_error({"deploy", "plan.csv", "-o", "out"}, kFailed, {"plan.csv"});
}

using Report = Program;

TEST_F(Report, AnUnwritableOutputFails) {
    write("file", "");
    expect_error({"report", "-o", "file/report.html"}, kFailed, {"file/report.html"});
}

#ifdef MIXQ_WITH_NAS
using Nas = Program;

TEST_F(Nas, ADataDirectoryWithoutBatchesIsNamed) {
    write("model.csv", "");
    std::filesystem::create_directory(folder_.path() / "data");
    expect_error({"nas", "--space", "vgg_tiny", "--data", "data"}, kFailed, {"data", "batch"});
    expect_error({"nas", "--space", "vgg_tiny", "--data", "nowhere"}, kFailed, {"nowhere"});
}

TEST_F(Nas, AnUnknownSpaceListsTheSpacesThereAre) {
    expect_error({"nas", "--space", "huge"}, kUsage, {"huge", "vgg_tiny"});
}
#endif

}  // namespace
}  // namespace mixq::tools
