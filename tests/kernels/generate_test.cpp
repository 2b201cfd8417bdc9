// Laws of generated code: instructions are the manual's, schedules compute the same, and what they are said to cost is what the
// simulator charges.
#include <filesystem>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "kernels/generate/dependences.h"
#include "kernels/generate/judge.h"
#include "kernels/generate/routine.h"
#include "kernels/network/toolchain.h"
#include "sim/board.h"
#include "sim/cores/core.h"
#include "sim/image.h"
#include "sim/machine.h"
#include "sim/pipeline.h"
#include "tests/kernels/firmware_test.h"
#include "traces/file.h"

namespace mixq::kernels::generate {

namespace {

// Every instruction the generator can emit, beside the text an assembler must make the same encoding of.
struct Spelled {
    std::string text;
    Code code;
};

std::vector<Spelled> every_instruction() {
    std::vector<Spelled> all;
    const auto add = [&](const std::string& text, auto emit) {
        Spelled spelled{text, {}};
        emit(spelled.code);
        all.push_back(std::move(spelled));
    };
    add("mov.w r1, r9", [](Code& c) { c.mov(r1, r9); });
    add("mov.w r1, #200", [](Code& c) { c.mov(r1, 200); });
    add("mov.w r1, #0x00ab00ab", [](Code& c) { c.mov(r1, 0x00ab00ab); });
    add("mov.w r1, #0x1fc0", [](Code& c) { c.mov(r1, 0x1fc0); });
    add("mvn.w r1, #7", [](Code& c) { c.mov(r1, ~7u); });
    add("movw r9, #0x1234\n movt r9, #0x5678", [](Code& c) { c.mov(r9, 0x56781234); });
    add("mvn.w r3, r8", [](Code& c) { c.mvn(r3, r8); });
    add("add.w r1, r2, r3", [](Code& c) { c.add(r1, r2, r3); });
    add("add.w r1, r2, r3, lsr #9", [](Code& c) { c.add(r1, r2, r3, lsr(9)); });
    add("addw r1, r2, #4095", [](Code& c) { c.add(r1, r2, 4095); });
    add("subw r1, r2, #17", [](Code& c) { c.sub(r1, r2, 17); });
    add("add.w r1, r2, #0x4000", [](Code& c) { c.add(r1, r2, 0x4000); });
    add("sub.w r1, r2, r3, asr #1", [](Code& c) { c.sub(r1, r2, r3, asr(1)); });
    add("rsb r1, r2, r3, lsl #4", [](Code& c) { c.rsb(r1, r2, r3, lsl(4)); });
    add("adds.w r1, r2, r3", [](Code& c) { c.adds(r1, r2, r3); });
    add("adc.w r1, r2, r3", [](Code& c) { c.adc(r1, r2, r3); });
    add("subs.w r7, r7, #1", [](Code& c) { c.subs(r7, r7, 1); });
    add("cmp.w r1, r9", [](Code& c) { c.cmp(r1, r9); });
    add("cmp.w r1, #200", [](Code& c) { c.cmp(r1, 200); });
    add("and.w r1, r2, r3", [](Code& c) { c.and_(r1, r2, r3); });
    add("and.w r1, r2, #0x0f0f0f0f", [](Code& c) { c.and_(r1, r2, 0x0f0f0f0f); });
    add("bic.w r1, r2, r3", [](Code& c) { c.bic(r1, r2, r3); });
    add("bic.w r1, r2, #255", [](Code& c) { c.bic(r1, r2, 255); });
    add("orr.w r1, r2, r3, lsl #8", [](Code& c) { c.orr(r1, r2, r3, lsl(8)); });
    add("eor.w r1, r2, r3, ror #31", [](Code& c) { c.eor(r1, r2, r3, ror(31)); });
    add("eor.w r1, r2, #0x80808080", [](Code& c) { c.eor(r1, r2, 0x80808080); });
    add("lsl.w r1, r2, #3", [](Code& c) { c.shift(r1, r2, lsl(3)); });
    add("asr.w r1, r2, #31", [](Code& c) { c.shift(r1, r2, asr(31)); });
    add("ubfx r1, r2, #5, #14", [](Code& c) { c.ubfx(r1, r2, 5, 14); });
    add("sbfx r1, r2, #16, #16", [](Code& c) { c.sbfx(r1, r2, 16, 16); });
    add("bfi r1, r2, #7, #9", [](Code& c) { c.bfi(r1, r2, 7, 9); });
    add("pkhbt r1, r2, r3, lsl #16", [](Code& c) { c.pkhbt(r1, r2, r3, 16); });
    add("pkhtb r1, r2, r3, asr #16", [](Code& c) { c.pkhtb(r1, r2, r3, 16); });
    add("uxtb.w r1, r2, ror #8", [](Code& c) { c.uxtb(r1, r2, 8); });
    add("sxtb.w r1, r2", [](Code& c) { c.sxtb(r1, r2); });
    add("uxth.w r1, r2, ror #16", [](Code& c) { c.uxth(r1, r2, 16); });
    add("sxth.w r1, r2", [](Code& c) { c.sxth(r1, r2); });
    add("uxtb16 r1, r2, ror #8", [](Code& c) { c.uxtb16(r1, r2, 8); });
    add("sxtb16 r1, r2", [](Code& c) { c.sxtb16(r1, r2); });
    add("uxtab16 r1, r2, r3, ror #8", [](Code& c) { c.uxtab16(r1, r2, r3, 8); });
    add("sxtab16 r1, r2, r3", [](Code& c) { c.sxtab16(r1, r2, r3); });
    add("uxtab r1, r2, r3, ror #24", [](Code& c) { c.uxtab(r1, r2, r3, 24); });
    add("uxtah r1, r2, r3", [](Code& c) { c.uxtah(r1, r2, r3); });
    add("sxtah r1, r2, r3, ror #16", [](Code& c) { c.sxtah(r1, r2, r3, 16); });
    add("usat r1, #8, r2, asr #5", [](Code& c) { c.usat(r1, 8, r2, asr(5)); });
    add("usat r1, #4, r2", [](Code& c) { c.usat(r1, 4, r2); });
    add("ssat r1, #16, r2, lsl #2", [](Code& c) { c.ssat(r1, 16, r2, lsl(2)); });
    add("usat16 r1, #8, r2", [](Code& c) { c.usat16(r1, 8, r2); });
    add("rev.w r1, r9", [](Code& c) { c.rev(r1, r9); });
    add("rev16.w r1, r9", [](Code& c) { c.rev16(r1, r9); });
    const auto three = [&](const char* name, void (Code::*emit)(Reg, Reg, Reg)) {
        add(std::string(name) + " r1, r2, r3", [emit](Code& c) { (c.*emit)(r1, r2, r3); });
    };
    three("sadd16", &Code::sadd16);
    three("ssub16", &Code::ssub16);
    three("uadd16", &Code::uadd16);
    three("usub16", &Code::usub16);
    three("uadd8", &Code::uadd8);
    three("usub8", &Code::usub8);
    three("uqsub8", &Code::uqsub8);
    three("uqadd8", &Code::uqadd8);
    three("uhadd8", &Code::uhadd8);
    three("shadd16", &Code::shadd16);
    three("qadd16", &Code::qadd16);
    three("qsub16", &Code::qsub16);
    three("uqsub16", &Code::uqsub16);
    three("sel", &Code::sel);
    three("mul.w", &Code::mul);
    three("smulbb", &Code::smulbb);
    three("smuad", &Code::smuad);
    three("smmul", &Code::smmul);
    const auto mac = [&](const char* name, void (Code::*emit)(Reg, Reg, Reg, Reg)) {
        add(std::string(name) + " r1, r2, r3, r4", [emit](Code& c) { (c.*emit)(r1, r2, r3, r4); });
    };
    mac("mla", &Code::mla);
    mac("mls", &Code::mls);
    mac("smlabb", &Code::smlabb);
    mac("smlabt", &Code::smlabt);
    mac("smlatb", &Code::smlatb);
    mac("smlatt", &Code::smlatt);
    mac("smlad", &Code::smlad);
    mac("smladx", &Code::smladx);
    mac("smlsd", &Code::smlsd);
    mac("smlawb", &Code::smlawb);
    mac("smlawt", &Code::smlawt);
    mac("smmla", &Code::smmla);
    mac("smull", &Code::smull);
    mac("umull", &Code::umull);
    mac("smlal", &Code::smlal);
    mac("umlal", &Code::umlal);
    mac("umaal", &Code::umaal);
    mac("smlald", &Code::smlald);
    const auto access = [&](const char* name, void (Code::*emit)(Reg, At)) {
        add(std::string(name) + ".w r1, [r2, #4092]", [emit](Code& c) {
            (c.*emit)(r1, {r2, 4092, 0});
        });
        add(std::string(name) + " r1, [r2, #-252]", [emit](Code& c) {
            (c.*emit)(r1, {r2, -252, 0});
        });
    };
    access("ldr", &Code::ldr);
    access("ldrb", &Code::ldrb);
    access("ldrh", &Code::ldrh);
    access("ldrsb", &Code::ldrsb);
    access("ldrsh", &Code::ldrsh);
    access("str", &Code::str);
    access("strb", &Code::strb);
    access("strh", &Code::strh);
    add("ldr.w r1, [r2, r3, lsl #2]", [](Code& c) { c.ldr(r1, r2, r3, 2, 0); });
    add("ldrb.w r1, [r2, r3]", [](Code& c) { c.ldrb(r1, r2, r3, 0, 0); });
    add("ldrsb.w r1, [r2, r3]", [](Code& c) { c.ldrsb(r1, r2, r3, 0, 0); });
    add("ldrh.w r1, [r2, r3, lsl #1]", [](Code& c) { c.ldrh(r1, r2, r3, 1, 0); });
    const auto post = [&](const char* name, void (Code::*emit)(Reg, Reg, int, Space)) {
        add(std::string(name) + " r1, [r2], #8", [emit](Code& c) { (c.*emit)(r1, r2, 8, 0); });
        add(std::string(name) + " r1, [r2], #-8", [emit](Code& c) { (c.*emit)(r1, r2, -8, 0); });
    };
    post("ldr", &Code::ldr_post);
    post("ldrb", &Code::ldrb_post);
    post("ldrsb", &Code::ldrsb_post);
    post("ldrh", &Code::ldrh_post);
    post("str", &Code::str_post);
    post("strb", &Code::strb_post);
    post("strh", &Code::strh_post);
    add("ldrd r1, r2, [r3, #16]", [](Code& c) { c.ldrd(r1, r2, {r3, 16, 0}); });
    add("ldrd r1, r2, [r3, #-16]", [](Code& c) { c.ldrd(r1, r2, {r3, -16, 0}); });
    add("strd r1, r2, [r3, #1020]", [](Code& c) { c.strd(r1, r2, {r3, 1020, 0}); });
    add("ldmia.w r9!, {r1, r2, r8}", [](Code& c) { c.ldm(r9, {r1, r2, r8}, 0); });
    add("stmia.w r9!, {r1, r2, r8}", [](Code& c) { c.stm(r9, {r1, r2, r8}, 0); });
    add("nop.w", [](Code& c) { c.nop(); });
    return all;
}

std::vector<std::uint8_t> assembled(const std::string& text) {
    const Folder folder;
    traces::write_file(
        folder.path() / "x.s",
        ".syntax unified\n.thumb\n.text\n.global x\n.thumb_func\nx:\n" + text + "\n");
    const std::vector<CompileJob> jobs{{folder.path() / "x.s", folder.path() / "x.o", {}, {}, {}}};
    compile(jobs, 1);
    traces::write_file(folder.path() / "x.ld",
                       std::string("SECTIONS { .text 0x08000000 : { KEEP(*(.text*)) } }\n"));
    link(std::vector{folder.path() / "x.o"}, folder.path() / "x.ld", folder.path() / "x.elf");
    const sim::Image image = sim::read_elf(folder.path() / "x.elf");
    return image.segments.front().bytes;
}

std::uint32_t encoding_at(const std::vector<std::uint8_t>& bytes, std::size_t at) {
    return static_cast<std::uint32_t>(bytes.at(at)) << 16 |
           static_cast<std::uint32_t>(bytes.at(at + 1)) << 24 | bytes.at(at + 2) |
           static_cast<std::uint32_t>(bytes.at(at + 3)) << 8;
}

TEST(GeneratedInstruction, HasTheEncodingTheAssemblerGivesItsText) {
    std::string text;
    const std::vector<Spelled> all = every_instruction();
    for (const Spelled& spelled : all) text += spelled.text + "\n";
    const std::vector<std::uint8_t> bytes = assembled(text);
    std::size_t at = 0;
    for (const Spelled& spelled : all) {
        for (const Insn& insn : spelled.code.insns) {
            EXPECT_EQ(encoding(insn), encoding_at(bytes, at)) << spelled.text;
            at += 4;
        }
    }
}

TEST(GeneratedInstruction, ReadsAndWritesWhatTheDecoderSays) {
    for (const Spelled& spelled : every_instruction()) {
        for (const Insn& insn : spelled.code.insns) {
            const sim::Instruction instruction = decoded(insn, 0);
            const Operands operands = operands_of(insn);
            std::multimap<int, sim::Role> reads;
            std::multimap<int, sim::Role> expected;
            for (const Operands::Read& read : operands.reads)
                reads.insert({read.reg.id, read.role});
            for (const sim::Read& read : instruction.reads) expected.insert({read.reg, read.role});
            EXPECT_EQ(reads, expected) << spelled.text;
            std::vector<int> writes;
            for (const Reg reg : operands.writes) writes.push_back(reg.id);
            EXPECT_EQ(writes,
                      std::vector<int>(instruction.writes.begin(), instruction.writes.end()))
                << spelled.text;
            EXPECT_EQ(operands.base_update.exists(), !instruction.base_update.empty())
                << spelled.text;
        }
    }
}

TEST(GeneratedInstruction, RefusesImmediatesOutsideItsRange) {
    Code code;
    EXPECT_THROW(code.add(r1, r2, 0x12345), std::logic_error);
    EXPECT_THROW(code.ldr(r1, {r2, 4096, 0}), std::logic_error);
    EXPECT_THROW(code.ldr(r1, {r2, -256, 0}), std::logic_error);
    EXPECT_THROW(code.and_(r1, r2, 0x12345u), std::logic_error);
    EXPECT_THROW(code.usat16(r1, 16, r2), std::logic_error);
}

// Random code over values: loads of constants, arithmetic, multiplies, stores of results.
Straight random_code(std::uint32_t seed, int length) {
    std::mt19937 random(seed);
    Code code;
    std::vector<Reg> live;
    const auto pick = [&] { return live.empty() ? r1 : live[random() % live.size()]; };
    const auto define = [&] {
        if (live.size() >= 4) live.erase(live.begin());
        live.push_back(code.value());
        return live.back();
    };
    const auto word = [&](unsigned words) { return static_cast<int>(4 * (random() % words)); };
    for (int k = 0; k < length; ++k) {
        const Reg a = pick();
        const Reg b = pick();
        switch (random() % 9) {
            case 0:
            case 1:
                code.ldr(define(), {r0, word(32), kConstantSpace});
                break;
            case 2:
                code.add(define(), a, b, random() % 2 ? lsl(3) : Shift{});
                break;
            case 3:
                code.uxtab16(define(), a, b, 8);
                break;
            case 4:
                code.mla(r2, a, b, r2);
                break;
            case 5:
                code.smlal(r3, r4, a, b);
                break;
            case 6:
                code.str(a, {r5, word(8), 1});
                break;
            case 7:
                code.ldr(define(), {r5, word(8), 1});
                break;
            default:
                code.eor(r6, r6, a);
                break;
        }
    }
    return {code.insns, {r7, r8, r9, r10, r11}, Ending::Falls, {}};
}

// r1..r6 and the 32 bytes at r5 after the code has run on seeded memory.
std::vector<std::uint32_t> outcome(const std::vector<Insn>& code) {
    sim::Image image;
    image.path = "generated";
    sim::Segment segment;
    segment.address = 0x0800'0000;
    const auto halves = [&](std::uint32_t bits) {
        for (const int shift : {16, 24, 0, 8})
            segment.bytes.push_back(static_cast<std::uint8_t>(bits >> shift));
    };
    for (const Insn& insn : code) halves(encoding(insn));
    halves(0xf85d'fb04);  // ldr pc, [sp], #4: back to where lr was pushed
    image.segments.push_back(segment);
    sim::Machine machine(image, sim::find_board("stm32f746"));
    std::mt19937 random(7);
    std::vector<std::uint8_t> memory(512);
    for (std::uint8_t& byte : memory) byte = static_cast<std::uint8_t>(random());
    machine.write(0x2000'0000, memory);
    const std::uint32_t back = sim::Machine::kReturnAddress | 1;
    std::vector<std::uint8_t> stack;
    for (int shift = 0; shift < 32; shift += 8)
        stack.push_back(static_cast<std::uint8_t>(back >> shift));
    machine.write(0x2000'0ff0, stack);
    machine.set_register(sim::kSp, 0x2000'0ff0);
    for (sim::Register reg = 1; reg <= 11; ++reg)
        machine.set_register(reg, 0x1357'9bdfu * (reg < 7 ? reg : 1u));
    machine.set_register(0, 0x2000'0000);
    machine.set_register(5, 0x2000'0100);
    const sim::Stop stop = machine.call(0x0800'0001, std::vector<std::uint32_t>{0x2000'0000});
    EXPECT_EQ(stop.halt, sim::Halt::Returned) << stop.message;
    std::vector<std::uint32_t> result;
    for (const sim::Register reg : {2, 3, 4, 6}) result.push_back(machine.register_value(reg));
    std::vector<std::uint8_t> stored(32);
    machine.read(0x2000'0100, stored);
    result.insert(result.end(), stored.begin(), stored.end());
    return result;
}

TEST(Schedule, ComputesWhatTheCodeAsWrittenComputes) {
    for (std::uint32_t seed = 1; seed <= 40; ++seed) {
        const Straight straight = random_code(seed, 40);
        const Scheduled written = schedule(straight, Scheduling::AsWritten);
        const Scheduled listed = schedule(straight, Scheduling::List);
        EXPECT_EQ(outcome(written.code), outcome(listed.code)) << "seed " << seed;
    }
}

TEST(Schedule, NeverCostsMoreThanTheCodeAsWrittenNorLessThanTheCoreAllows) {
    for (std::uint32_t seed = 1; seed <= 40; ++seed) {
        const Straight straight = random_code(seed, 60);
        const double written = schedule(straight, Scheduling::AsWritten).cycles;
        const double listed = schedule(straight, Scheduling::List).cycles;
        EXPECT_LE(listed, written) << "seed " << seed;
        EXPECT_GE(listed, least_cycles(dependences(straight), Ending::Falls) - 0.5)
            << "seed " << seed;
    }
}

TEST(Schedule, NamesAPoolThatIsTooSmall) {
    Code code;
    std::vector<Reg> values;
    for (int k = 0; k < 4; ++k) {
        values.push_back(code.value());
        code.ldr(values.back(), {r0, 4 * k, kConstantSpace});
    }
    for (const Reg value : values) code.add(r1, r1, value);
    Straight straight{code.insns, {r2}, Ending::Falls, {}};
    straight.pool = {r2, r3};
    EXPECT_THROW(schedule(straight, Scheduling::AsWritten), std::logic_error);
    straight.pool = {r2, r3, r4, r5};
    EXPECT_NO_THROW(schedule(straight, Scheduling::AsWritten));
}

TEST(Schedule, PredictsTheCyclesTheSimulatorCharges) {
    for (std::uint32_t seed = 1; seed <= 30; ++seed) {
        Straight straight = random_code(seed, 50);
        const Scheduled scheduled = schedule(straight, Scheduling::List);
        sim::Block block;
        block.address = 0x0800'0000;
        std::vector<sim::Access> accesses;
        straight.code = scheduled.code;
        const std::vector<std::uint32_t> addresses = assumed_addresses(straight, scheduled.code);
        for (std::size_t k = 0; k < scheduled.code.size(); ++k) {
            block.instructions.push_back(decoded(scheduled.code[k], block.address + block.size));
            block.size += 4;
            const sim::Instruction& instruction = block.instructions.back();
            if (instruction.memory == sim::Memory::None) continue;
            // The scheduler assumes that every base points into a DTCM large enough for all.
            const std::uint32_t address = addresses[accesses.size()];
            accesses.push_back({static_cast<std::uint16_t>(k),
                                instruction.memory == sim::Memory::Store,
                                4,
                                0x2000'0000 | (address >> 16 & 15) << 12 | (address & 0xfff)});
        }
        sim::Pipeline pipeline(
            sim::find_core("cortex_m7"), &sim::find_board("stm32f746"), sim::Replay::Plain);
        sim::BlockRun run;
        run.block = &block;
        run.accesses = accesses;
        run.next_address = block.address + block.size;
        pipeline.run(run);
        EXPECT_EQ(static_cast<double>(pipeline.cycles()), scheduled.cycles) << "seed " << seed;
    }
}

TEST(Routine, CountsExactlyWhatItExecutes) {
    Routine routine("kernel");
    Code setup;
    setup.mov(r4, 0);
    routine.body().straight(setup, {});
    const Slot slot = routine.slot();
    Body& outer = routine.body().loop(5, slot, {r3}, "outer");
    Body& inner = outer.loop(7, r5, "inner");
    Code code;
    code.add(r4, r4, 3);
    code.eor(r6, r4, r4);
    inner.straight(code, {});
    Code after;
    after.str(r4, {r0, 0, 1});
    outer.straight(after, {});
    const Lowered lowered = lower(routine, Scheduling::List);
    const Folder folder;
    traces::write_file(folder.path() / "k.s", lowered.assembly);
    compile(std::vector<CompileJob>{{folder.path() / "k.s", folder.path() / "k.o", {}, {}, {}}}, 1);
    traces::write_file(folder.path() / "k.ld",
                       std::string("SECTIONS { .text 0x08000000 : { KEEP(*(.text*)) } }\n"));
    link(std::vector{folder.path() / "k.o"}, folder.path() / "k.ld", folder.path() / "k.elf");
    const sim::Image image = sim::read_elf(folder.path() / "k.elf");
    sim::Machine machine(image, sim::find_board("stm32f746"));

    struct Counter final : sim::BlockObserver {
        traces::Counts counts;

        void on_block(const sim::BlockRun& run) override { counts += run.block->counts; }
    } counter;

    machine.set_register(sim::kSp, 0x2000'1000);
    machine.set_observer(&counter);
    const sim::Stop stop = machine.call(0x0800'0001, std::vector<std::uint32_t>{0x2000'0000});
    ASSERT_EQ(stop.halt, sim::Halt::Returned) << stop.message;
    EXPECT_EQ(counter.counts.by_class, lowered.counts.by_class);
    std::vector<std::uint8_t> result(4);
    machine.read(0x2000'0000, result);
    EXPECT_EQ(result[0], 5 * 7 * 3);
}

}  // namespace

}  // namespace mixq::kernels::generate
