// The laws of trace and bench.
#include <nlohmann/json.hpp>

#include "tests/kernels/firmware_test.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "traces/file.h"
#include "traces/record.h"

namespace mixq::tools {

namespace {

using kernels::Folder;

void call(const std::string& arguments) {
    set_quiet(true);
    CLI::App app{"test"};
    add_trace(app);
    add_bench(app);
    app.parse(arguments);
}

constexpr const char* kSmall = "trace --kernel naive simd-int8 --layer conv1x1:8x8@4x4 --bits w4a4";

TEST(Trace, RecordsEveryRunWithItsProvenance) {
    const Folder folder;
    call(std::string(kSmall) + " -o " + folder.file("t.csv"));
    const auto records = traces::read_records(folder.file("t.csv"));
    ASSERT_EQ(records.size(), 2u);
    for (const traces::Record& record : records) {
        EXPECT_GT(record.cycles, 0u);
        EXPECT_GE(record.cycles, record.issue_cycles);
        EXPECT_GT(record.counts.total(), 0u);
        EXPECT_GT(record.code_bytes, 0u);
        EXPECT_EQ(record.provenance.elf_sha256.size(), 64u);
        EXPECT_EQ(record.provenance.board, "stm32f746");
    }
    EXPECT_LT(records[1].cycles, records[0].cycles);
}

TEST(Trace, GoesOnWhereAnEarlierRunStopped) {
    const Folder folder;
    const std::string file = folder.file("t.csv");
    call(std::string(kSmall) + " -o " + file);
    auto records = traces::read_records(file);
    records[0].cycles = 12345;  // a mark: a run that is not repeated keeps it
    traces::write_records(file, records);
    call(std::string(kSmall) + " -o " + file);
    EXPECT_EQ(traces::read_records(file)[0].cycles, 12345u);
    call(std::string(kSmall) + " --seed 2 -o " + file);
    EXPECT_NE(traces::read_records(file)[0].cycles, 12345u);
}

TEST(Trace, RunsAgainWhatAnotherSimulatorOrAnotherImageGave) {
    const Folder folder;
    const std::string file = folder.file("t.csv");
    call(std::string(kSmall) + " -o " + file);
    auto records = traces::read_records(file);
    const std::string tool = records[0].provenance.tool;
    EXPECT_NE(tool.find(", sim "), std::string::npos) << tool;
    const auto cycles = records[0].cycles;
    records[0].cycles = records[1].cycles = 12345;
    records[0].provenance.tool = "mixq-sim 0.0.1, sim 0, kernels 0";
    // Other kernels, but the very same image: it need not be simulated.
    records[1].provenance.tool = tool.substr(0, tool.find(", kernels")) + ", kernels 0";
    traces::write_records(file, records);
    call(std::string(kSmall) + " -o " + file);
    records = traces::read_records(file);
    EXPECT_EQ(records[0].cycles, cycles);
    EXPECT_EQ(records[1].cycles, 12345u);
    EXPECT_EQ(records[1].provenance.tool, tool);
    records[1].provenance.tool = "mixq-sim 0.0.1, sim 0, kernels 0";
    records[1].provenance.elf_sha256[0] ^= 1;
    traces::write_records(file, records);
    call(std::string(kSmall) + " -o " + file);
    EXPECT_NE(traces::read_records(file)[1].cycles, 12345u);
}

TEST(Trace, ComparesWithWhatWasRecorded) {
    const Folder folder;
    const std::string file = folder.file("t.csv");
    call(std::string(kSmall) + " -o " + file);
    EXPECT_NO_THROW(call(std::string(kSmall) + " --check " + file));
    auto records = traces::read_records(file);
    records[1].cycles += 1;
    traces::write_records(file, records);
    EXPECT_THROW(call(std::string(kSmall) + " --check " + file), LimitNotMet);
    records.pop_back();
    traces::write_records(file, records);
    EXPECT_THROW(call(std::string(kSmall) + " --check " + file), LimitNotMet);
}

TEST(Trace, WantsKernelLayerAndBitsOrASuite) {
    EXPECT_THROW(call("trace"), std::invalid_argument);
    EXPECT_THROW(call("trace --kernel naive --bits w4a4"), std::invalid_argument);
    EXPECT_THROW(call("trace --suite demo --kernel naive"), std::invalid_argument);
    EXPECT_THROW(call("trace --suite none"), std::invalid_argument);
    EXPECT_THROW(call("trace --kernel none --layer fc:8x8 --bits w4a4"), std::invalid_argument);
    EXPECT_THROW(call("trace --kernel naive --layer fc:8 --bits w4a4"), std::invalid_argument);
    EXPECT_THROW(call("trace --kernel naive --layer fc:8x8 --bits w1a4"), std::invalid_argument);
}

TEST(Bench, BestIsNoSlowerThanAnyKernel) {
    const Folder folder;
    const std::string what = " --layer conv1x1:16x16@4x4 --bits w4a4 --json ";
    call("bench" + what + folder.file("all.json"));
    call("bench --kernel best" + what + folder.file("best.json"));
    const auto all = nlohmann::json::parse(traces::read_text(folder.file("all.json")));
    const auto best = nlohmann::json::parse(traces::read_text(folder.file("best.json")));
    ASSERT_EQ(best["rows"].size(), 1u);
    for (const auto& row : all["rows"]) {
        EXPECT_LE(best["rows"][0]["cycles"].get<std::uint64_t>(),
                  row["cycles"].get<std::uint64_t>());
    }
    EXPECT_GT(all["rows"].size(), 2u);
}

}  // namespace

}  // namespace mixq::tools
