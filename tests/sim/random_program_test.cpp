// Random Thumb-2 programs leave the same registers, flags, floats and memory here, at full speed and timed, as in QEMU.
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "kernels/network/toolchain.h"
#include "sim/board.h"
#include "sim/simulate.h"
#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

constexpr int kInstructions = 400;
constexpr int kRounds = 8;  // of all of them, from what the round before left

// r0 and r1 point into the memory that is compared; r11 counts rounds; r2 to r10, r12 and lr hold data.
class Generator {
  public:
    explicit Generator(unsigned seed) : random_(seed) {}

    std::string instruction() {
        switch (below(16)) {
            case 0:
            case 1:
            case 2:
                return arithmetic();
            case 3:
                return shift();
            case 4:
            case 5:
                return dsp();
            case 6:
                return multiply();
            case 7:
                return pick({"udiv ", "sdiv "}) + data() + ", " + data() + ", " + data();
            case 8:
                return bits();
            case 9:
            case 10:
                return access();
            case 11:
                return several();
            case 12:
                return conditional();
            case 13:
                return branch();
            default:
                return floating();
        }
    }

  private:
    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

    std::string pick(std::initializer_list<const char*> words) {
        return *(words.begin() + below(static_cast<unsigned>(words.size())));
    }

    std::string data() {
        return pick({"r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12", "lr"});
    }

    std::string base() { return pick({"r0", "r1"}); }

    std::string single() { return "s" + std::to_string(below(32)); }

    std::string number(unsigned limit) { return "#" + std::to_string(below(limit)); }

    // A modified immediate: a byte, rotated or repeated.
    std::string constant() {
        char text[16];
        const unsigned byte = 128 + below(128);
        const unsigned value = below(3) == 0   ? byte * 0x01010101u
                               : below(2) == 0 ? byte * 0x00010001u
                                               : byte << below(24);
        std::snprintf(text, sizeof text, "#0x%x", value);
        return text;
    }

    std::string shifted() {
        return data() + ", " + pick({"lsl", "lsr", "asr", "ror"}) + " #" +
               std::to_string(1 + below(31));
    }

    std::string operand() {
        return below(3) == 0 ? constant() : below(2) == 0 ? shifted() : data();
    }

    std::string arithmetic() {
        switch (below(6)) {
            case 0:
                return pick({"cmp.w ", "cmn.w ", "tst.w ", "teq.w "}) + data() + ", " + operand();
            case 1:
                return pick({"mov.w ", "mvn.w ", "movs.w ", "mvns.w "}) + data() + ", " +
                       (below(2) == 0 ? constant() : data());
            case 2:
                return pick({"movw ", "movt "}) + data() + ", " + number(65536);
            case 3:
                return pick({"addw ", "subw "}) + data() + ", " + data() + ", " + number(4096);
            case 4:
                return pick({"adds ", "subs "}) + pick({"r2", "r3", "r4"}) + ", " +
                       pick({"r5", "r6", "r7"}) + ", " + number(8);
            default:
                return pick(
                           {"add", "adc", "sub", "sbc", "rsb", "and", "orr", "eor", "bic", "orn"}) +
                       pick({".w ", "s.w "}) + data() + ", " + data() + ", " + operand();
        }
    }

    std::string shift() {
        const std::string amount = below(2) == 0 ? data() : "#" + std::to_string(1 + below(31));
        if (below(6) == 0) return pick({"rrx ", "rrxs "}) + data() + ", " + data();
        return pick({"lsl", "lsr", "asr", "ror"}) + pick({".w ", "s.w "}) + data() + ", " + data() +
               ", " + amount;
    }

    std::string dsp() {
        const std::string three = data() + ", " + data() + ", " + data();
        switch (below(7)) {
            case 0:
                return pick({"sadd8 ",
                             "ssub8 ",
                             "uadd8 ",
                             "usub8 ",
                             "sadd16 ",
                             "ssub16 ",
                             "uadd16 ",
                             "usub16 ",
                             "sasx ",
                             "ssax ",
                             "uasx ",
                             "usax "}) +
                       three + "\n sel " + data() + ", " + data() + ", " + data();
            case 1:
                return pick({"qadd8 ",
                             "qsub8 ",
                             "uqadd8 ",
                             "uqsub8 ",
                             "qadd16 ",
                             "qsub16 ",
                             "uqadd16 ",
                             "uqsub16 ",
                             "shadd8 ",
                             "uhsub8 ",
                             "shadd16 ",
                             "uhadd16 ",
                             "qasx ",
                             "qsax ",
                             "shasx ",
                             "uhsax "}) +
                       three;
            case 2:
                return pick({"qadd ", "qsub ", "qdadd ", "qdsub "}) + three;
            case 3:
                return pick({"ssat ", "usat "}) + data() + ", #" + std::to_string(1 + below(31)) +
                       ", " + data() + (below(2) == 0 ? "" : ", asr #3");
            case 4:
                return pick({"ssat16 ", "usat16 "}) + data() + ", #" +
                       std::to_string(1 + below(15)) + ", " + data();
            case 5:
                return pick({"sxtab ", "uxtab ", "sxtah ", "uxtah ", "sxtab16 ", "uxtab16 "}) +
                       three + pick({"", ", ror #8", ", ror #16", ", ror #24"});
            default:
                return pick({"pkhbt ", "usad8 "}) + three;
        }
    }

    std::string multiply() {
        const std::string three = data() + ", " + data() + ", " + data();
        switch (below(5)) {
            case 0:
                return pick({"mul ",
                             "smulbb ",
                             "smultb ",
                             "smulwt ",
                             "smuad ",
                             "smuadx ",
                             "smusd ",
                             "smmul ",
                             "smmulr "}) +
                       three;
            case 1:
                return pick({"mla ",
                             "mls ",
                             "smlabt ",
                             "smlawb ",
                             "smlad ",
                             "smladx ",
                             "smlsd ",
                             "smmla ",
                             "smmls ",
                             "smmlar ",
                             "usada8 "}) +
                       three + ", " + data();
            default:
                // Two different destinations.
                return pick({"umull ",
                             "smull ",
                             "umlal ",
                             "smlal ",
                             "umaal ",
                             "smlalbb ",
                             "smlald ",
                             "smlsldx "}) +
                       pick({"r2", "r3", "r4"}) + ", " + pick({"r5", "r6", "r7"}) + ", " + data() +
                       ", " + data();
        }
    }

    std::string bits() {
        const unsigned low = below(24);
        const std::string field =
            ", #" + std::to_string(low) + ", #" + std::to_string(1 + below(32 - low));
        switch (below(4)) {
            case 0:
                return "bfi " + data() + ", " + data() + field;
            case 1:
                return "bfc " + data() + field;
            case 2:
                return pick({"ubfx ", "sbfx "}) + data() + ", " + data() + field;
            default:
                return pick({"clz ",
                             "rbit ",
                             "rev.w ",
                             "rev16.w ",
                             "revsh.w ",
                             "uxtb.w ",
                             "sxth.w ",
                             "uxtb16 ",
                             "sxtb16 "}) +
                       data() + ", " + data();
        }
    }

    std::string access() {
        const std::string kind = pick({"ldr.w ",
                                       "str.w ",
                                       "ldrb.w ",
                                       "strb.w ",
                                       "ldrh.w ",
                                       "strh.w ",
                                       "ldrsb.w ",
                                       "ldrsh.w "});
        switch (below(6)) {
            case 0:
                return kind + data() + ", [" + base() + "], #4\n" + home();
            case 1:
                return kind + data() + ", [" + base() + ", #-3]!\n" + home();
            case 2:
                return "and r10, " + data() + ", #28\n " + kind + "r9, [" + base() +
                       ", r10, lsl #2]";
            case 3:
                return pick({"ldrd ", "strd "}) + "r4, r7, [" + base() + ", #" +
                       std::to_string(4 * below(16)) + "]";
            case 4:
                return "ldrex r2, [" + base() + ", #8]\n add r2, r2, r3\n strex r4, r2, [" + "r1" +
                       ", #8]\n clrex";
            default:
                return kind + data() + ", [" + base() + ", " + number(64) + "]";
        }
    }

    std::string several() {
        switch (below(4)) {
            case 0:
                return "push {r2, r5, r6, lr}\n pop {r3, r4, r7, r8}";
            case 1:
                return "ldmia " + base() + ", {r2, r4, r6, r9}";
            case 2:
                return "stmia " + base() + "!, {r3, r5, r8}\n" + home();
            default:
                return "ldmdb " + base() + "!, {r2, r3}\n" + home();
        }
    }

    std::string home() { return " ldr.w r0, =0x20000140\n ldr.w r1, =0x20000180"; }

    std::string conditional() {
        const std::string condition =
            pick({"eq", "ne", "cs", "mi", "vs", "hi", "ge", "lt", "gt", "le"});
        return "it " + condition + "\n " + pick({"add", "eor", "sub", "orr"}) + condition + ".w " +
               data() + ", " + data() + ", " + data();
    }

    std::string branch() {
        const std::string label = ".Lskip" + std::to_string(labels_++);
        const std::string skipped =
            "\n eor.w " + data() + ", " + data() + ", #0xff\n " + label + ":";
        if (below(3) == 0)
            return pick({"cbz ", "cbnz "}) + pick({"r2", "r3", "r4", "r7"}) + ", " + label +
                   skipped;
        return pick({"beq.w ", "bne ", "bcs ", "bmi.w ", "bvs ", "bhi ", "blt ", "b "}) + label +
               skipped;
    }

    std::string floating() {
        switch (below(7)) {
            case 0:
                return "vmov " + single() + ", " + data();
            case 1:
                return "vmov " + data() + ", " + single();
            case 2:
                return pick({"vcvt.f32.s32 ",
                             "vcvt.f32.u32 ",
                             "vcvt.s32.f32 ",
                             "vcvtr.u32.f32 ",
                             "vsqrt.f32 ",
                             "vneg.f32 ",
                             "vabs.f32 ",
                             "vrintz.f32 ",
                             "vcvta.s32.f32 "}) +
                       single() + ", " + single();
            case 3:
                return pick({"vfma.f32 ", "vfms.f32 ", "vmla.f32 ", "vnmls.f32 ", "vfnma.f32 "}) +
                       single() + ", " + single() + ", " + single();
            case 4:
                return "vcmp.f32 " + single() + ", " + single() + "\n vmrs APSR_nzcv, fpscr";
            case 5:
                return pick({"vldr ", "vstr "}) + single() + ", [" + base() + ", #" +
                       std::to_string(4 * below(8)) + "]";
            default:
                return pick({"vadd.f32 ",
                             "vsub.f32 ",
                             "vmul.f32 ",
                             "vnmul.f32 ",
                             "vdiv.f32 ",
                             "vmaxnm.f32 ",
                             "vselgt.f32 "}) +
                       single() + ", " + single() + ", " + single();
        }
    }

    std::mt19937 random_;
    int labels_ = 0;
};

// Runs the instructions, then prints every register, the flags, the floats and 256 bytes of memory in hexadecimal.
std::string random_source(unsigned seed) {
    Generator generator(seed);
    std::mt19937 random(seed + 1000);
    std::string source =
        " .word 0x20004000, reset + 1\n .rept 14\n .word fault + 1\n .endr\n.thumb_func\n"
        "fault: movs r0, #4\n ldr r1, =sorry\n bkpt 0xab\n b leave\n.thumb_func\nreset:\n"
        " ldr r0, =0xe000ed88\n ldr r1, [r0]\n orr r1, #0xf00000\n str r1, [r0]\n dsb\n isb\n"
        // Memory from a linear congruential generator.
        " ldr r0, =0x20000100\n ldr r1, =64\n ldr r2, =" +
        std::to_string(random()) +
        "\n ldr r3, =1664525\n ldr r4, =1013904223\n"
        "1: mla r2, r2, r3, r4\n str r2, [r0], #4\n subs r1, #1\n bne 1b\n";
    for (int k = 0; k < 32; ++k)
        source += " ldr.w r2, =" + std::to_string(random()) + "\n vmov s" + std::to_string(k) +
                  ", r2\n vcvt.f32.s32 s" + std::to_string(k) + ", s" + std::to_string(k) + "\n";
    for (const char* reg : {"r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12", "lr"})
        source += std::string(" ldr.w ") + reg + ", =" + std::to_string(random()) + "\n";
    source += " b.w 2f\n .ltorg\n2: mov.w r11, #" + std::to_string(kRounds) +
              "\nagain: ldr.w r0, =0x20000140\n ldr.w r1, =0x20000180\n b.w 3f\n .ltorg\n3:\n";
    for (int k = 0; k < kInstructions; ++k) {
        source += " " + generator.instruction() + "\n";
        // Literals have to be near.
        if (k % 60 == 59) source += " b.w 4f\n .ltorg\n4:\n";
    }
    source +=
        " subs.w r11, r11, #1\n bne.w again\n b.w 5f\n .ltorg\n"
        // What there is to compare goes to 0x20000200, and from there as text to 0x20001000.
        "5: push {r0, r1}\n ldr.w r0, =0x20000200\n mrs r1, APSR\n stmia r0!, {r1-r12, lr}\n"
        " vmrs r1, fpscr\n str r1, [r0], #4\n vstmia r0!, {s0-s31}\n pop {r2, r3}\n"
        " stmia r0!, {r2, r3}\n mov r9, r0\n ldr r0, =0x20000100\n ldr r1, =0x20001000\n"
        "6: ldr r2, [r0], #4\n movs r3, #8\n7: lsrs r4, r2, #28\n lsls r2, r2, #4\n cmp r4, #10\n"
        " ite lt\n addlt r4, #48\n addge r4, #87\n strb r4, [r1], #1\n subs r3, #1\n bne 7b\n"
        " movs r4, #10\n strb r4, [r1], #1\n cmp r0, r9\n bne 6b\n movs r4, #0\n strb r4, [r1]\n"
        " movs r0, #4\n ldr r1, =0x20001000\n bkpt 0xab\n"
        "leave: movs r0, #0x18\n ldr r1, =0x20026\n bkpt 0xab\n b .\n.ltorg\n"
        "sorry: .asciz \"fault\"\n";
    return source;
}

// Under `timed` in exact mode with the caches it never switches on.
std::string here(const sim::Image& image, bool timed) {
    sim::Simulation simulation(image, sim::find_board("stm32f746"), {});
    simulation.follow_memory({});
    const sim::Stop stop = simulation.run(timed);
    EXPECT_EQ(stop.halt, sim::Halt::Exited) << stop.message;
    return simulation.machine().console();
}

class RandomProgram : public testing::TestWithParam<unsigned> {};

TEST_P(RandomProgram, LeavesTheSameStateAsInQemu) {
    if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as and -ld";
    if (!kernels::find_program("qemu-system-arm"))
        GTEST_SKIP() << "qemu-system-arm is not installed: install qemu-system-arm";
    // The ITCM of our board and the code memory of QEMU's both begin at 0.
    const std::filesystem::path elf = assemble_elf(random_source(GetParam()), "0x0");
    const auto there = kernels::run_in_qemu(elf);
    ASSERT_FALSE(there->timed_out);
    const sim::Image image = sim::read_elf(elf);
    const std::string full_speed = here(image, false);
    // 64 words of memory, APSR, r2 to r12, lr, FPSCR, 32 floats, r0 and r1.
    ASSERT_EQ(full_speed.size(), 9u * (64 + 13 + 1 + 32 + 2)) << full_speed;
    EXPECT_EQ(full_speed, there->output);
    EXPECT_EQ(full_speed, here(image, true));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomProgram, testing::Range(1u, 17u));

}  // namespace

}  // namespace mixq::tests
