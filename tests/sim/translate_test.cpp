// Laws of translated code: it does what the emulator does, instruction by instruction, and says the same of it.
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/board.h"
#include "sim/image.h"
#include "sim/isa/instruction.h"
#include "sim/machine.h"
#include "sim/translate/thumb_op.h"
#include "sim/translate/translator.h"
#include "tests/sim/assembly.h"

namespace mixq::tests {

namespace {

using sim::Act;
using sim::ThumbOp;

constexpr std::uint32_t kFlash = 0x0800'0000;
constexpr std::uint32_t kCode = kFlash + 0x2000;  // literals lie up to 4 KiB before and behind
constexpr std::uint32_t kData = 0x2002'0000;      // SRAM1, where the base registers point
constexpr std::uint32_t kDataBytes = 0x1'0000;
constexpr std::uint16_t kBranchToNext = 0xe7ff;
constexpr std::uint8_t kFirstBase =
    8;                               // r8 to r10 point at data and nothing else is written to them
constexpr std::uint8_t kIndex = 11;  // r11 holds a small index

bool is_memory(const ThumbOp& op) {
    return op.act >= Act::Load && op.act <= Act::StoreDual;
}

bool may_write(std::uint8_t reg) {
    return reg == ThumbOp::kNone || reg < kFirstBase || reg == 12;
}

// Whether the instruction keeps to data registers and reaches only memory that is there.
bool is_tame(const ThumbOp& op) {
    if (op.act >= Act::Branch || op.act == Act::IfThen) return false;
    if (!is_memory(op)) return may_write(op.d) && may_write(op.a);
    if (op.n == ThumbOp::kNone) return may_write(op.d) && may_write(op.a);
    if (op.n < kFirstBase || op.n >= kIndex) return false;
    if (op.m != ThumbOp::kNone && op.m != kIndex) return false;
    return may_write(op.d) && may_write(op.a) && (op.list & 0xef00) == 0;
}

class RandomCode {
  public:
    explicit RandomCode(unsigned seed) : random_(seed) {}

    // Half-words of a function: instructions, then r0 and the flags pushed, then a return.
    std::vector<std::uint16_t> function(int instructions) {
        for (int k = 0; k < instructions; ++k) {
            if (random_() % 8 == 0) {
                if_then();
            } else {
                instruction(false);
            }
            if (random_() % 16 == 0) code_.push_back(kBranchToNext);  // a block ends
        }
        for (const int half :
             {int{kBranchToNext}, 0xf84d, 0x0d04, 0xf3ef, 0x8000, 0xf84d, 0x0d04, 0x4770})
            code_.push_back(static_cast<std::uint16_t>(half));
        return code_;
    }

  private:
    // As a translated block would end in the middle of an IT block at a page, and is not translated then, some are not.
    void if_then() {
        const unsigned covered = 1 + random_() % 4;
        const unsigned condition = random_() % 14;
        unsigned mask = 1u << (4 - covered);
        for (unsigned k = 1; k < covered; ++k) mask |= (random_() & 1) << (4 - k);
        code_.push_back(static_cast<std::uint16_t>(0xbf00 | condition << 4 | mask));
        for (unsigned k = 0; k < covered; ++k) instruction(true);
    }

    void instruction(bool in_it) {
        for (;;) {
            const std::uint32_t address = kCode + 2 * static_cast<std::uint32_t>(code_.size());
            std::array<std::uint16_t, 2> halves{static_cast<std::uint16_t>(random_()),
                                                static_cast<std::uint16_t>(random_())};
            if (random_() % 4 != 0) halves[0] = static_cast<std::uint16_t>(halves[0] | 0xe800);
            ThumbOp op;
            const bool wide = halves[0] >> 11 >= 0x1d;
            const bool known = wide ? sim::wide_op(halves[0], halves[1], address, op)
                                    : sim::narrow_op(halves[0], address, in_it, op);
            if (!known || !is_tame(op) || (in_it && op.act == Act::Divide)) continue;
            // Some encodings that no assembler makes are no instructions.
            try {
                decoder_.decode(
                    address, reinterpret_cast<const std::uint8_t*>(halves.data()), 4, in_it);
            } catch (const std::exception&) {
                continue;
            }
            code_.push_back(halves[0]);
            if (wide) code_.push_back(halves[1]);
            return;
        }
    }

    std::mt19937 random_;
    sim::Decoder decoder_;
    std::vector<std::uint16_t> code_;
};

struct Seen {
    std::uint32_t at;
    std::uint32_t address;
    bool write;
    bool operator==(const Seen&) const = default;
};

struct Watcher final : sim::BlockObserver {
    void on_block(const sim::BlockRun& run) override {
        instructions += run.block->instructions.size();
        int last = -1;
        for (const sim::Access& access : run.accesses) {
            if (access.instruction == last) continue;
            last = access.instruction;
            seen.push_back({run.block->instructions[access.instruction].address,
                            access.address,
                            access.write});
        }
        for (const sim::Division& division : run.divisions)
            divisions.push_back({division.dividend, division.divisor});
    }

    std::uint64_t instructions = 0;
    std::vector<Seen> seen;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> divisions;
};

struct Result {
    sim::Halt halt;
    std::vector<std::uint32_t> registers;
    std::vector<std::uint8_t> stack;  // r0, flags
    std::vector<std::uint8_t> data;
    Watcher watcher;
};

sim::Image image_of(const std::vector<std::uint16_t>& code, std::uint32_t address) {
    std::vector<std::uint8_t> bytes;
    for (const std::uint16_t half : code) {
        bytes.push_back(static_cast<std::uint8_t>(half));
        bytes.push_back(static_cast<std::uint8_t>(half >> 8));
    }
    sim::Image image;
    image.path = "random";
    image.segments.push_back({address, bytes});
    return image;
}

Result run(const sim::Image& image, unsigned seed, sim::Watching watching) {
    constexpr std::uint32_t kSpecial[] = {0,
                                          1,
                                          0x7fff'ffff,
                                          0x8000'0000,
                                          0xffff'ffff,
                                          0x8000'8000,
                                          0x7fff'8000,
                                          0x80,
                                          31,
                                          32,
                                          33,
                                          64};
    std::mt19937 random(seed);
    sim::Machine machine(image, sim::find_board("stm32f746"));
    Result result;
    machine.set_observer(&result.watcher, watching);
    std::vector<std::uint8_t> data(kDataBytes);
    for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
    machine.write(kData, data);
    for (int call = 0; call < 2; ++call) {
        for (sim::Register reg = 0; reg < 13; ++reg)
            machine.set_register(
                reg, random() % 3 == 0 ? kSpecial[random() % std::size(kSpecial)] : random());
        for (sim::Register reg = kFirstBase; reg < kIndex; ++reg)
            machine.set_register(reg, kData + 0x8000 + random() % 64);
        machine.set_register(kIndex, random() % 64);
        result.halt = machine.call(image.segments.front().address).halt;
    }
    for (sim::Register reg = 0; reg < 15; ++reg)
        result.registers.push_back(machine.register_value(reg));
    result.stack.resize(8);
    machine.read(machine.register_value(sim::kSp), result.stack);
    result.data.resize(kDataBytes);
    machine.read(kData, result.data);
    return result;
}

class Translation : public testing::TestWithParam<unsigned> {
  protected:
    void SetUp() override {
        if (!sim::Translator::available()) GTEST_SKIP() << "not on this host";
    }
};

TEST_P(Translation, DoesWhatTheEmulatorDoes) {
    for (unsigned k = 0; k < 20; ++k) {
        const unsigned seed = 1000 * GetParam() + k;
        const sim::Image image = image_of(RandomCode(seed).function(100), kCode);
        const Result emulated = run(image, seed, sim::Watching::Everything);
        const Result translated = run(image, seed, sim::Watching::Resolved);
        ASSERT_EQ(emulated.halt, sim::Halt::Returned) << seed;
        ASSERT_EQ(translated.halt, sim::Halt::Returned) << seed;
        ASSERT_EQ(emulated.registers, translated.registers) << seed;
        ASSERT_EQ(emulated.stack, translated.stack) << seed;
        ASSERT_EQ(emulated.data, translated.data) << seed;
        ASSERT_EQ(emulated.watcher.instructions, translated.watcher.instructions) << seed;
        ASSERT_EQ(emulated.watcher.seen, translated.watcher.seen) << seed;
        ASSERT_EQ(emulated.watcher.divisions, translated.watcher.divisions) << seed;
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Translation, testing::Range(0u, 8u));

class TranslatedCode : public Translation {
  protected:
    void SetUp() override {
        Translation::SetUp();
        if (!has_assembler()) GTEST_SKIP() << "needs arm-none-eabi-as";
    }

    static sim::Stop stop(const sim::Image& image, sim::Watching watching) {
        sim::Machine machine(image, sim::find_board("stm32f746"));
        Watcher watcher;
        machine.set_observer(&watcher, watching);
        return machine.call(image.segments.front().address);
    }
};

TEST_F(TranslatedCode, StopsWhereTheEmulatorStops) {
    const std::string programs[] = {
        "movs r1, #1\n ldr r0, =0x30000000\n adds r2, r1, #3\n str r2, [r0, #4]\n bx lr\n .ltorg",
        "movs r1, #1\n ldr r0, =0x08000100\n strb r1, [r0]\n bx lr\n .ltorg",
        "ldr r0, =0x2004fffe\n ldr r1, [r0]\n bx lr\n .ltorg",
        "ldr r0, =0x30000000\n ldmia r0, {r1, r2, r3}\n bx lr\n .ltorg",
        "ldr r0, =0x08000000\n bx r0\n .ltorg",
        "movs r0, #2\n push {r0}\n pop {pc}",
        "cmp r0, r0\n it eq\n ldreq r1, [r0, #-16]\n mov r0, #0x40000000\n b 1f\n"
        "1: ldr r0, =0x60000000\n ldr r1, [r0]\n bx lr\n .ltorg"};
    for (const std::string& program : programs) {
        const sim::Image image = assemble("start:\n " + program + "\n");
        const sim::Stop emulated = stop(image, sim::Watching::Everything);
        const sim::Stop translated = stop(image, sim::Watching::Resolved);
        EXPECT_EQ(emulated.halt, sim::Halt::Fault) << program;
        EXPECT_EQ(emulated.halt, translated.halt) << program;
        EXPECT_EQ(emulated.address, translated.address) << program;
        const auto cause = [](const sim::Stop& one) {
            return one.message.substr(0, one.message.find("; last blocks"));
        };
        EXPECT_EQ(cause(emulated), cause(translated)) << program;
    }
}

// In memory that may change, the code that runs is the code that was there when its block began, from one run to the next
// and where a loop writes beside itself.
TEST_F(TranslatedCode, SeesCodeThatChanges) {
    const sim::Image assembled = assemble(
        "start:\n movw r1, #0x2007\n adr r2, 1f\n movs r3, #5\n strh r1, [r2]\n adds r3, #1\n"
        " .balign 4\n1: movs r0, #1\n nop\n add r0, r0, r3\n movw r1, #0x2009\n strh r1, [r2]\n"
        " b 1f\n1: movs r5, #200\n2: str r5, [r2, #64]\n subs r5, #1\n bne 2b\n"
        " ldrh r4, [r2]\n add r0, r0, r4, lsl #8\n bx lr\n .space 64\n");
    sim::Image image = image_of({}, 0x2000'1000);
    image.segments.front().bytes = assembled.segments.front().bytes;
    std::vector<std::uint32_t> results[2];
    for (const bool translates : {false, true}) {
        sim::Machine machine(image, sim::find_board("stm32f746"));
        Watcher watcher;
        machine.set_observer(&watcher,
                             translates ? sim::Watching::Resolved : sim::Watching::Everything);
        for (int call = 0; call < 3; ++call) {
            const sim::Stop end = machine.call(image.segments.front().address);
            ASSERT_EQ(end.halt, sim::Halt::Returned) << end.message;
            results[translates].push_back(machine.register_value(0));
        }
        results[translates].push_back(static_cast<std::uint32_t>(watcher.instructions));
    }
    EXPECT_EQ(results[0].front(), 0x200900u + 1 + 6);
    EXPECT_EQ(results[0], results[1]);
}

// What runs without being watched is translated as well.
TEST_F(TranslatedCode, DoesTheSameUnwatched) {
    const sim::Image image = image_of(RandomCode(77).function(100), kCode);
    std::vector<std::uint32_t> results[2];
    for (const bool watched : {false, true}) {
        sim::Machine machine(image, sim::find_board("stm32f746"));
        Watcher watcher;
        if (watched) machine.set_observer(&watcher, sim::Watching::Everything);
        for (sim::Register reg = 0; reg < 13; ++reg) machine.set_register(reg, kData + 100u * reg);
        machine.set_register(kIndex, 3);
        ASSERT_EQ(machine.call(kCode).halt, sim::Halt::Returned);
        for (sim::Register reg = 0; reg < 15; ++reg)
            results[watched].push_back(machine.register_value(reg));
        results[watched].push_back(static_cast<std::uint32_t>(machine.cycle()));
    }
    EXPECT_EQ(results[0], results[1]);
}

}  // namespace

}  // namespace mixq::tests
