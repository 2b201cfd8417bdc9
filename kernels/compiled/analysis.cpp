// Counts blocks, and times them where they follow each other.
#include "kernels/compiled/analysis.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "kernels/compiled/control.h"
#include "sim/branch_predictor.h"
#include "sim/cores/core.h"

namespace mixq::kernels::compiled {

namespace {

using sim::BranchKind;

// Of a block after another one, so many executions are timed and the mean taken for all: what a loop takes in its first passes, and
// which bank of the memory its accesses meet, changes from pass to pass. With 32 a loop of 108 passes comes out 13 % too long, with
// 256 2 %; with 4096 nothing changes any more.
constexpr std::uint64_t kTimed = 2048;
// Blocks that run before one that is timed, to bring the pipeline into the state it has there.
constexpr std::size_t kBefore = 6;
// Data tightly coupled memory of the STM32F746: RM0385, 2.2.2.
constexpr std::uint32_t kCoupledBegin = 0x2000'0000;
constexpr std::uint32_t kCoupledEnd = 0x2001'0000;

bool coupled(std::uint32_t address) {
    return address >= kCoupledBegin && address < kCoupledEnd;
}

class Timer {
  public:
    Timer() : engine_(sim::find_core("cortex_m7")), predictor_(engine_.parameters) {}

    void pass(const Control::Passed& passed) {
        Code& code = code_of(passed.block);
        ++code.executions;
        // A call begins: nothing that was in flight before is known here.
        if (passed.block.address != next_) engine_at_ = begin_ = at_;
        const bool follows = at_ > begin_;
        next_ = passed.next;
        // Of this execution, the predictor included: it hears of all.
        Past& now = recent_[at_ % recent_.size()];
        now.code = &code;
        sim::Execution& execution = now.execution;
        execution.next_address = passed.next;
        execution.branch =
            code.compiled.branch == BranchKind::None
                ? 0
                : predictor_.outcome(code.compiled, passed.next, passed.branch_executed);
        Code* before = follows ? recent_[(at_ - 1) % recent_.size()].code : nullptr;
        Pair& pair = pair_of(code, before, execution.branch);
        ++pair.executions;
        describe(passed, code, execution);
        if (pair.timed < kTimed) time(pair);
        ++at_;
    }

    void forget_time() {
        for (auto& code : codes_) {
            if (!code) continue;
            code->executions = 0;
            for (Pair& pair : code->pairs) pair.executions = 0;
        }
    }

    Analysis result() const {
        Analysis analysis;
        for (const auto& code : codes_) {
            if (!code) continue;
            for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
                analysis.counts.by_class[c] +=
                    code->block->block.counts.by_class[c] * code->executions;
            }
            for (const Pair& pair : code->pairs) {
                if (pair.executions == 0) continue;
                analysis.cycles += static_cast<double>(pair.executions) *
                                   static_cast<double>(pair.cycles) /
                                   static_cast<double>(pair.timed);
            }
        }
        return analysis;
    }

  private:
    struct Code;

    struct Pair {
        const Code* before = nullptr;
        std::uint8_t outcome = 0;
        std::uint64_t executions = 0;
        std::uint64_t timed = 0;
        sim::Cycle cycles = 0;
    };

    struct Code {
        const ControlBlock* block = nullptr;
        sim::Compiled compiled;
        std::vector<Pair> pairs;
        std::uint64_t executions = 0;
    };

    struct Past {
        Code* code = nullptr;
        sim::Execution execution;
    };

    Code& code_of(const ControlBlock& block) {
        if (codes_.size() <= block.number) codes_.resize(block.number + 1);
        std::unique_ptr<Code>& code = codes_[block.number];
        if (!code) {
            code = std::make_unique<Code>();
            code->block = &block;
            code->compiled = sim::compile(engine_.core, block.block);
            code->compiled.site = predictor_.site(block.block.instructions.back().address);
        }
        return *code;
    }

    static Pair& pair_of(Code& code, const Code* before, std::uint8_t outcome) {
        for (Pair& pair : code.pairs) {
            if (pair.before == before && pair.outcome == outcome) return pair;
        }
        code.pairs.push_back({before, outcome, 0, 0, 0});
        return code.pairs.back();
    }

    // Steps that access memory are in the order of the compiled block's memory operations.
    void describe(const Control::Passed& passed, const Code& code, sim::Execution& execution) {
        const std::size_t accesses = code.compiled.memory.size();
        execution.addresses.assign(accesses, 0);
        execution.tcm.assign(accesses, 0);
        const std::size_t known = std::min(accesses, passed.addresses.size());
        for (std::size_t k = 0; k < known; ++k) {
            execution.addresses[k] = passed.addresses[k];
            execution.tcm[k] = coupled(passed.addresses[k]) ? 1 : 0;
        }
        execution.divides.assign(code.compiled.divides.size(),
                                 static_cast<std::uint8_t>(engine_.parameters.divide_base));
    }

    // Runs on if the engine is where the block before ended; else from a few blocks before.
    void time(Pair& pair) {
        if (engine_at_ != at_ || at_ == begin_) {
            engine_.drain();
            const std::size_t before = std::min<std::size_t>(at_ - begin_, kBefore);
            const std::size_t first = at_ - before;
            engine_.restart_fetch(recent_[first % recent_.size()].code->block->address);
            for (std::size_t i = first; i < at_; ++i) {
                const Past& past = recent_[i % recent_.size()];
                engine_.run(past.code->compiled, past.execution, nullptr);
            }
        }
        const sim::Cycle start = engine_.flight.next;
        const Past& now = recent_[at_ % recent_.size()];
        engine_.run(now.code->compiled, now.execution, nullptr);
        pair.cycles += engine_.flight.next - start;
        ++pair.timed;
        engine_at_ = at_ + 1;
    }

    sim::Engine engine_;
    sim::BranchPredictor predictor_;
    std::vector<std::unique_ptr<Code>> codes_;
    std::array<Past, kBefore + 1> recent_;
    std::size_t at_ = 0;         // blocks that passed
    std::size_t begin_ = 0;      // those of the calls before
    std::size_t engine_at_ = 0;  // what the engine has run up to
    std::uint32_t next_ = 0;
};

}  // namespace

Analysis analyse(const std::filesystem::path& elf,
                 const std::string& caller,
                 const std::string& function) {
    const Executable executable = Executable::read(elf);
    Control control(executable, {"mixq_weights_", "mixq_multiplier_", "mixq_bias_", "mixq_input"});
    const std::uint32_t first = executable.symbol(caller).address;
    const std::uint32_t entry = executable.symbol(function).address;
    const std::uint32_t stack = executable.symbol("mixq_stack_top").address;
    Timer timer;
    // The second call is judged, as in traces: the first makes the predictors warm.
    for (int call = 0; call < 2; ++call) {
        timer.forget_time();
        std::uint32_t before = 0;
        std::optional<std::uint32_t> back;  // where the function returns to, while it runs
        control.run(first, stack, [&](const Control::Passed& passed) {
            if (passed.block.address == entry && !back) back = before;
            if (back) timer.pass(passed);
            if (back == passed.next) back.reset();
            before = passed.block.address + passed.block.block.size;
        });
    }
    return timer.result();
}

}  // namespace mixq::kernels::compiled
