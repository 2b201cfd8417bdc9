// What the observers say of small programs: every cycle has an instruction, a function and a name.
#include <map>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

#include "sim/observers/hotspots.h"
#include "sim/observers/stacks.h"
#include "sim/observers/timeline.h"
#include "sim/source_lines.h"
#include "tests/sim/assembly.h"
#include "traces/file.h"

namespace mixq::tests {

namespace {

// An outer function that calls two others, one of which ends in a jump to the other.
constexpr const char* kProgram = R"(start:
 push.w {r4, r5, r6, lr}
 movs.w r6, #20
1: bl first
 bl second
 subs.w r6, r6, #1
 bne.w 1b
 pop.w {r4, r5, r6, pc}
 .size start, . - start
.type first, %function
first:
 ldr.w r0, [sp]
 add.w r0, r0, #1
 mul r0, r0, r0
 mul r1, r0, r0
 b.w second
 .size first, . - first
.type second, %function
second:
 udiv r0, r0, r6
 strb.w r0, [sp]
 bx lr
 .size second, . - second
)";

struct Observed {
    sim::Image image;
    sim::CallFollower follower;
    sim::Hotspots hotspots;
    sim::Timeline timeline;
    sim::Stacks stacks;
    sim::Simulation simulation;
    sim::Timing total;

    explicit Observed(const std::string& source, int calls = 1)
        : image(assemble(source)),
          follower(image),
          simulation(image, sim::find_board("stm32f746"), {}) {
        follower.add(hotspots);
        follower.add(timeline);
        follower.add(stacks);
        simulation.set_listener(&follower);
        for (int k = 0; k < calls; ++k) {
            const sim::Stop stop = simulation.call(image.entry, {}, true);
            if (stop.halt != sim::Halt::Returned) throw std::runtime_error(stop.message);
        }
        total = simulation.total().timing;
    }

    std::map<std::string, sim::Cost> by_function() const {
        std::map<std::string, sim::Cost> costs;
        for (const sim::FunctionCost& cost : hotspots.functions())
            costs[follower.stack().functions()[cost.function].name] = cost.cost;
        return costs;
    }
};

std::string random_program(unsigned seed) {
    std::mt19937 random(seed);
    const char* kKinds[] = {" add.w r0, r1, r2\n",
                            " mul r1, r0, r2\n",
                            " ldr.w r2, [sp, #4]\n",
                            " strb.w r2, [sp, #3]\n",
                            " udiv r3, r2, r6\n",
                            " ldrb.w r0, [sp, #1]\n",
                            " uadd8 r0, r1, r2\n",
                            " eor.w r1, r0, r2, lsl #3\n",
                            " ldr.w r1, [sp, #2]\n",
                            " ldm.w sp, {r0, r1, r2}\n",
                            " tst.w r2, #1\n it ne\n addne.w r1, r1, #1\n"};
    std::string body = "start:\n push.w {r4, r5, r6, lr}\n movs.w r6, #50\n1:\n";
    for (int k = 0; k < 60; ++k) body += kKinds[random() % std::size(kKinds)];
    body +=
        " tst.w r1, #1\n beq.w 2f\n add.w r2, r2, #1\n2: bl other\n subs.w r6, r6, #1\n bne.w 1b\n";
    return body +
           " pop.w {r4, r5, r6, pc}\n .type other, %function\nother:\n eor.w r1, r1, r6\n bx lr\n";
}

}  // namespace

TEST(Hotspots, CyclesOfAllFunctionsAddUpToTheTotal) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    for (unsigned seed = 0; seed < 5; ++seed) {
        const Observed run(random_program(seed), 2);
        sim::Cost sum;
        for (const auto& [name, cost] : run.by_function()) sum += cost;
        EXPECT_EQ(sum.cycles, run.total.cycles);
        EXPECT_EQ(sum.issued, run.total.issue_cycles);
        EXPECT_EQ(sum.paired, run.total.dual_issues);
        EXPECT_EQ(sum.count, run.total.instructions);
        EXPECT_EQ(sum.stalls, run.total.stalls);
    }
}

TEST(Hotspots, EveryLostCycleOfAnInstructionHasAName) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Observed run(random_program(7), 2);
    std::uint64_t unnamed = 0;
    for (const sim::InstructionCost& one : run.hotspots.instructions()) {
        EXPECT_EQ(one.cost.cycles, one.cost.issued + one.cost.stalled()) << one.text;
        std::uint64_t named = one.cost.paired;
        for (const std::uint64_t cycles : one.cost.unpaired) named += cycles;
        ASSERT_LE(named, one.cost.issued) << one.text;
        unnamed += one.cost.issued - named;
    }
    // What the end of a timed call cut off.
    EXPECT_LE(unnamed, 2u);
}

TEST(Hotspots, AMultiplyThatWaitsForALoadIsChargedItsLoadUse) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Observed run(
        "start:\n movw r1, #0x0100\n movt r1, #0x2000\n nop.w\n nop.w\n nop.w\n nop.w\n ldr.w r0, "
        "[r1]\n mul r2, r0, "
        "r0\n bx lr\n");
    for (const sim::InstructionCost& one : run.hotspots.instructions()) {
        const std::uint64_t load_use =
            one.cost.stalls[static_cast<std::size_t>(sim::Stall::LoadUse)];
        if (one.text.starts_with("mul")) {
            EXPECT_EQ(load_use, 1u);
            EXPECT_EQ(one.cost.cycles, 2u);
        } else {
            EXPECT_EQ(load_use, 0u) << one.text;
        }
    }
}

TEST(CallStack, ATailCallEndsTheFunctionItLeaves) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Observed run(kProgram);
    const auto costs = run.by_function();
    ASSERT_EQ(costs.size(), 3u);
    EXPECT_EQ(costs.at("first").count, 20u * 5);
    EXPECT_EQ(costs.at("second").count, 40u * 3);
}

TEST(Timeline, SpansNestAndTheOutermostCoverTheWholeRun) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Observed run(kProgram, 3);
    std::uint64_t outermost = 0;
    std::vector<sim::Span> open;
    for (const sim::Span& span : run.timeline.spans()) {
        EXPECT_LE(span.begin, span.end);
        open.resize(span.depth);
        if (span.depth == 0) {
            outermost += span.end - span.begin;
        } else {
            EXPECT_GE(span.begin, open.back().begin);
            EXPECT_LE(span.end, open.back().end);
        }
        open.push_back(span);
    }
    EXPECT_EQ(outermost, run.total.cycles);
    // start three times, and each time 20 of first, of its tail call, and of second.
    EXPECT_EQ(run.timeline.spans().size(), 3u * (1 + 20 * 3));
}

TEST(Timeline, WindowsHoldEveryStalledCycle) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Observed run(kProgram, 400);
    std::array<std::uint64_t, sim::kStalls> sum{};
    for (const auto& window : run.timeline.stalls()) {
        for (std::size_t k = 0; k < sim::kStalls; ++k) sum[k] += window[k];
    }
    EXPECT_EQ(sum, run.total.stalls);
    EXPECT_LE(run.timeline.stalls().size(), 4096u);
}

TEST(Listener, HearsOfTheCyclesOfExceptionsToo) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";

    struct Sum final : sim::IssueListener {
        void on_issue(const sim::Issue& issue) override {
            cycles += issue.cycles;
            exceptions += issue.stalls[static_cast<std::size_t>(sim::Stall::Exception)];
        }

        std::uint64_t cycles = 0;
        std::uint64_t exceptions = 0;
    } sum;

    // A vector table in the first flash words; SVC is its entry 11.
    const sim::Image image = assemble(
        " .word 0x20010000, start + 1\n .rept 9\n .word 0\n .endr\n .word handler + 1\n"
        " .thumb_func\nstart: nop\n svc 1\n nop\n wfi\n .thumb_func\nhandler: nop\n bx lr\n");
    sim::Simulation simulation(image, sim::find_board("stm32f746"), {});
    simulation.set_listener(&sum);
    EXPECT_EQ(simulation.run(true).halt, sim::Halt::Idle);
    EXPECT_EQ(sum.exceptions, 24u);
    EXPECT_EQ(sum.cycles, simulation.total().timing.cycles);
}

TEST(Timeline, TooManySpansAreCutAndSaidSo) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const sim::Image image = assemble(kProgram);
    sim::Timeline timeline(10);
    sim::CallFollower follower(image);
    follower.add(timeline);
    sim::Simulation simulation(image, sim::find_board("stm32f746"), {});
    simulation.set_listener(&follower);
    simulation.call(image.entry, {}, true);
    EXPECT_EQ(timeline.spans().size(), 10u);
    EXPECT_TRUE(timeline.truncated());
}

TEST(Stacks, CyclesOfAllStacksAddUpToTheTotal) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const Observed run(kProgram, 2);
    std::uint64_t sum = 0;
    for (std::size_t k = 0; k < run.stacks.nodes().size(); ++k) {
        const sim::StackNode& node = run.stacks.nodes()[k];
        EXPECT_TRUE(k == 0 || node.parent < k);
        sum += node.issued;
        for (const std::uint64_t cycles : node.stalls) sum += cycles;
    }
    EXPECT_EQ(sum, run.total.cycles);
}

TEST(Listener, HearingOfInstructionsChangesNoCycle) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const std::string source = random_program(3);
    const Observed heard(source, 3);
    const sim::Image image = assemble(source);
    sim::Simulation alone(image, sim::find_board("stm32f746"), {});
    for (int k = 0; k < 3; ++k) alone.call(image.entry, {}, true);
    EXPECT_EQ(heard.total, alone.total().timing);
}

TEST(SourceLines, AnAddressHasTheLineTheAssemblerWasTold) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    const auto elf = assemble_elf(
        ".file 1 \"/made/up/file.c\"\nstart:\n .loc 1 11\n nop.w\n .loc 1 12\n nop.w\n nop.w\n "
        ".loc 1 11\n bx lr\n");
    const sim::SourceLines lines = sim::SourceLines::read(elf);
    const std::uint32_t entry = sim::read_elf(elf).entry;
    ASSERT_NE(lines.find(entry), nullptr);
    EXPECT_EQ(lines.find(entry)->line, 11);
    EXPECT_EQ(lines.find(entry)->file, "/made/up/file.c");
    EXPECT_EQ(lines.find(entry + 8)->line, 12);
    EXPECT_EQ(lines.find(entry + 12)->line, 11);
    EXPECT_EQ(lines.find(entry + 14), nullptr);
    EXPECT_EQ(lines.find(entry - 2), nullptr);
}

TEST(SourceLines, AnImageWithoutDwarfHasNone) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    EXPECT_TRUE(sim::SourceLines::read(assemble_elf("start:\n bx lr\n")).empty());
}

TEST(SourceLines, DamagedDwarfNeverCrashesNorHangs) {
    if (!has_assembler()) GTEST_SKIP() << "no arm-none-eabi-as";
    std::string source = ".file 1 \"a.c\"\nstart:\n";
    for (int k = 1; k < 40; ++k) source += " .loc 1 " + std::to_string(k) + "\n nop.w\n";
    const auto elf = assemble_elf(source + " bx lr\n");
    const std::vector<std::uint8_t> good = traces::read_bytes(elf);
    const auto damaged = elf.string() + ".damaged";
    std::mt19937 random(1);
    for (int round = 0; round < 400; ++round) {
        std::vector<std::uint8_t> bytes = good;
        if (round % 4 == 0) bytes.resize(random() % bytes.size());
        for (int k = 0; k < 1 + round % 8 && !bytes.empty(); ++k)
            bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        traces::write_file(damaged, bytes);
        const sim::SourceLines lines = sim::SourceLines::read(damaged);
        lines.find(0x0800'0000);
    }
}

}  // namespace mixq::tests
