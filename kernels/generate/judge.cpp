// Runs generated code through the pipeline's engine.
#include "kernels/generate/judge.h"

#include "kernels/generate/dependences.h"
#include "sim/cores/core.h"

namespace mixq::kernels::generate {

namespace {

constexpr std::uint32_t kCode = 0x0800'0000;  // aligned: generated loops begin at multiples of 8
constexpr int kWarmPasses = 2;
constexpr int kPasses = 8;

}  // namespace

std::uint32_t branch_not_equal(int distance) {
    const auto offset =
        static_cast<std::uint32_t>(distance - 4);  // pc reads as the instruction's address plus 4
    return 0xf040'8000 | (offset >> 20 & 1) << 26 | (offset >> 19 & 1) << 11 |
           (offset >> 18 & 1) << 13 | (offset >> 12 & 0x3f) << 16 | (offset >> 1 & 0x7ff);
}

Judge::Judge(const Straight& straight) : like_(straight), engine_(sim::find_core("cortex_m7")) {
    like_.code.clear();
}

double Judge::cycles(const std::vector<Insn>& code) {
    sim::Block block;
    block.address = kCode;
    for (const Insn& insn : code) {
        block.instructions.push_back(decoded(insn, kCode + block.size));
        block.size += 4;
    }
    if (like_.ending != Ending::Falls) {
        Insn branch;
        branch.bits = branch_not_equal(-static_cast<int>(block.size));
        block.instructions.push_back(decoded(branch, kCode + block.size));
        block.size += 4;
    }
    const sim::Compiled compiled = sim::compile(engine_.core, block);
    const bool repeats = like_.ending == Ending::Repeats;
    const int passes = repeats ? kWarmPasses + kPasses : 1;
    const std::vector<std::uint32_t> addresses = assumed_addresses(like_, code, passes);
    const std::size_t accesses = compiled.memory.size();
    sim::Execution execution;
    execution.tcm.assign(accesses, 1);
    execution.next_address = like_.ending == Ending::Falls ? kCode + block.size : kCode;
    execution.branch = like_.ending == Ending::Falls ? 0 : sim::kTaken;
    engine_.drain();
    engine_.restart_fetch(kCode);
    sim::Cycle start = engine_.flight.next;
    for (int pass = 0; pass < passes; ++pass) {
        if (repeats && pass == kWarmPasses) start = engine_.flight.next;
        const auto first = addresses.begin() +
                           static_cast<std::ptrdiff_t>(static_cast<std::size_t>(pass) * accesses);
        execution.addresses.assign(first, first + static_cast<std::ptrdiff_t>(accesses));
        engine_.run(compiled, execution, nullptr);
    }
    return static_cast<double>(engine_.flight.next - start) / (repeats ? kPasses : 1);
}

}  // namespace mixq::kernels::generate
