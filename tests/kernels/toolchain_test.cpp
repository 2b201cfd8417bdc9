// The laws of the compiler and QEMU wrappers.
#include "kernels/network/toolchain.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "traces/file.h"

namespace mixq::kernels {

namespace {

namespace fs = std::filesystem;

// A folder of this test alone, gone after it.
class ToolchainTest : public testing::Test {
  protected:
    ToolchainTest() {
        std::string pattern = testing::TempDir() + "mixq-toolchain-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }

    ~ToolchainTest() override { fs::remove_all(folder_); }

    fs::path write(const std::string& name, const std::string& text) const {
        traces::write_file(folder_ / name, text);
        return folder_ / name;
    }

    CompileJob job(const std::string& name, const std::string& text) const {
        return {write(name, text), folder_ / (name + ".o"), {}, {}, {}};
    }

    fs::path folder_;
};

std::string error_of(const auto& action) {
    try {
        action();
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "no error";
}

using Toolchain = ToolchainTest;

TEST_F(Toolchain, NamesItsCompilersVersion) {
    EXPECT_NE(find_compiler().version.find("gcc"), std::string::npos) << find_compiler().version;
}

TEST_F(Toolchain, CompilesCAndAssemblySideBySide) {
    const std::vector<CompileJob> jobs = {
        job("one.c", "int one(void) { return VALUE; }\n"),
        job("two.S", ".syntax unified\n.thumb\n.global two\n.thumb_func\ntwo: bx lr\n"),
        job("three.c", "const char three[100] = {1}; char zero[40]; int set = 3;\n")};
    std::vector<CompileJob> with_value = jobs;
    with_value[0].defines = {{"VALUE", "42"}};
    compile(with_value, 2);
    EXPECT_GT(object_size(jobs[0].object).code, 0u);
    const ObjectSize size = object_size(jobs[2].object);
    EXPECT_EQ(size.constant, 100u);
    EXPECT_EQ(size.bss, 40u);
    EXPECT_EQ(size.data, 4u);
    EXPECT_EQ(size.code, 0u);
}

TEST_F(Toolchain, ReportsTheFirstErrorLineWithItsSource) {
    const CompileJob broken = job("broken.c", "int a;\nint b = nothing;\nint c = nil;\n");
    const std::string text = error_of([&] { compile({{broken}}); });
    EXPECT_NE(text.find("broken.c:2"), std::string::npos) << text;
    EXPECT_NE(text.find("nothing"), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_FALSE(fs::exists(broken.object));
}

TEST_F(Toolchain, ReturnsWarningsWithoutFailing) {
    const auto said = compile({{job("warn.c", "int f(void) { int unused; return 1; }\n")}});
    EXPECT_NE(said[0].find("unused"), std::string::npos);
}

TEST_F(Toolchain, NamesTheSymbolALinkMisses) {
    const CompileJob source =
        job("call.c", "int missing(void); int _start(void) {return missing();}");
    compile({{source}});
    const fs::path script =
        write("link.ld", "ENTRY(_start) SECTIONS { . = 0x8000; .text : { KEEP(*(.text*)) } }\n");
    const std::string text =
        error_of([&] { link({{source.object}}, script, folder_ / "out.elf"); });
    EXPECT_NE(text.find("missing"), std::string::npos) << text;
}

TEST_F(Toolchain, RejectsAnObjectThatIsCutShort) {
    const CompileJob source = job("one.c", "int one(void) { return 1; }\n");
    compile({{source}});
    const auto bytes = traces::read_bytes(source.object);
    for (const std::size_t keep : {std::size_t{0}, std::size_t{20}, bytes.size() / 2}) {
        traces::write_file(folder_ / "cut.o", std::span(bytes).first(keep));
        EXPECT_NE(error_of([&] { read_sections(folder_ / "cut.o"); }), "no error") << keep;
    }
}

TEST_F(Toolchain, FindsTheDeviceSources) {
    EXPECT_TRUE(fs::exists(device_directory() / "device"));
}

TEST_F(Toolchain, RefusesADeviceDirectoryWithoutSources) {
    ::setenv("MIXQ_DEVICE_DIR", folder_.c_str(), 1);
    const std::string text = error_of([] { device_directory(); });
    ::unsetenv("MIXQ_DEVICE_DIR");
    EXPECT_NE(text.find("MIXQ_DEVICE_DIR"), std::string::npos) << text;
}

TEST(RunProgram, CollectsOutputErrorsAndExitCode) {
    const ProgramRun run =
        run_program("/bin/sh", {"-c", "echo out; echo err >&2; exit 7"}, std::chrono::seconds(20));
    EXPECT_EQ(run.output, "out\n");
    EXPECT_EQ(run.errors, "err\n");
    EXPECT_EQ(run.exit_code, 7);
    EXPECT_FALSE(run.timed_out);
}

TEST(RunProgram, StopsAProgramThatDoesNotEnd) {
    const ProgramRun run = run_program("/bin/sleep", {"60"}, std::chrono::milliseconds(50));
    EXPECT_TRUE(run.timed_out);
}

TEST(RunProgram, SaysWhatCannotBeStarted) {
    EXPECT_NE(error_of([] {
                  run_program("/no/such/program", {}, std::chrono::seconds(1));
              }).find("/no/such/program"),
              std::string::npos);
}

}  // namespace

}  // namespace mixq::kernels
