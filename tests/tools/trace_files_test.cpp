// The files for viewers against what their formats' documents demand, and the tables of hotspots.
#include "tools/trace_files.h"

#include <stdexcept>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/sim/assembly.h"
#include "tools/hotspot_tables.h"

namespace mixq::tools {
namespace {

using nlohmann::json;

constexpr const char* kProgram =
    "start:\n push.w {r4, lr}\n movs.w r4, #9\n1: bl work\n subs.w r4, r4, #1\n bne.w 1b\n pop.w "
    "{r4, pc}\n"
    ".size start, . - start\n.type work, %function\nwork:\n ldr.w r0, [sp]\n mul r0, r0, r0\n mul "
    "r1, r0, r0\n bx lr\n";

struct Seen {
    sim::Image image = tests::assemble(kProgram);
    const sim::Board& board = sim::find_board("stm32f746");
    sim::CallFollower follower{image};
    sim::Hotspots hotspots;
    sim::Timeline timeline;
    sim::Stacks stacks;
    std::uint64_t cycles = 0;

    Seen() {
        follower.add(hotspots);
        follower.add(timeline);
        follower.add(stacks);
        sim::Simulation simulation(image, board, {});
        simulation.set_listener(&follower);
        simulation.call(image.entry, {}, true);
        cycles = simulation.total().timing.cycles;
    }
};

TEST(Perfetto, EveryEventHasWhatTheTraceEventFormatDemandsOfItsPhase) {
    if (!tests::has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Seen seen;
    const json trace = json::parse(perfetto_json(seen.timeline, seen.follower.stack(), seen.board));
    int spans = 0;
    std::uint64_t stalled = 0;
    for (const json& event : trace.at("traceEvents")) {
        const std::string phase = event.at("ph");
        EXPECT_TRUE(event.at("name").is_string());
        EXPECT_TRUE(event.at("pid").is_number() && event.at("tid").is_number());
        if (phase == "X") {
            ++spans;
            EXPECT_LE(event.at("ts").get<std::uint64_t>() + event.at("dur").get<std::uint64_t>(),
                      seen.cycles);
        } else if (phase == "C") {
            EXPECT_TRUE(event.at("ts").is_number());
            for (const auto& [name, value] : event.at("args").items()) {
                EXPECT_TRUE(value.is_number()) << name;
                stalled += value.get<std::uint64_t>();
            }
        } else {
            EXPECT_EQ(phase, "M");
            EXPECT_TRUE(event.at("args").at("name").is_string());
        }
    }
    EXPECT_EQ(spans, 10);
    EXPECT_EQ(stalled, seen.hotspots.total().stalled());
    EXPECT_EQ(trace.at("displayTimeUnit"), "ns");
    EXPECT_EQ(trace.at("otherData").at("clock_hz"), seen.board.clock_hz);
    EXPECT_EQ(trace.at("otherData").at("unit"), "cycles");
}

TEST(Speedscope, TheCallsOpenAndCloseInOrderAndCoverTheRun) {
    if (!tests::has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Seen seen;
    const json file =
        json::parse(speedscope_json(seen.timeline, seen.stacks, seen.follower.stack(), seen.board));
    EXPECT_EQ(file.at("$schema"), "https://www.speedscope.app/file-format-schema.json");
    const json& profile = file.at("profiles").at(0);
    EXPECT_EQ(profile.at("type"), "evented");
    EXPECT_EQ(profile.at("unit"), "none");
    EXPECT_EQ(profile.at("startValue"), 0);
    EXPECT_EQ(profile.at("endValue"), seen.cycles);
    EXPECT_NE(profile.at("name").get<std::string>().find("MHz"), std::string::npos);
    std::vector<std::size_t> open;
    std::uint64_t last = 0;
    for (const json& event : profile.at("events")) {
        const auto frame = event.at("frame").get<std::size_t>();
        const auto at = event.at("at").get<std::uint64_t>();
        EXPECT_LT(frame, file.at("shared").at("frames").size());
        EXPECT_GE(at, last);
        last = at;
        if (event.at("type") == "O") {
            open.push_back(frame);
            continue;
        }
        EXPECT_EQ(event.at("type"), "C");
        ASSERT_FALSE(open.empty());
        EXPECT_EQ(open.back(), frame);
        open.pop_back();
    }
    EXPECT_TRUE(open.empty());
    EXPECT_EQ(last, seen.cycles);
}

TEST(Speedscope, SamplesNameTheirFramesAndWeighTheWholeRun) {
    if (!tests::has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Seen seen;
    const json file =
        json::parse(speedscope_json(seen.timeline, seen.stacks, seen.follower.stack(), seen.board));
    const json& profile = file.at("profiles").at(1);
    EXPECT_EQ(profile.at("type"), "sampled");
    ASSERT_EQ(profile.at("samples").size(), profile.at("weights").size());
    std::uint64_t sum = 0;
    for (const json& weight : profile.at("weights")) sum += weight.get<std::uint64_t>();
    EXPECT_EQ(sum, seen.cycles);
    EXPECT_EQ(profile.at("endValue"), sum);
    for (const json& sample : profile.at("samples")) {
        EXPECT_FALSE(sample.empty());
        for (const json& frame : sample)
            EXPECT_LT(frame.get<std::size_t>(), file.at("shared").at("frames").size());
    }
    for (const json& frame : file.at("shared").at("frames"))
        EXPECT_TRUE(frame.at("name").is_string());
}

TEST(Annotate, ShowsEachExecutedInstructionWithItsSlotAndCause) {
    if (!tests::has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Seen seen;
    const std::string text = annotated("work", seen.hotspots, seen.follower.stack(), {});
    EXPECT_NE(text.find("mul r1, r0, r0"), std::string::npos);
    EXPECT_NE(text.find("operand_wait 1.00"), std::string::npos) << text;
    EXPECT_EQ(text.find("pop"), std::string::npos) << "another function's";
    EXPECT_NE(hotspot_tables(seen.hotspots, seen.follower.stack(), {}).find("start"),
              std::string::npos);
}

TEST(Annotate, AFunctionThatDidNotRunIsRefusedByNamingThoseThatDid) {
    if (!tests::has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Seen seen;
    try {
        annotated("absent", seen.hotspots, seen.follower.stack(), {});
        FAIL() << "accepted";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("work"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace mixq::tools
