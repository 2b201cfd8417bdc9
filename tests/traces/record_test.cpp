// Records and their CSV.
#include "traces/record.h"

#include <filesystem>
#include <limits>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "traces/file.h"

namespace mixq::traces {
namespace {

Record example() {
    Record record;
    record.kernel = "slbc-deep";
    record.layer = parse_layer("conv3x3:32x32@16x16");
    record.precision = {4, 2};
    record.counts.by_class = {10, 20, 30, 40, 50, 60};
    record.cycles = 123456;
    record.issue_cycles = 100000;
    record.scheduled_cycles = 100123.5;
    record.code_bytes = 1024;
    record.weight_bytes = 9216;
    record.scratch_bytes = 512;
    record.provenance = {.tool = "mixq-sim 0.1.0",
                         .compiler = "arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1, \"20221205\"",
                         .flags = "-O3 -mcpu=cortex-m7",
                         .core = "cortex_m7",
                         .board = "stm32f746",
                         .clock_hz = 216000000,
                         .memory = "ideal",
                         .elf_sha256 = std::string(64, 'a'),
                         .seed = std::numeric_limits<std::uint64_t>::max()};
    return record;
}

class RecordFile : public testing::Test {
  protected:
    RecordFile() { write_records(path_, {example()}); }

    ~RecordFile() override { std::filesystem::remove(path_); }

    // The complaint about the file after `from` became `to`.
    std::string complaint_after(const std::string& from, const std::string& to) {
        std::string text = read_text(path_);
        const std::size_t at = text.find(from);
        if (at == text.npos) return "the file has no '" + from + "'";
        write_file(path_, text.replace(at, from.size(), to));
        try {
            read_records(path_);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "taken";
    }

    const std::string path_ = testing::TempDir() + "record_" +
                              testing::UnitTest::GetInstance()->current_test_info()->name() +
                              ".csv";
    const std::string row_ = path_ + ":4: ";
};

TEST_F(RecordFile, ReadsBackEveryField) {
    const auto records = read_records(path_);
    ASSERT_EQ(records.size(), 1u);
    const Record& record = records.front();
    const Record expected = example();
    EXPECT_EQ(record.kernel, expected.kernel);
    EXPECT_EQ(record.layer, expected.layer);
    EXPECT_EQ(record.precision, expected.precision);
    EXPECT_EQ(record.counts, expected.counts);
    EXPECT_EQ(record.cycles, expected.cycles);
    EXPECT_EQ(record.issue_cycles, expected.issue_cycles);
    EXPECT_EQ(record.scheduled_cycles, expected.scheduled_cycles);
    EXPECT_EQ(record.code_bytes, expected.code_bytes);
    EXPECT_EQ(record.weight_bytes, expected.weight_bytes);
    EXPECT_EQ(record.scratch_bytes, expected.scratch_bytes);
    EXPECT_EQ(record.provenance.tool, expected.provenance.tool);
    EXPECT_EQ(record.provenance.compiler, expected.provenance.compiler);
    EXPECT_EQ(record.provenance.flags, expected.provenance.flags);
    EXPECT_EQ(record.provenance.core, expected.provenance.core);
    EXPECT_EQ(record.provenance.board, expected.provenance.board);
    EXPECT_EQ(record.provenance.clock_hz, expected.provenance.clock_hz);
    EXPECT_EQ(record.provenance.memory, expected.provenance.memory);
    EXPECT_EQ(record.provenance.elf_sha256, expected.provenance.elf_sha256);
    EXPECT_EQ(record.provenance.seed, expected.provenance.seed);
}

TEST_F(RecordFile, RefusesARecordWithoutProvenance) {
    EXPECT_EQ(complaint_after("stm32f746", ""),
              row_ + "a record without provenance: column 'board' is empty");
}

TEST_F(RecordFile, RefusesARecordWithoutItsImage) {
    EXPECT_EQ(complaint_after(std::string(64, 'a'), ""),
              row_ + "a record without provenance: column 'elf_sha256' is empty");
}

TEST_F(RecordFile, RefusesClassesThatDoNotAddUp) {
    EXPECT_EQ(complaint_after(",210,", ",211,"),
              row_ + "the classes do not add up to 'instructions'");
}

TEST_F(RecordFile, RefusesMacsOfAnotherLayer) {
    EXPECT_EQ(complaint_after("@16x16", "@8x8"),
              row_ + "'macs' is not that of 'conv3x3:32x32@8x8'");
}

TEST_F(RecordFile, RefusesAMalformedLayerByFileAndLine) {
    EXPECT_EQ(complaint_after("conv3x3:", "konv3x3:").find(row_ + "layer 'konv3x3:32x32@16x16'"),
              0u);
}

TEST_F(RecordFile, RefusesMalformedBitsByFileAndLine) {
    EXPECT_EQ(complaint_after("w4a2", "w4a9").find(row_ + "precision 'w4a9'"), 0u);
}

TEST_F(RecordFile, RefusesANegativeCount) {
    EXPECT_EQ(complaint_after(",123456,", ",-5,"),
              row_ + "column 'cycles' holds '-5', not a whole number of 0 or more");
}

TEST_F(RecordFile, RefusesAMissingColumnByName) {
    EXPECT_EQ(complaint_after("issue_cycles", "issued").find(path_ + ": no column 'issue_cycles'"),
              0u);
}

TEST(Record, MacPerCycleOfARecordWithoutCyclesIsZero) {
    EXPECT_EQ(Record().mac_per_cycle(), 0.0);
    EXPECT_DOUBLE_EQ(example().mac_per_cycle(), 32.0 * 32 * 9 * 256 / 123456);
}

}  // namespace
}  // namespace mixq::traces
