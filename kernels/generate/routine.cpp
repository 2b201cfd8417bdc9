// Lowers a routine: schedules its pieces, lays them out, counts what they execute.
#include "kernels/generate/routine.h"

#include <stdexcept>

#include "kernels/generate/dependences.h"
#include "sim/cores/core.h"

namespace mixq::kernels::generate {

namespace {

constexpr int kSavedRegisters = 9;            // r4..r11, lr
constexpr std::uint32_t kPush = 0xe92d'4ff0;  // r4..r11, lr
constexpr std::uint32_t kPop = 0xe8bd'8ff0;   // r4..r11, pc
constexpr int kLoopAlignment = 8;             // a fetch

// sp is a multiple of 8 inside the routine.
int frame_size(const Routine& routine) {
    int bytes = (routine.frame_bytes() + 3) / 4 * 4;
    while ((bytes + 4 * kSavedRegisters) % 8 != 0) bytes += 4;
    return bytes;
}

class Lowering {
  public:
    Lowering(const Routine& routine, Scheduling how) : how_(how) {
        out_.symbol = routine.symbol();
        out_.assembly = "    .syntax unified\n    .thumb\n    .section .text." + out_.symbol +
                        ", \"ax\", %progbits\n    .balign 32\n    .global " + out_.symbol +
                        "\n    .type " + out_.symbol + ", %function\n    .thumb_func\n" +
                        out_.symbol + ":\n";
        frame(routine, kPush, true);
        body(routine.body(), 1);
        frame(routine, kPop, false);
        out_.assembly += "    .size " + out_.symbol + ", . - " + out_.symbol + "\n";
    }

    Lowered take() { return std::move(out_); }

  private:
    void frame(const Routine& routine, std::uint32_t list, bool enters) {
        Code code;
        const int bytes = frame_size(routine);
        if (enters) {
            Insn push;
            push.bits = list;
            code.insns.push_back(push);
            code.add(sp, sp, -bytes);
        } else {
            code.add(sp, sp, bytes);
            Insn pop;
            pop.bits = list;
            code.insns.push_back(pop);
        }
        for (const Insn& insn : code.insns) put(insn, 1);
        out_.cycles += 1 + (kSavedRegisters + 1) / 2;
    }

    void put(const Insn& insn, std::uint64_t times) {
        out_.assembly += "    " + assembly(insn) + "\n";
        out_.code_bytes += 4;
        out_.counts[form_of(insn).instr_class] += times;
    }

    void body(const Body& nodes, std::uint64_t times) {
        for (const auto& part : nodes.parts()) {
            if (part->count == 0) {
                piece(part->code, times);
            } else {
                loop(*part, times);
            }
        }
    }

    void piece(const Straight& straight, std::uint64_t times) {
        const Scheduled scheduled = schedule(straight, how_);
        for (const Insn& insn : scheduled.code) put(insn, times);
        out_.cycles += scheduled.cycles * static_cast<double>(times);
    }

    // The step belongs to the last piece of the body, where there is one.
    void loop(const Body::Part& part, std::uint64_t times) {
        const auto count = static_cast<std::uint64_t>(part.count);
        if (count == 1) return body(*part.body, times);
        if (out_.code_bytes % kLoopAlignment != 0) put(filler(), times);
        const std::string label = ".L" + out_.symbol + "_" + std::to_string(labels_++);
        const std::uint32_t head = out_.code_bytes;
        out_.assembly +=
            label + ": @ " + part.what + ", " + std::to_string(part.count) + " times\n";
        const auto& parts = part.body->parts();
        const std::size_t count_inside = parts.size();
        Straight last;
        last.pool = part.step_pool;
        const bool joins = count_inside > 0 && parts.back()->count == 0;
        for (std::size_t k = 0; k + (joins ? 1 : 0) < count_inside; ++k) {
            if (parts[k]->count == 0) {
                piece(parts[k]->code, times * count);
            } else {
                loop(*parts[k], times * count);
            }
        }
        Code code;
        if (joins) {
            last = parts.back()->code;
            if (last.pool.empty()) last.pool = part.step_pool;
            Code written;
            for (int k = 0; k < parts.back()->values; ++k) written.value();
            written.insns = last.code;
            code.append(written);
        }
        code.append(part.step);
        last.code = code.insns;
        last.ending = joins && count_inside == 1 ? Ending::Repeats : Ending::Returns;
        piece(last, times * count);
        out_.assembly += "    bne.w " + label + "\n";
        out_.counts[traces::InstrClass::Branch] += times * count;
        out_.code_bytes += 4;
        // The last pass is predicted to go on.
        out_.cycles +=
            static_cast<double>(times) * sim::find_core("cortex_m7").parameters.mispredict;
        if (out_.code_bytes - head > (1u << 20))
            throw std::logic_error("a loop of more than a megabyte");
    }

    static Insn filler() {
        Code code;
        code.nop();
        return code.insns.front();
    }

    Scheduling how_;
    Lowered out_;
    int labels_ = 0;
};

}  // namespace

Body::Body() = default;
Body::~Body() = default;

void Body::straight(const Code& code, std::vector<Reg> pool, std::array<std::uint8_t, 16> phase) {
    auto part = std::make_unique<Part>();
    part->code.code = code.insns;
    part->code.pool = std::move(pool);
    part->code.phase = phase;
    int values = 0;
    for (const Insn& insn : code.insns) {
        for (const Reg reg : insn.registers) {
            if (reg.open()) values = std::max(values, reg.id - Reg::kFirstOpen + 1);
        }
    }
    part->values = values;
    parts_.push_back(std::move(part));
}

Body& Body::add_loop(int count, const std::string& what) {
    if (count < 1)
        throw std::logic_error("a loop '" + what + "' of " + std::to_string(count) + " passes");
    auto part = std::make_unique<Part>();
    part->count = count;
    part->what = what;
    part->body = std::make_unique<Body>();
    parts_.push_back(std::move(part));
    return *parts_.back()->body;
}

Body& Body::loop(int count, Reg counter, const std::string& what) {
    if (count > 1) {
        Code setup;
        setup.mov(counter, static_cast<std::uint32_t>(count));
        straight(setup, {});
    }
    Body& inside = add_loop(count, what);
    parts_.back()->step.subs(counter, counter, 1);
    return inside;
}

Body& Body::loop(int count, Slot counter, std::vector<Reg> pool, const std::string& what) {
    if (count > 1) {
        Code setup;
        const Reg value = setup.value();
        setup.mov(value, static_cast<std::uint32_t>(count));
        setup.str(value, {sp, counter.offset, kStackSpace});
        straight(setup, pool);
    }
    Body& inside = add_loop(count, what);
    Part& part = *parts_.back();
    const Reg value = part.step.value();
    part.step.ldr(value, {sp, counter.offset, kStackSpace});
    part.step.subs(value, value, 1);
    part.step.str(value, {sp, counter.offset, kStackSpace});
    part.step_pool = std::move(pool);
    return inside;
}

Body& Body::loop_until(int count, Reg pointer, Reg end, const std::string& what) {
    Body& inside = add_loop(count, what);
    parts_.back()->step.cmp(pointer, end);
    return inside;
}

Slot Routine::slot() {
    const Slot slot{frame_bytes_};
    frame_bytes_ += 4;
    return slot;
}

namespace {

void estimate_piece(const Straight& straight, double times, Estimate& out) {
    for (const Insn& insn : straight.code) {
        out.counts[form_of(insn).instr_class] += static_cast<std::uint64_t>(times);
    }
    out.code_bytes += static_cast<std::uint32_t>(4 * straight.code.size());
    out.cycles += times * least_cycles(dependences(straight), straight.ending);
}

void estimate_body(const Body& body, double times, Estimate& out) {
    for (const auto& part : body.parts()) {
        if (part->count == 0) {
            estimate_piece(part->code, times, out);
            continue;
        }
        estimate_body(*part->body, times * part->count, out);
        if (part->count == 1) continue;
        Straight step;
        step.code = part->step.insns;
        step.ending = Ending::Returns;
        estimate_piece(step, times * part->count, out);
        out.counts[traces::InstrClass::Branch] += static_cast<std::uint64_t>(times * part->count);
        out.code_bytes += 4;
        out.cycles += times * sim::find_core("cortex_m7").parameters.mispredict;
    }
}

}  // namespace

Estimate estimate(const Routine& routine) {
    Estimate out;
    // PUSH, SUB, ADD, POP.
    out.counts[traces::InstrClass::Load] = out.counts[traces::InstrClass::Store] = 1;
    out.counts[traces::InstrClass::Sisd] = 2;
    out.code_bytes = 16;
    out.cycles = 2 + (kSavedRegisters + 1);
    estimate_body(routine.body(), 1, out);
    return out;
}

Lowered lower(const Routine& routine, Scheduling how) {
    return Lowering(routine, how).take();
}

}  // namespace mixq::kernels::generate
