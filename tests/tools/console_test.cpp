// What tables and numbers look like.
#include "tools/console.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/tools/program.h"
#include "traces/file.h"

namespace mixq::tools {
namespace {

TEST(Columns, TextStandsLeftAndNumbersRight) {
    EXPECT_EQ(format_columns({"kernel", "cycles"}, {{"slbc", "1,234"}, {"naive", "-5"}}),
              "kernel  cycles\n"
              "slbc     1,234\n"
              "naive       -5\n");
}

TEST(Columns, LinesEndWithoutBlanks) {
    EXPECT_EQ(format_columns({"a", "note"}, {{"x", "long text"}, {"y", ""}}),
              "a  note\nx  long text\ny\n");
}

TEST(Columns, AlignCharactersAndNotBytes) {
    EXPECT_EQ(format_columns({"a", "b"}, {{"\u03b1\u03b2", "x"}, {"cd", "y"}}),
              "a   b\n\u03b1\u03b2  x\ncd  y\n");
}

TEST(Grouped, SeparatesThousands) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(1234567), "1,234,567");
    EXPECT_EQ(grouped(-123), "-123");
    EXPECT_EQ(grouped(-1234), "-1,234");
    EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Fixed, HasTheDecimalsAskedFor) {
    EXPECT_EQ(fixed(1.25, 1), "1.2");
    EXPECT_EQ(fixed(2, 3), "2.000");
    EXPECT_EQ(fixed(1e15, 0), "1000000000000000");
}

TEST(Json, NoPathWritesNothingAndAPathWritesTheFile) {
    const TestFolder folder;
    write_json("", {{"a", 1}});
    EXPECT_TRUE(folder.entries().empty());
    write_json(folder.file("a.json"), {{"a", 1}});
    EXPECT_EQ(traces::read_text(folder.file("a.json")), "{\n  \"a\": 1\n}\n");
}

TEST(Json, BytesThatAreNoUtf8DoNotStopTheRun) {
    const TestFolder folder;
    EXPECT_NO_THROW(write_json(folder.file("a.json"), {{"path", "\xFF"}}));
}

// Off a terminal, a short run must not put anything on stderr: scripts read errors there.
TEST(ProgressLine, IsSilentOnAShortRunOffATerminal) {
    testing::internal::CaptureStderr();
    {
        Progress progress("kernels", 2);
        progress.advance("first", 1);
        progress.advance("second", 2);
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace mixq::tools
