// The recorded data of traces/: every file parses and says where its numbers come from.
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "traces/record.h"
#include "traces/table.h"

namespace mixq::traces {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_below(const char* folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(MIXQ_TRACES) / folder)) {
        if (entry.path().extension() == ".csv") files.push_back(entry.path());
    }
    return files;
}

TEST(RecordedTraces, ReadAsRecordsOfTheCoreTheyLieUnder) {
    const auto files = files_below("sim");
    ASSERT_FALSE(files.empty());
    for (const fs::path& file : files) {
        const auto records = read_records(file);
        EXPECT_FALSE(records.empty()) << file;
        for (const Record& record : records) {
            EXPECT_EQ(record.provenance.core, file.parent_path().filename()) << file;
            EXPECT_EQ(record.provenance.elf_sha256.size(), 64u) << file;
            EXPECT_GT(record.cycles, 0u) << file;
            EXPECT_LE(record.issue_cycles, record.cycles) << file;
        }
    }
}

TEST(BoardMeasurements, NameTheirBoardAndASourcePerRow) {
    const auto files = files_below("board");
    ASSERT_FALSE(files.empty());
    for (const fs::path& file : files) {
        const Table table = read_table(file);
        for (const char* key : {"board", "core", "clock", "source"}) {
            EXPECT_TRUE(table.find_metadata(key)) << file << " lacks '# " << key << ": ...'";
        }
        for (std::size_t row = 0; row < table.rows.size(); ++row) {
            EXPECT_NE(table.text(row, "source"), "") << table.where(row);
            EXPECT_NE(table.text(row, "unit"), "") << table.where(row);
            EXPECT_NO_THROW(table.real(row, "value")) << table.where(row);
        }
    }
}

}  // namespace
}  // namespace mixq::traces
