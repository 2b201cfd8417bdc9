// Replays block runs: by the engine, or from what it found the last time the same block began in the same state.
#include "sim/pipeline.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "sim/board.h"
#include "sim/branch_predictor.h"
#include "sim/cores/core.h"
#include "sim/issue.h"
#include "sim/memory_system.h"
#include "sim/pipeline_engine.h"
#include "sim/pipeline_memo.h"

namespace mixq::sim {

namespace {

constexpr std::uint32_t kTcmBlockBits = 12;  // no tightly coupled memory is cut finer
constexpr std::uint32_t kLineBits = 5;
constexpr std::uint32_t kLine = 1u << kLineBits;
constexpr std::size_t kStills = 1024;     // a power of two
constexpr std::size_t kKeyAccesses = 15;  // four bits each go into the key at a time
constexpr std::uint64_t kOpenGroup =
    64;  // an instruction may join a group that began this long ago, at most
constexpr std::int32_t kMostApart =
    8192;  // no gap between two tightly coupled memories is narrower
constexpr std::uint64_t kGrouped =
    0x5851'f42d'4c95'7f2d;  // where keys of groups begin, apart from the others
constexpr std::uint64_t kMix = 0x9e37'79b9'7f4a'7c15;
constexpr std::uint32_t kNowhere = ~0u;  // no instruction is at an odd address

std::size_t at(Stall stall) {
    return static_cast<std::size_t>(stall);
}

}  // namespace

std::string_view name(Stall stall) {
    constexpr std::string_view kNames[kStalls] = {"operand_wait",
                                                  "load_use",
                                                  "bank_conflict",
                                                  "unaligned",
                                                  "store_buffer",
                                                  "multi_cycle",
                                                  "mispredict",
                                                  "fetch",
                                                  "load_miss",
                                                  "fetch_miss",
                                                  "exception"};
    return kNames[static_cast<std::size_t>(stall)];
}

std::string_view name(Unpaired reason) {
    constexpr std::string_view kNames[kUnpaired] = {"operand",
                                                    "multiplier",
                                                    "older_slot",
                                                    "shifter",
                                                    "bank_conflict",
                                                    "store",
                                                    "alone",
                                                    "branch",
                                                    "floating_point",
                                                    "blocked"};
    return kNames[static_cast<std::size_t>(reason)];
}

Timing& Timing::operator+=(const Timing& other) {
    cycles += other.cycles;
    issue_cycles += other.issue_cycles;
    dual_issues += other.dual_issues;
    instructions += other.instructions;
    for (std::size_t k = 0; k < kStalls; ++k) stalls[k] += other.stalls[k];
    for (std::size_t k = 0; k < kUnpaired; ++k) unpaired[k] += other.unpaired[k];
    branches += other.branches;
    mispredicts += other.mispredicts;
    return *this;
}

Timing operator-(Timing left, const Timing& right) {
    left.cycles -= right.cycles;
    left.issue_cycles -= right.issue_cycles;
    left.dual_issues -= right.dual_issues;
    left.instructions -= right.instructions;
    for (std::size_t k = 0; k < kStalls; ++k) left.stalls[k] -= right.stalls[k];
    for (std::size_t k = 0; k < kUnpaired; ++k) left.unpaired[k] -= right.unpaired[k];
    left.branches -= right.branches;
    left.mispredicts -= right.mispredicts;
    return left;
}

// Calls are a good part of what a remembered block costs: those on its way are inlined.
struct Pipeline::State final : Engine::Watcher {
    State(const Core& core, const Board* board, Replay replay);

    void run(const BlockRun& run);
    void drain();
    Timing timing();

    [[gnu::always_inline]] void describe(const BlockRun& run, const Compiled& code);
    void describe_accesses(const BlockRun& run, const Compiled& code);
    [[gnu::always_inline]] bool describe_groups(const BlockRun& run, const Compiled& code);
    void find_accesses(const Compiled& code);
    void describe_divides(const BlockRun& run, const Compiled& code);

    Compiled& compiled(const Block& block) {
        if (block.number != 0 && block.number < places.size()) {
            Compiled* const known = places[block.number];
            if (known != nullptr && known->block == &block) return *known;
        }
        return compile_new(block);
    }

    Compiled& compile_new(const Block& block);
    void touch_memory(const Compiled& code, const std::int16_t* offsets);
    void enter_line(const CodeLine& line, std::uint64_t when, bool sequential);
    void access(const Compiled& code, std::size_t index, std::uint64_t when);

    std::uint64_t cycles() const {
        return now(memo.is_current() ? memo.clock() : engine.flight.next);
    }

    std::uint64_t now(Cycle cycle) const { return static_cast<std::uint64_t>(cycle) + frozen; }

    bool in_tcm(std::uint32_t address) const { return tcm[address >> kTcmBlockBits] != 0; }

    void before(std::size_t index) override;
    void after(std::size_t index, Cycle issued) override;
    void closed(Unpaired reason) override;
    void tell(std::size_t index);

    // Accesses of a block that keep their distance from the first of them.
    struct Group {
        std::uint16_t first = 0;         // places among the block's accesses
        std::uint16_t members_from = 0;  // among the members of all groups
        std::uint16_t members = 0;
        std::uint8_t bits = 4;  // of the first one's address, that decide banks and alignments
        bool stores = false;
        std::int32_t least = 0;  // distances
        std::int32_t most = 0;
    };

    struct Groups {
        bool known = false;
        bool usable = false;
        std::uint32_t constants_still = 0;  // the first group costs nothing under this number
        std::vector<Group> list;            // the first: accesses at constant addresses
        std::vector<std::uint16_t> members;
    };

    static void group_accesses(const BlockRun& run, const Compiled& code, Groups& groups);
    [[gnu::always_inline]] bool are_still(const Groups& groups,
                                          const Group& group,
                                          const Access* accesses,
                                          const Compiled& code) const;

    Engine engine;
    BranchPredictor predictor;
    const bool memoises;
    MemorySystem* memory = nullptr;
    std::vector<std::uint8_t> tcm;  // by block of addresses
    std::deque<Compiled> blocks;
    std::vector<Compiled*>
        places;  // of blocks, by number; a block without a number is compiled anew

    std::uint32_t expected_address = kNowhere;
    bool continues = false;   // the block follows the one before in memory
    bool code_there = false;  // the instruction side has taken no line in since the block last ran
    std::vector<std::uint32_t> generations;  // per block: the instruction side's when it last ran
    std::uint64_t frozen = 0;
    std::array<std::uint64_t, kStalls> freezes{};
    std::uint64_t exception_untold = 0;  // what the listener will hear with the next instruction
    Execution execution;

    // Accesses that cost nothing the last time, by line and direction.
    struct Still {
        std::uint32_t tag = ~0u;
        std::uint32_t number = 0;
    };

    const MemorySystem::Stillness* stillness = nullptr;
    std::array<Still, kStills> stills{};
    std::vector<Groups> grouped;  // by block number
    bool data_still = false;      // no access of the block costs anything or changes anything
    const std::uint32_t* generation = nullptr;

    Memo memo;  // while it is current, the engine's flight is stale

    // For the listener: how things stood before the instruction, and which groups were closed at what instruction count.
    struct Before {
        Timing totals;
        std::uint64_t cycles = 0;
        std::array<std::uint64_t, kStalls> freezes{};
        bool open = false;
    };

    IssueListener* listener = nullptr;
    const Compiled* running = nullptr;
    std::size_t line = 0;
    std::size_t place = 0;
    Before told_before;
    std::array<Unpaired, 2> closed_for{};
    std::array<std::uint64_t, 2> closed_at{~0ull, ~0ull};
};

Pipeline::State::State(const Core& core, const Board* board, Replay replay)
    : engine(core),
      predictor(core.parameters),
      memoises(replay == Replay::Memoised),
      tcm(std::size_t{1} << (32 - kTcmBlockBits), 0),
      memo(engine) {
    if (board != nullptr) {
        for (const Region& region : board->regions) {
            if (region.kind != MemoryKind::Itcm && region.kind != MemoryKind::Dtcm) continue;
            std::fill_n(tcm.begin() + (region.address >> kTcmBlockBits),
                        (region.bytes + (1u << kTcmBlockBits) - 1) >> kTcmBlockBits,
                        std::uint8_t{1});
        }
    }
    drain();
}

Compiled& Pipeline::State::compile_new(const Block& block) {
    if (block.number >= places.size()) {
        places.resize(std::max<std::size_t>(block.number + 1, 2 * places.size()));
        generations.resize(places.size(), 0);
        grouped.resize(places.size());
    }
    if (places[block.number] == nullptr) places[block.number] = &blocks.emplace_back();
    Compiled& code = *places[block.number];
    if (block.number == 0 || code.block != &block) {
        memo.forget(block.number);
        generations[block.number] = 0;
        grouped[block.number] = {};
        code = compile(engine.core, block);
        if (code.branch != BranchKind::None)
            code.site = predictor.site(block.instructions.back().address);
    }
    return code;
}

// From what the machine saw to what the pipeline asks.
inline void Pipeline::State::describe(const BlockRun& run, const Compiled& code) {
    const std::size_t accesses = code.memory.size();
    if (execution.addresses.size() < accesses) {
        execution.addresses.resize(accesses);
        execution.tcm.resize(accesses);
    }
    execution.next_address = run.next_address;
    if (!run.whole || !describe_groups(run, code)) describe_accesses(run, code);
    if (!code.divides.empty() || !execution.divides.empty()) describe_divides(run, code);
    execution.branch = 0;
    if (code.branch != BranchKind::None && !code.ops.empty()) {
        const bool executed = run.executed.empty() || run.executed[code.ops.size() - 1] != 0;
        execution.branch = predictor.outcome(code, run.next_address, executed);
    }
}

// Which accesses of a block stay at the same distance from each other: those off one base register that nothing but
// constants is added to in between. How far they lie apart, an execution shows.
void Pipeline::State::group_accesses(const BlockRun& run, const Compiled& code, Groups& groups) {
    groups.known = true;
    groups.usable = true;
    std::vector<std::vector<std::uint16_t>> found(1);
    std::array<std::size_t, kRegisters> group_of{};  // 0: none
    std::uint16_t place = 0;
    for (const Instruction& instruction : run.block->instructions) {
        if (instruction.memory != sim::Memory::None) {
            int base = -1;
            bool indexed = false;
            for (const Read& read : instruction.reads) {
                if (read.role == Role::Base) base = read.reg;
                if (read.role == Role::Index) indexed = true;
            }
            const bool skips = instruction.conditional && instruction.branch == BranchKind::None;
            if (skips || (base < 0 && indexed)) groups.usable = false;
            std::size_t group = base < 0 || indexed ? 0 : group_of[static_cast<std::size_t>(base)];
            if (base >= 0 && group == 0) {
                group = found.size();
                found.emplace_back();
                if (!indexed) group_of[static_cast<std::size_t>(base)] = group;
            }
            found[group].push_back(place++);
        }
        for (const Register reg : instruction.writes) group_of[reg] = 0;
    }
    for (const std::vector<std::uint16_t>& members : found) {
        Group group;
        group.members_from = static_cast<std::uint16_t>(groups.members.size());
        group.members = static_cast<std::uint16_t>(members.size());
        group.first = members.empty() ? 0 : members.front();
        for (const std::uint16_t member : members) {
            groups.members.push_back(member);
            const MemoryOp& op = code.memory[member];
            const auto distance = static_cast<std::int32_t>(run.accesses[member].address -
                                                            run.accesses[group.first].address);
            group.least = std::min(group.least, distance);
            group.most = std::max(group.most, distance);
            if (op.within != 0 || distance % 4 != 0) group.bits = 7;
            if (op.store) group.stores = true;
        }
        const bool constant = groups.list.empty();
        if (!constant && group.most - group.least > kMostApart) groups.usable = false;
        groups.list.push_back(group);
    }
}

// Where each memory instruction went once. False where the accesses have to be looked at one by one.
inline bool Pipeline::State::describe_groups(const BlockRun& run, const Compiled& code) {
    Groups& groups = grouped[run.block->number];
    if (!groups.known) group_accesses(run, code, groups);
    if (!groups.usable) return false;
    const Access* const accesses = run.accesses.data();
    bool free = memory == nullptr ||
                (stillness != nullptr && cycles() >= stillness->quiet_from + kOpenGroup);
    std::uint64_t key = kGrouped;
    std::uint64_t recent = 0;
    std::size_t in_recent = 0;
    for (std::size_t g = 1; g < groups.list.size(); ++g) {
        const Group& group = groups.list[g];
        const std::uint32_t first = accesses[group.first].address;
        const std::uint32_t low =
            (first + static_cast<std::uint32_t>(group.least)) >> kTcmBlockBits;
        const std::uint32_t high =
            (first + static_cast<std::uint32_t>(group.most)) >> kTcmBlockBits;
        const std::uint8_t coupled = tcm[low];
        if (low != high && coupled != tcm[high]) return false;
        recent = recent << 4 | (first & group.bits) | (group.stores ? coupled << 3 : 0);
        if (++in_recent == kKeyAccesses) {
            key = (key ^ recent) * kMix;
            key ^= key >> 29;
            recent = in_recent = 0;
        }
        if (free && memory != nullptr && coupled == 0)
            free = are_still(groups, group, accesses, code);
    }
    if (free && memory != nullptr && groups.constants_still != stillness->number) {
        free = are_still(groups, groups.list.front(), accesses, code);
        if (free) groups.constants_still = stillness->number;
    }
    execution.key = key ^ recent;
    data_still = free;
    execution.accesses = accesses;
    return true;
}

inline bool Pipeline::State::are_still(const Groups& groups,
                                       const Group& group,
                                       const Access* accesses,
                                       const Compiled& code) const {
    for (std::size_t k = 0; k < group.members; ++k) {
        const std::uint16_t member = groups.members[group.members_from + k];
        const MemoryOp& op = code.memory[member];
        const std::uint32_t address = accesses[member].address;
        const std::uint32_t tag = address >> kLineBits << 1 | (op.store ? 1u : 0u);
        const Still& known = stills[tag % kStills];
        const bool still = known.tag == tag && known.number == stillness->number &&
                           address % kLine + op.bytes <= kLine;
        if (!still && !in_tcm(address)) return false;
    }
    return true;
}

// What the engine and the memory want to know of accesses that were looked at in groups.
void Pipeline::State::find_accesses(const Compiled& code) {
    if (execution.accesses == nullptr) return;
    for (std::size_t k = 0; k < code.memory.size(); ++k) {
        execution.addresses[k] = execution.accesses[k].address;
        execution.tcm[k] = in_tcm(execution.addresses[k]);
    }
    execution.accesses = nullptr;
}

void Pipeline::State::describe_accesses(const BlockRun& run, const Compiled& code) {
    const Access* access = run.accesses.data();
    const Access* const end = access + run.accesses.size();
    std::uint64_t key = 0;
    std::uint64_t recent = 0;
    for (std::size_t k = 0; k < code.memory.size(); ++k) {
        const MemoryOp& op = code.memory[k];
        while (access != end && access->instruction < op.op) ++access;
        const bool happened = access != end && access->instruction == op.op;
        const std::uint32_t address = happened ? access->address : Execution::kNotExecuted;
        const bool coupled = in_tcm(address);
        execution.addresses[k] = address;
        execution.tcm[k] = coupled;
        std::uint64_t bits = (address >> 2 & 1) | ((address & op.within) != 0 ? 2u : 0u) |
                             (op.store && coupled ? 4u : 0u);
        if (!happened) bits = 8;
        recent = recent << 4 | bits;
        if (k % kKeyAccesses != kKeyAccesses - 1) continue;
        key = (key ^ recent) * kMix;
        key ^= key >> 29;
        recent = 0;
    }
    execution.key = (key ^ recent) * kMix;
    execution.key ^= execution.key >> 29;
    data_still = false;
    execution.accesses = nullptr;
}

void Pipeline::State::describe_divides(const BlockRun& run, const Compiled& code) {
    execution.divides.resize(code.divides.size());
    const Division* division = run.divisions.data();
    const Division* const divisions_end = division + run.divisions.size();
    for (std::size_t k = 0; k < code.divides.size(); ++k) {
        while (division != divisions_end && division->instruction < code.divides[k]) ++division;
        const bool known = division != divisions_end && division->instruction == code.divides[k];
        execution.divides[k] =
            static_cast<std::uint8_t>(engine.divide_cycles(code.ops[code.divides[k]],
                                                           known ? division->dividend : 0,
                                                           known ? division->divisor : 0));
    }
}

void Pipeline::State::run(const BlockRun& block_run) {
    const Compiled& code = compiled(*block_run.block);
    describe(block_run, code);
    const std::uint32_t address = block_run.block->address;
    const bool redirected = address != expected_address;
    continues = !redirected && continues;
    code_there = generation != nullptr && generations[block_run.block->number] == *generation;
    if (listener != nullptr || !memoises) {
        if (memo.is_current()) memo.end(address);
        if (redirected) engine.restart_fetch(address);
        find_accesses(code);
        running = &code;
        line = place = 0;
        const bool watched = listener != nullptr || memory != nullptr;
        engine.run(code, execution, watched ? this : nullptr);
    } else {
        if (!memo.is_current()) memo.begin(address);
        if (redirected) memo.redirect(address);
        std::uint32_t outcome = memo.find(code, execution);
        if (outcome == Memo::kNothing) {
            find_accesses(code);
            outcome = memo.learn(code, execution);
        }
        if (memory != nullptr && !(code_there && data_still)) {
            find_accesses(code);
            touch_memory(code, memo.offsets(outcome));
        }
        memo.take(outcome, execution);
    }
    if (generation != nullptr) generations[block_run.block->number] = *generation;
    const bool taken = (execution.branch & kTaken) != 0;
    continues = !taken;
    const bool known = taken || block_run.next_address == code.fall_through;
    expected_address = known ? block_run.next_address : kNowhere;
}

// In program order; a line of code comes before the first instruction in it.
void Pipeline::State::touch_memory(const Compiled& code, const std::int16_t* offsets) {
    const Cycle entry = memo.clock();
    const std::size_t accesses = code.memory.size();
    if (code_there) {
        for (std::size_t k = 0; k < accesses; ++k) access(code, k, now(entry + offsets[k]));
        return;
    }
    std::size_t l = 0;
    for (std::size_t k = 0; k <= accesses; ++k) {
        const std::size_t until = k < accesses ? code.memory[k].op : code.ops.size();
        for (; l < code.lines.size() && code.lines[l].op <= until; ++l)
            enter_line(code.lines[l], now(entry + offsets[accesses + l]), l > 0 || continues);
        if (k < accesses) access(code, k, now(entry + offsets[k]));
    }
}

void Pipeline::State::enter_line(const CodeLine& code_line, std::uint64_t when, bool sequential) {
    const std::uint32_t lost = memory->fetch(code_line.address, code_line.bytes, when, sequential);
    frozen += lost;
    freezes[at(Stall::FetchMiss)] += lost;
}

void Pipeline::State::access(const Compiled& code, std::size_t index, std::uint64_t when) {
    const std::uint32_t address = execution.addresses[index];
    if (address == Execution::kNotExecuted || execution.tcm[index] != 0) return;
    const MemoryOp& op = code.memory[index];
    const std::uint32_t tag = address >> kLineBits << 1 | (op.store ? 1u : 0u);
    Still& known = stills[tag % kStills];
    if (stillness != nullptr && known.tag == tag && known.number == stillness->number &&
        when >= stillness->quiet_from && address % kLine + op.bytes <= kLine)
        return;
    const std::uint32_t lost =
        op.store ? memory->store(address, op.bytes, when) : memory->load(address, op.bytes, when);
    if (lost != 0) {
        freezes[at(op.store ? Stall::StoreBuffer : Stall::LoadMiss)] += lost;
        frozen += lost;
    } else if (stillness != nullptr && when >= stillness->quiet_from &&
               address % kLine + op.bytes <= kLine) {
        known = {tag, stillness->number};
    }
}

Timing Pipeline::State::timing() {
    memo.settle();
    Timing timing = engine.totals;
    timing.cycles = cycles();
    for (std::size_t k = 0; k < kStalls; ++k) timing.stalls[k] += freezes[k];
    const bool open = memo.is_current() ? memo.open() : engine.flight.open;
    if (open) ++timing.unpaired[static_cast<std::size_t>(Unpaired::Blocked)];
    return timing;
}

void Pipeline::State::drain() {
    if (memo.is_current()) memo.end(0);
    engine.drain();
    expected_address = kNowhere;
}

void Pipeline::State::closed(Unpaired reason) {
    closed_for[engine.totals.instructions & 1] = reason;
    closed_at[engine.totals.instructions & 1] = engine.totals.instructions;
}

void Pipeline::State::before(std::size_t index) {
    if (listener != nullptr) {
        told_before = {
            engine.totals, now(engine.flight.next) - exception_untold, freezes, engine.flight.open};
        told_before.freezes[at(Stall::Exception)] -= exception_untold;
        exception_untold = 0;
    }
    if (memory == nullptr || !running->ops[index].enters_line) return;
    const Flight& flight = engine.flight;
    const Cycle when = flight.open ? flight.group : flight.next;
    if (!code_there) enter_line(running->lines[line], now(when), line > 0 || continues);
    ++line;
}

void Pipeline::State::after(std::size_t index, Cycle issued) {
    const Op& op = running->ops[index];
    if (memory != nullptr && (op.load || op.store)) access(*running, place++, now(issued));
    if (listener != nullptr) tell(index);
}

// Everything that has changed since before the instruction is its doing.
void Pipeline::State::tell(std::size_t index) {
    const Before& before = told_before;
    const Timing& totals = engine.totals;
    Issue issue;
    issue.block = running->block;
    issue.index = static_cast<std::uint16_t>(index);
    issue.younger = totals.dual_issues != before.totals.dual_issues;
    issue.end = now(engine.flight.next);
    issue.cycles = static_cast<std::uint32_t>(issue.end - before.cycles);
    for (std::size_t k = 0; k < kStalls; ++k)
        issue.stalls[k] = static_cast<std::uint32_t>(totals.stalls[k] - before.totals.stalls[k] +
                                                     freezes[k] - before.freezes[k]);
    const auto closed_with = [&](std::uint64_t instructions) -> std::optional<Unpaired> {
        if (closed_at[instructions & 1] != instructions) return std::nullopt;
        return closed_for[instructions & 1];
    };
    if (before.open) issue.refused = closed_with(before.totals.instructions);
    issue.alone = closed_with(totals.instructions);
    listener->on_issue(issue);
}

Pipeline::Pipeline(const Core& core, const Board* board, Replay replay)
    : state_(std::make_unique<State>(core, board, replay)) {
}

Pipeline::~Pipeline() = default;
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

void Pipeline::set_memory(MemorySystem* memory) {
    state_->memory = memory;
    state_->stillness = memory == nullptr ? nullptr : memory->stillness();
    state_->generation = memory == nullptr ? nullptr : memory->fetch_generation();
    state_->stills.fill({});
    for (State::Groups& groups : state_->grouped) groups.constants_still = 0;
    std::fill(state_->generations.begin(), state_->generations.end(), 0);
}

void Pipeline::run(const BlockRun& block_run) {
    state_->run(block_run);
}

void Pipeline::take_exception(std::uint64_t cycles) {
    state_->frozen += cycles;
    state_->freezes[at(Stall::Exception)] += cycles;
    if (state_->listener != nullptr) state_->exception_untold += cycles;
}

void Pipeline::drain() {
    state_->drain();
}

void Pipeline::set_listener(IssueListener* listener) {
    state_->listener = listener;
}

std::uint64_t Pipeline::cycles() const {
    return state_->cycles();
}

Timing Pipeline::timing() const {
    return state_->timing();
}

}  // namespace mixq::sim
