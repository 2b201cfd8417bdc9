// The commented CSV: what it takes, what it refuses, and that it reads back.
#include "traces/table.h"

#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace mixq::traces {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Table parse(std::string_view text) {
    return parse_table(text, "t.csv");
}

template <typename Action>
std::string complaint_of(const Action& action) {
    try {
        action();
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "nothing thrown";
}

std::string complaint(std::string_view text) {
    return complaint_of([&] { parse(text); });
}

TEST(Table, ReadsMetadataColumnsAndRows) {
    const Table table =
        parse("# source: bench 3\n# a remark\n\nkernel,cycles\nslbc,12\nnaive,40\n");
    EXPECT_EQ(table.find_metadata("source"), "bench 3");
    EXPECT_EQ(table.find_metadata("a remark"), std::nullopt);
    EXPECT_EQ(table.columns, (std::vector<std::string>{"kernel", "cycles"}));
    EXPECT_EQ(table.rows, (Rows{{"slbc", "12"}, {"naive", "40"}}));
    EXPECT_EQ(table.integer(1, "cycles"), 40);
}

TEST(Table, TheLastLineNeedsNoLineBreak) {
    EXPECT_EQ(parse("a,b\n1,2").rows, (Rows{{"1", "2"}}));
}

TEST(Table, AcceptsCrLfAndAByteOrderMark) {
    const Table table = parse("\xEF\xBB\xBF# k: v\r\na,b\r\n\r\n1,\"2\"\r\n3,4\r");
    EXPECT_EQ(table.find_metadata("k"), "v");
    EXPECT_EQ(table.columns, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(table.rows, (Rows{{"1", "2"}, {"3", "4"}}));
}

TEST(Table, SkipsBlankAndCommentLinesBetweenRows) {
    EXPECT_EQ(parse("a\n\n  \t\n# note: later\n1\n\n2\n").rows, (Rows{{"1"}, {"2"}}));
    EXPECT_TRUE(parse("a\n# note: later\n1\n").metadata.empty());
}

TEST(Table, QuotedFieldsKeepCommasQuotesAndLineBreaks) {
    const Table table = parse("a,b\n\"1,5\",\"say \"\"x\"\"\"\n\"two\nlines\",\"\"\nlast,row\n");
    EXPECT_EQ(table.rows, (Rows{{"1,5", "say \"x\""}, {"two\nlines", ""}, {"last", "row"}}));
    EXPECT_EQ(table.where(0), "t.csv:2");
    EXPECT_EQ(table.where(2), "t.csv:5") << "the line break inside the field counts";
}

TEST(Table, EmptyFieldsAreFields) {
    EXPECT_EQ(parse("a,b,c\n,,\n").rows, (Rows{{"", "", ""}}));
}

TEST(Table, ATableWithoutRowsIsATable) {
    EXPECT_TRUE(parse("a,b\n").rows.empty());
}

TEST(Table, RefusesWhatIsNoTableByFileAndLine) {
    EXPECT_EQ(complaint(""), "t.csv:1: no header row: this is not a CSV table");
    EXPECT_EQ(complaint("# only: remarks\n"), "t.csv:2: no header row: this is not a CSV table");
    EXPECT_EQ(complaint({"\x7f"
                         "ELF\0\1",
                         6}),
              "t.csv:1: this is not a text file");
    EXPECT_EQ(complaint("a,b\n1\n"), "t.csv:2: 1 fields where the header has 2");
    EXPECT_EQ(complaint("a,b\n\n1,2\n1,2,3\n"), "t.csv:4: 3 fields where the header has 2");
    EXPECT_EQ(complaint("a,b\n1,\"2\n3,4\n"), "t.csv:2: a quoted field is not closed");
    EXPECT_EQ(complaint("a,b,a\n"), "t.csv:1: the header has column 'a' twice");
}

TEST(Table, RefusesQuotesThatAreNeitherAroundNorDoubled) {
    EXPECT_NE(complaint("a\n5\" pipe\n").find("t.csv:2: a quote inside a field"),
              std::string::npos);
    EXPECT_NE(complaint("a\n\"5\"x\n").find("t.csv:2: text after a closing quote"),
              std::string::npos);
}

TEST(Table, RefusesFieldsThatAreNotTheNumberAskedFor) {
    const Table table = parse("a\nx\n1.5\n-1\n\"\"\n99999999999999999999\nnan\n1e999\n 1\n0x10\n");
    for (const std::size_t row : {0, 1, 3, 4, 5, 6, 7, 8}) {
        EXPECT_THROW(table.integer(row, "a"), std::runtime_error) << row;
        EXPECT_THROW(table.natural(row, "a"), std::runtime_error) << row;
    }
    for (const std::size_t row : {0, 3, 5, 6, 7, 8}) {
        EXPECT_THROW(table.real(row, "a"), std::runtime_error) << row;
    }
    EXPECT_EQ(table.integer(2, "a"), -1);
    EXPECT_EQ(complaint_of([&] { table.natural(2, "a"); }),
              "t.csv:4: column 'a' holds '-1', not a whole number of 0 or more");
    EXPECT_EQ(table.real(1, "a"), 1.5);
}

TEST(Table, AMissingColumnNamesTheFileAndTheColumnsThereAre) {
    const Table table = parse("kernel,cycles\n");
    EXPECT_EQ(complaint_of([&] { table.column("macs"); }),
              "t.csv: no column 'macs'; it has: kernel, cycles");
}

TEST(Table, ReadsBackWhateverTheFieldsHold) {
    Table table;
    table.metadata = {{"tool", "mixq-sim 0.1.0"}, {"note", "a: b, \"c\""}};
    table.columns = {"plain", "#hash", " blank ", "quo\"te", "com,ma"};
    table.rows = {{"", "#", " ", "\"", ","},
                  {"\n", "\r\n", "a\rb", "\"\"", ",,"},
                  {"\xEF\xBB\xBF", "# k: v", "\t", "\"a\"", "x"}};
    const Table again = parse(format_table(table));
    EXPECT_EQ(again.metadata, table.metadata);
    EXPECT_EQ(again.columns, table.columns);
    EXPECT_EQ(again.rows, table.rows);
}

TEST(Table, ReadsBackEmptyFieldsOfASingleColumn) {
    Table table;
    table.columns = {"only"};
    table.rows = {{""}, {"x"}, {" "}, {"#"}};
    EXPECT_EQ(parse(format_table(table)).rows, table.rows);
}

TEST(Table, RefusesToWriteWhatWouldNotReadBack) {
    Table table;
    table.columns = {"a", "b"};
    table.rows = {{"1"}};
    EXPECT_THROW(format_table(table), std::runtime_error);
    table.rows.clear();
    table.metadata = {{"compiler", "gcc\nversion 12"}};
    EXPECT_THROW(format_table(table), std::runtime_error);
}

TEST(FormatReal, IsTheShortestTextThatReadsBack) {
    EXPECT_EQ(format_real(0.1), "0.1");
    EXPECT_EQ(format_real(-3), "-3");
    for (const double value :
         {1.0 / 3, 1e300, 5e-324, 123456789.123456789, std::numeric_limits<double>::max()}) {
        EXPECT_EQ(std::strtod(format_real(value).c_str(), nullptr), value);
    }
}

}  // namespace
}  // namespace mixq::traces
