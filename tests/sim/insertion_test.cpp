// One instruction more in a loop: it costs nothing or something, and gives back at most what its length does to alignment
// and the cycles in which accesses met in a bank: those depend on exact distances (a load two cycles behind a store waits,
// one cycle behind it does not), so what comes between may keep them apart.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/board.h"
#include "sim/simulate.h"
#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

constexpr int kIterations = 100;
constexpr int kBlock = 12;  // instructions
constexpr int kHeads = 4;   // where in an 8-byte fetch a loop can begin
// Entering and leaving the loop differ by a few cycles with its alignment: this much of an iteration.
constexpr double kCallShare = 4.0 / kIterations;

// All four bytes long; r0 and r1 point into DTCM. What is inserted writes r9 or s15, which nobody reads: a new value for a
// register that was waited for would be a saving of another kind.
std::string random_instruction(std::mt19937& random, bool inserted) {
    const auto data = [&] { return "r" + std::to_string(2 + random() % 7); };
    const auto single = [&] { return "s" + std::to_string(random() % 8); };
    const auto offset = [&] { return "#" + std::to_string(4 * (random() % 16)); };
    const std::string to = inserted ? "r9" : data();
    const std::string to_single = inserted ? "s15" : single();
    const std::string three = to + ", " + data() + ", " + data();
    switch (random() % 16) {
        case 0:
            return "add.w " + three;
        case 1:
            return "eor.w " + three + ", lsl #3";
        case 2:
            return "adds.w " + three;
        case 3:
            return "mul " + three;
        case 4:
            return "mla " + three + ", " + data();
        case 5:
            return "smlad " + three + ", " + data();
        case 6:
            return "uxtb16 " + to + ", " + data() + ", ror #8";
        case 7:
            return "bfi " + to + ", " + data() + ", #4, #8";
        case 8:
            return "ldr.w " + to + ", [r0, " + offset() + "]";
        case 9:
            return "ldrb.w " + to + ", [r1, " + offset() + "]";
        case 10:
            return "str.w " + data() + ", [r0, " + offset() + "]";
        case 11:
            return "lsr.w " + to + ", " + data() + ", #5";
        case 12:
            return "movw " + to + ", #1234";
        case 13:
            return "vadd.f32 " + to_single + ", " + single() + ", " + single();
        case 14:
            return "vfma.f32 " + to_single + ", " + single() + ", " + single();
        default:
            return "nop.w";
    }
}

// A function that runs its block kIterations times, with its head so many half-words past a fetch.
std::string loop(const std::string& name, const std::vector<std::string>& block, int head) {
    std::string text = ".balign 8\n.global " + name + "\n.thumb_func\n.type " + name +
                       ", %function\n" + name +
                       ": push {r4-r8, lr}\n ldr.w r0, =0x20000100\n ldr.w r1, =0x20000200\n"
                       " mov.w r12, #" +
                       std::to_string(kIterations) + "\n b.w 1f\n .balign 8\n";
    for (int k = 0; k < head; ++k) text += " nop.n\n";
    text += "1:\n";
    for (const std::string& instruction : block) text += " " + instruction + "\n";
    return text + " subs.w r12, r12, #1\n bne.w 1b\n pop {r4-r8, pc}\n .ltorg\n";
}

class Insertion : public testing::TestWithParam<unsigned> {};

TEST_P(Insertion, NeverMakesALoopFasterThanAlignmentAndBanksAllow) {
    if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    std::mt19937 random(GetParam());
    std::vector<std::vector<std::string>> blocks(1);
    for (int k = 0; k < kBlock; ++k) blocks[0].push_back(random_instruction(random, false));
    for (int k = 0; k <= kBlock; ++k) {
        blocks.push_back(blocks[0]);
        blocks.back().insert(blocks.back().begin() + k, random_instruction(random, true));
    }
    std::string source = ".thumb_func\nstart: bx lr\n";
    for (std::size_t k = 0; k < blocks.size(); ++k) {
        for (int head = 0; head < kHeads; ++head)
            source += loop("f" + std::to_string(k) + "_" + std::to_string(head), blocks[k], head);
    }
    const sim::Image image = assemble(source);
    sim::Simulation simulation(image, sim::find_board("stm32f746"), {});

    struct PerIteration {
        double cycles;
        double in_banks;  // of them: waits for a bank
    };

    // Of each head, once the predictor knows the loop.
    const auto cost = [&](std::size_t block) {
        std::vector<PerIteration> found;
        for (int head = 0; head < kHeads; ++head) {
            const std::string name = "f" + std::to_string(block) + "_" + std::to_string(head);
            const std::uint32_t address = image.find_symbol(name)->address;
            simulation.call(address, {}, true);
            const sim::Timing before = simulation.total().timing;
            EXPECT_EQ(simulation.call(address, {}, true).halt, sim::Halt::Returned);
            const sim::Timing call = simulation.total().timing - before;
            const std::uint64_t in_banks =
                call.stalls[static_cast<std::size_t>(sim::Stall::BankConflict)];
            found.push_back({static_cast<double>(call.cycles) / kIterations,
                             static_cast<double>(in_banks) / kIterations});
        }
        return found;
    };
    const std::vector<PerIteration> without = cost(0);
    // What the best place for the head gives is what alignment allows.
    double fastest = without[0].cycles;
    for (const PerIteration& one : without) fastest = std::min(fastest, one.cycles - one.in_banks);
    for (std::size_t k = 1; k < blocks.size(); ++k) {
        const std::vector<PerIteration> with = cost(k);
        for (int head = 0; head < kHeads; ++head) {
            EXPECT_GE(with[static_cast<std::size_t>(head)].cycles, fastest - kCallShare)
                << "'" << blocks[k][k - 1] << "' as instruction " << k << ", head at " << 2 * head;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Insertion, testing::Range(1u, 13u));

}  // namespace

}  // namespace mixq::tests
