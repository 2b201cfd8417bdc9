// Issues instructions in order, two at a time where the core's rules let it, and names every cycle in which nothing issued.
#include "sim/pipeline.h"

#include <algorithm>
#include <bit>
#include <unordered_map>
#include <vector>

#include "sim/board.h"
#include "sim/cores/core.h"
#include "sim/issue.h"

namespace mixq::sim {

namespace {

using Cycle = std::int64_t;

constexpr std::uint8_t kFlagsRegister = kRegisters;  // the condition flags, as one more register
constexpr std::size_t kScoreboard = 64;              // registers, flags; a power of two
constexpr std::size_t kRecentStores = 8;

enum class Kind : std::uint8_t { Plain, Memory, Divide, Branch, MemoryBranch };

struct OperandRead {
    std::uint8_t reg;
    std::uint8_t operand;
};

// One instruction, boiled down to what the engine asks per execution.
struct Op {
    std::uint32_t traits = 0;
    std::uint32_t denies = 0;  // traits a younger one may not have beside it
    std::uint16_t first_read = 0;
    std::uint16_t first_write = 0;
    std::uint8_t reads = 0;
    std::uint8_t writes = 0;
    std::uint8_t base_update = 0xff;
    std::uint8_t result = 0;
    std::uint8_t early = 0;  // EarlyAlu
    std::uint8_t issue = 1;  // issue cycles
    std::uint8_t block = 1;  // cycles the pipe is held
    std::uint8_t bytes = 0;  // of one access
    Kind kind = Kind::Plain;
    bool writes_flags = false;
    bool even_multiple_store = false;
    bool divides_signed = false;
    bool load = false;
    bool store = false;
    std::uint32_t end_chunk = 0;  // the fetch chunk of its last byte
};

struct BranchSite {
    std::uint32_t address = 0;
    std::uint32_t last_target = 0;
    std::int8_t counter = -1;  // two bits; -1: not met yet
};

// Everything that stays the same between runs of a block.
struct Compiled {
    const Block* block = nullptr;
    std::vector<Op> ops;
    std::vector<OperandRead> reads;
    std::vector<std::uint8_t> writes;
    // Of the last instruction, where it branches.
    BranchKind branch = BranchKind::None;
    bool conditional = false;
    std::uint8_t compared = 0xff;  // register of CBZ and CBNZ
    std::uint32_t fall_through = 0;
    std::uint32_t target = 0;
    std::uint32_t site = 0;
};

struct Scoreboard {
    Cycle issued = 0;
    std::uint8_t result = 0;  // Result
};

struct TcmRange {
    std::uint32_t address;
    std::uint32_t bytes;
};

bool is_load(std::uint8_t result) {
    return result == static_cast<std::uint8_t>(Result::WordLoad) ||
           result == static_cast<std::uint8_t>(Result::NarrowLoad) ||
           result == static_cast<std::uint8_t>(Result::FpLoad);
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
                                                  "fetch"};
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

struct Pipeline::State {
    State(const Core& core_description, const Board* board);

    const Compiled& compiled(const Block& block);
    void compile(const Block& block, Compiled& out);
    void compile_op(const Instruction& instruction, Compiled& out);
    std::uint32_t branch_site(std::uint32_t address);

    void run(const BlockRun& run);
    void tell(const Block& block, std::size_t index);
    void drain();
    void close_group(Unpaired reason);
    void lose(Stall stall, Cycle cycles);
    void restart_fetch(std::uint32_t address);
    void fetch_next(std::uint32_t chunk);
    Cycle fetch(std::uint32_t chunk);
    bool in_mac_shadow(Cycle at) const;
    int divide_cycles(const Op& op, const Division* division) const;
    Unpaired reason_of(std::uint32_t conflict, std::uint32_t older) const;
    bool bank_conflict(const Op& op, std::uint32_t address, bool unaligned) const;
    Cycle issue(const Op& op, const Compiled& code, const Access* access);
    Cycle operands_ready(const Op& op, const Compiled& code, Stall& why) const;
    bool runs_early(const Op& op, const Compiled& code, Cycle at, bool younger) const;
    Cycle memory_ready(const Op& op, const Access& access, Cycle ready, Stall& why);
    void note_access(const Op& op, const Access& access, Cycle at, bool younger, bool unaligned);
    void write_results(const Op& op, const Compiled& code, Cycle at, Result result, Cycle late);
    void branch(const Compiled& code, Cycle at, std::uint32_t next_address, bool executed);
    bool predict_target(const Compiled& code, BranchSite& site, std::uint32_t target);
    bool predict_direction(const Compiled& code, BranchSite& site, bool taken);
    bool in_tcm(std::uint32_t address) const;

    const Core& core;
    const Parameters parameters;
    std::vector<TcmRange> tcm;
    std::array<std::array<std::uint8_t, kOperands>, kResults> distance{};

    std::vector<Compiled> blocks;
    std::unordered_map<std::uint32_t, std::uint32_t> sites_by_address;
    std::vector<BranchSite> sites;
    std::vector<std::uint32_t> btac;  // branch addresses, direct-mapped; empty: unlimited
    std::vector<std::uint32_t> return_stack;

    std::array<Scoreboard, kScoreboard> scoreboard{};
    Cycle next = 0;     // the first cycle in which a new group may issue
    bool open = false;  // the group of cycle `group` has one instruction and may take another
    Cycle group = 0;
    std::uint32_t older_traits = 0;
    std::uint32_t older_denies = 0;
    std::uint32_t older_address = 0;
    bool older_accessed = false;
    bool older_unaligned = false;
    const Op* older_early_shift =
        nullptr;  // a plain shift in the early ALU: gives way to an inline shift
    const Compiled* older_code = nullptr;

    // Fetch: the chunk fetched last, when it was there, and when the issue stage was done with those before it.
    std::uint32_t fetched_chunk = 0;
    Cycle fetched_at = 0;
    std::vector<Cycle> released;
    std::size_t release_slot = 0;

    Cycle fp_mac_at = -1;
    Cycle fp_mac_shadow = -1;         // last cycle in the shadow of the last FP MAC
    Cycle fp_mac_shadow_before = -1;  // and of those before it
    std::uint32_t expected_address = 0;
    std::array<Cycle, 2> bank_free{};
    std::vector<Cycle> store_queue;  // when each of the last entries has left
    std::size_t store_slot = 0;
    Cycle store_last = 0;
    std::array<std::uint32_t, kRecentStores> stored_word{};
    std::array<Cycle, kRecentStores> stored_at{};
    std::size_t stored_slot = 0;
    Cycle last_store = -1000;

    // For the listener: how things stood before the instruction, and which groups were closed at what instruction count.
    struct Before {
        Timing totals;
        Cycle next = 0;
        bool open = false;
    };

    IssueListener* listener = nullptr;
    Before told_before;
    std::array<Unpaired, 2> closed_for{};
    std::array<std::uint64_t, 2> closed_at{~0ull, ~0ull};

    Timing totals;
    Cycle origin = 0;  // cycles that drains threw away are not part of the total
};

Pipeline::State::State(const Core& core_description, const Board* board)
    : core(core_description), parameters(core_description.parameters) {
    for (int from = 0; from < kResults; ++from) {
        for (int to = 0; to < kOperands; ++to) {
            distance[from][to] = static_cast<std::uint8_t>(
                issue_distance(core, static_cast<Result>(from), static_cast<Operand>(to)));
        }
    }
    if (board != nullptr) {
        for (const Region& region : board->regions) {
            if (region.kind == MemoryKind::Itcm || region.kind == MemoryKind::Dtcm) {
                tcm.push_back({region.address, region.bytes});
            }
        }
    }
    released.assign(std::max(1, parameters.fetch_queue), 0);
    store_queue.assign(std::max(1, parameters.tcm_store_queue), 0);
    btac.assign(parameters.btac_entries, 0);
    drain();
}

const Compiled& Pipeline::State::compiled(const Block& block) {
    if (block.number >= blocks.size())
        blocks.resize(std::max<std::size_t>(block.number + 1, 2 * blocks.size()));
    Compiled& code = blocks[block.number];
    if (block.number == 0 || code.block != &block) compile(block, code);
    return code;
}

void Pipeline::State::compile(const Block& block, Compiled& out) {
    out = Compiled{};
    for (const Instruction& instruction : block.instructions) compile_op(instruction, out);
    out.block = &block;
    out.fall_through = block.address + block.size;
    if (block.instructions.empty()) return;
    const Instruction& last = block.instructions.back();
    out.branch = last.branch;
    out.conditional = last.conditional;
    out.target = last.target;
    if (last.mnemonic == "cbz" || last.mnemonic == "cbnz") {
        out.conditional = true;
        if (!last.reads.empty()) out.compared = last.reads.front().reg;
    }
    if (out.branch != BranchKind::None) out.site = branch_site(last.address);
}

void Pipeline::State::compile_op(const Instruction& instruction, Compiled& out) {
    const Row& row = row_of(core, instruction);
    Op op;
    op.traits = traits_of(row, instruction);
    op.denies = denied_by(core, op.traits);
    op.result = static_cast<std::uint8_t>(result_of(row, instruction));
    op.early = static_cast<std::uint8_t>(early_of(row, instruction));
    op.issue = static_cast<std::uint8_t>(issue_cycles(core, instruction));
    op.block = static_cast<std::uint8_t>(row.cycles);
    op.bytes = instruction.access_bytes;
    op.writes_flags = instruction.writes_flags;
    op.load = instruction.memory == Memory::Load;
    op.store = instruction.memory == Memory::Store;
    const bool list = instruction.multiple && instruction.mnemonic != "strd";
    op.even_multiple_store = op.store && list && instruction.access_count % 2 == 0;
    op.divides_signed = instruction.mnemonic == "sdiv";
    op.end_chunk = (instruction.address + instruction.size - 1) / parameters.fetch_bytes;
    const bool branches = instruction.branch != BranchKind::None;
    if (op.load || op.store) {
        op.kind = branches ? Kind::MemoryBranch : Kind::Memory;
    } else if (branches) {
        op.kind = Kind::Branch;
    } else if (instruction.mnemonic == "sdiv" || instruction.mnemonic == "udiv") {
        op.kind = Kind::Divide;
    }

    op.first_read = static_cast<std::uint16_t>(out.reads.size());
    for (const Read& read : instruction.reads) {
        if (read.reg == kPc) continue;
        out.reads.push_back({read.reg, static_cast<std::uint8_t>(operand_of(row, read.role))});
    }
    // A predicted branch does not wait for its flags: only its outcome is checked against them.
    if (instruction.reads_flags && !branches) {
        out.reads.push_back({kFlagsRegister, static_cast<std::uint8_t>(Operand::Flags)});
    }
    op.reads = static_cast<std::uint8_t>(out.reads.size() - op.first_read);
    op.first_write = static_cast<std::uint16_t>(out.writes.size());
    for (const Register reg : instruction.writes) {
        if (reg != kPc) out.writes.push_back(reg);
    }
    op.writes = static_cast<std::uint8_t>(out.writes.size() - op.first_write);
    if (!instruction.base_update.empty()) op.base_update = instruction.base_update.front();
    out.ops.push_back(op);
}

std::uint32_t Pipeline::State::branch_site(std::uint32_t address) {
    const auto [entry, added] =
        sites_by_address.try_emplace(address, static_cast<std::uint32_t>(sites.size()));
    if (added) sites.push_back({address, 0, -1});
    return entry->second;
}

bool Pipeline::State::in_tcm(std::uint32_t address) const {
    for (const TcmRange& range : tcm) {
        if (address - range.address < range.bytes) return true;
    }
    return false;
}

void Pipeline::State::lose(Stall stall, Cycle cycles) {
    totals.stalls[static_cast<std::size_t>(stall)] += static_cast<std::uint64_t>(cycles);
    next += cycles;
}

void Pipeline::State::close_group(Unpaired reason) {
    if (!open) return;
    open = false;
    ++totals.unpaired[static_cast<std::size_t>(reason)];
    if (listener == nullptr) return;
    closed_for[totals.instructions & 1] = reason;
    closed_at[totals.instructions & 1] = totals.instructions;
}

// The right path begins here, and its first chunk is there.
void Pipeline::State::restart_fetch(std::uint32_t address) {
    fetched_chunk = address / parameters.fetch_bytes;
    fetched_at = next;
}

// Chunks arrive one per cycle as long as the queue has room: each waits for the release of the one a queue's length before.
void Pipeline::State::fetch_next(std::uint32_t chunk) {
    released[release_slot] = open ? group : next;
    release_slot = release_slot + 1 == released.size() ? 0 : release_slot + 1;
    fetched_chunk = chunk;
    fetched_at = std::max(fetched_at + 1, released[release_slot]);
}

// When the chunk in which an instruction ends is there.
Cycle Pipeline::State::fetch(std::uint32_t chunk) {
    while (fetched_chunk != chunk) fetch_next(fetched_chunk + 1);
    return fetched_at;
}

// For some cycles after an FP MAC other FP operations are held back; its own cycle is not one of them.
bool Pipeline::State::in_mac_shadow(Cycle at) const {
    return (fp_mac_at < at ? fp_mac_shadow : fp_mac_shadow_before) >= at;
}

Cycle Pipeline::State::operands_ready(const Op& op, const Compiled& code, Stall& why) const {
    Cycle ready = 0;
    std::uint8_t from = 0;
    const OperandRead* read = code.reads.data() + op.first_read;
    for (int k = 0; k < op.reads; ++k, ++read) {
        const Scoreboard& entry = scoreboard[read->reg];
        const Cycle at = entry.issued + distance[entry.result][read->operand];
        if (at > ready) {
            ready = at;
            from = entry.result;
        }
    }
    why = is_load(from) ? Stall::LoadUse : Stall::OperandWait;
    return ready;
}

// Early where all inputs are there for EX1, late otherwise: decided as the group forms.
bool Pipeline::State::runs_early(const Op& op, const Compiled& code, Cycle at, bool younger) const {
    const auto when = static_cast<EarlyAlu>(op.early);
    if (when == EarlyAlu::Never) return false;
    if (younger && (when == EarlyAlu::OlderSlot || (older_traits & kShiftsInline))) return false;
    const OperandRead* read = code.reads.data() + op.first_read;
    for (int k = 0; k < op.reads; ++k, ++read) {
        const Scoreboard& entry = scoreboard[read->reg];
        if (entry.issued + distance[entry.result][static_cast<std::size_t>(Operand::Early)] > at)
            return false;
    }
    return true;
}

Unpaired Pipeline::State::reason_of(std::uint32_t conflict, std::uint32_t older) const {
    if ((conflict & kAnyOp) || (conflict & kIssuesAlone)) return Unpaired::Alone;
    if (conflict & kMultiplies) return Unpaired::Multiplier;
    if (conflict & kStores) return (older & kMultiplies) ? Unpaired::Multiplier : Unpaired::Store;
    if (conflict & kBranches) return Unpaired::Branch;
    if (conflict & kFpArithmetic) return Unpaired::FloatingPoint;
    if (conflict & kOlderSlotOnly) return Unpaired::OlderSlot;
    return Unpaired::Shifter;
}

// Two loads pair where they touch different banks: words of different parity. One that is not aligned touches both.
bool Pipeline::State::bank_conflict(const Op& op, std::uint32_t address, bool unaligned) const {
    if (!op.load || !older_accessed || !(older_traits & kLoads)) return false;
    if (unaligned || older_unaligned) return false;
    return ((older_address ^ address) & 4) == 0;
}

// Stores to tightly coupled memory wait for room in the queue, loads for a store to the same word.
Cycle Pipeline::State::memory_ready(const Op& op, const Access& access, Cycle ready, Stall& why) {
    if (op.store && !tcm.empty() && in_tcm(access.address)) {
        const Cycle room = store_queue[store_slot];
        if (room > ready) {
            ready = room;
            why = Stall::StoreBuffer;
        }
    }
    if (op.load && last_store + parameters.store_to_load > ready) {
        for (std::size_t k = 0; k < kRecentStores; ++k) {
            const Cycle at = stored_at[k] + parameters.store_to_load;
            if (at > ready && ((stored_word[k] ^ access.address) >> 2) == 0) {
                ready = at;
                why = Stall::StoreBuffer;
            }
        }
    }
    return ready;
}

void Pipeline::State::note_access(
    const Op& op, const Access& access, Cycle at, bool younger, bool unaligned) {
    if (op.store) {
        stored_word[stored_slot] = access.address;
        stored_at[stored_slot] = at;
        stored_slot = (stored_slot + 1) % kRecentStores;
        last_store = at;
        if (!tcm.empty() && in_tcm(access.address)) {
            // Bytes and half-words are read, merged and written: the bank is theirs meanwhile.
            const bool narrow = op.bytes < 4 || unaligned;
            const Cycle occupied = narrow ? parameters.tcm_narrow_store : 1;
            const std::size_t bank = (access.address >> 2) & 1;
            Cycle start = std::max(bank_free[bank], at);
            if (unaligned) start = std::max(start, bank_free[bank ^ 1]);
            bank_free[bank] = start + occupied;
            if (unaligned) bank_free[bank ^ 1] = start + occupied;
            store_last = std::max(store_last, start + occupied);  // entries leave in order
            store_queue[store_slot] = store_last;
            store_slot = store_slot + 1 == store_queue.size() ? 0 : store_slot + 1;
        }
    }
    if (!op.load) return;
    if (unaligned) {
        const bool beside_aligned_load =
            younger && older_accessed && (older_traits & kLoads) && !older_unaligned;
        int extra = younger ? parameters.unaligned_load_younger : parameters.unaligned_load_older;
        if (younger && older_unaligned) extra -= parameters.unaligned_load_older;
        if (beside_aligned_load && ((older_address ^ access.address) & 4) == 0) --extra;
        lose(Stall::Unaligned, extra);
    }
}

void Pipeline::State::write_results(
    const Op& op, const Compiled& code, Cycle at, Result result, Cycle late) {
    const std::uint8_t* reg = code.writes.data() + op.first_write;
    for (int k = 0; k < op.writes; ++k)
        scoreboard[reg[k]] = {at + late, static_cast<std::uint8_t>(result)};
    if (op.base_update != 0xff)
        scoreboard[op.base_update] = {at, static_cast<std::uint8_t>(Result::BaseUpdate)};
    if (op.writes_flags) scoreboard[kFlagsRegister] = {at, static_cast<std::uint8_t>(Result::Alu)};
}

Cycle Pipeline::State::issue(const Op& op, const Compiled& code, const Access* access) {
    Stall why = Stall::OperandWait;
    Cycle ready = operands_ready(op, code, why);
    const bool unaligned =
        access != nullptr && op.bytes > 1 && (access->address & (op.bytes - 1u) & 3u) != 0;
    if (access != nullptr) ready = memory_ready(op, *access, ready, why);
    if (fp_mac_shadow >= ready && (op.traits & kFpBlockedByMac)) {
        ready = fp_mac_shadow + 1;
        why = Stall::OperandWait;
    }
    if (parameters.fetch_queue > 0) {
        const Cycle there = fetch(op.end_chunk);
        if (there > ready) {
            ready = there;
            why = Stall::Fetch;
        }
    }

    bool younger = false;
    if (open) {
        const std::uint32_t conflict = older_denies & op.traits;
        if (ready > group) {
            close_group(why == Stall::Fetch ? Unpaired::Blocked : Unpaired::Operand);
        } else if (conflict != 0) {
            close_group(reason_of(conflict, older_traits));
        } else if (access != nullptr && bank_conflict(op, access->address, unaligned)) {
            close_group(Unpaired::BankConflict);
        } else if ((op.traits & (kFpTransfer | kFpMac)) && in_mac_shadow(group) &&
                   ((op.traits & kFpTransfer) || (older_traits & kFpTransfer))) {
            close_group(Unpaired::FloatingPoint);
        } else {
            younger = true;
        }
    }

    Cycle at = group;
    if (younger) {
        open = false;
        ++totals.dual_issues;
        if (older_early_shift != nullptr && (op.traits & kShiftsInline)) {
            // The inline shift takes the early shifter, so the older shift executes late after all.
            write_results(*older_early_shift, *older_code, group, Result::Alu, 0);
        }
    } else {
        at = std::max(next, ready);
        totals.stalls[static_cast<std::size_t>(why)] += static_cast<std::uint64_t>(at - next);
        ++totals.issue_cycles;
        group = at;
        next = at + 1;
        open = true;
    }
    ++totals.instructions;

    const bool early = runs_early(op, code, at, younger);
    const Result result = early ? Result::EarlyAlu : static_cast<Result>(op.result);
    Cycle held = op.issue - 1 + op.block - 1;
    if (op.even_multiple_store && access != nullptr && (access->address & 4)) {
        held += parameters.store_multiple_unaligned;
    }
    if (held > 0) {
        lose(Stall::MultiCycle, held);
        if (op.traits & kIssuesAlone) close_group(Unpaired::Alone);
    }
    Cycle late = held;
    if (access != nullptr) {
        const Cycle before = next;
        note_access(op, *access, at, younger, unaligned);
        late += next - before;
    }
    write_results(op, code, at, result, late);
    if (op.traits & kFpMac) {
        fp_mac_shadow_before = fp_mac_shadow;
        fp_mac_at = at;
        fp_mac_shadow = at + parameters.fp_mac_shadow;
    }
    if (!younger) {
        older_traits = op.traits;
        older_denies = op.denies;
        older_accessed = access != nullptr;
        older_address = access != nullptr ? access->address : 0;
        older_unaligned = unaligned;
        older_early_shift = early && (op.traits & kPlainShift) ? &op : nullptr;
        older_code = &code;
    }
    return at;
}

// Whether the direction was predicted; learns it.
bool Pipeline::State::predict_direction(const Compiled& code, BranchSite& site, bool taken) {
    bool known = site.counter >= 0;
    if (known && !btac.empty()) known = btac[(site.address >> 1) % btac.size()] == site.address;
    // Static prediction: backward taken, forward and indirect not.
    const bool backward = code.target != 0 && code.target <= site.address;
    if (!known) site.counter = backward ? 2 : 1;
    const bool predicted = site.counter >= 2;
    site.counter = static_cast<std::int8_t>(taken ? std::min(3, site.counter + 1)
                                                  : std::max(0, site.counter - 1));
    if (!btac.empty() && taken) btac[(site.address >> 1) % btac.size()] = site.address;
    if (!known && taken && predicted && parameters.static_taken > 0) {
        close_group(Unpaired::Branch);
        lose(Stall::Fetch, parameters.static_taken);
    }
    return predicted == taken;
}

// Whether the target of a taken branch was predicted; learns it.
bool Pipeline::State::predict_target(const Compiled& code, BranchSite& site, std::uint32_t target) {
    bool right = true;
    if (code.branch == BranchKind::Return) {
        right = !return_stack.empty() && return_stack.back() == target;
        if (!return_stack.empty()) return_stack.pop_back();
    } else if (code.target == 0) {
        right = site.last_target == target;
        site.last_target = target;
    }
    if (code.branch == BranchKind::Call) {
        return_stack.push_back(code.fall_through);
        if (return_stack.size() > static_cast<std::size_t>(parameters.return_stack_entries)) {
            return_stack.erase(return_stack.begin());
        }
    }
    return right;
}

void Pipeline::State::branch(const Compiled& code,
                             Cycle at,
                             std::uint32_t next_address,
                             bool executed) {
    ++totals.branches;
    BranchSite& site = sites[code.site];
    const bool taken = executed && (next_address != code.fall_through || !code.conditional);
    int penalty = 0;
    if (code.conditional && !predict_direction(code, site, taken)) {
        const std::uint8_t decides = code.compared != 0xff ? code.compared : kFlagsRegister;
        const bool early = at - scoreboard[decides].issued >= parameters.flags_ahead;
        penalty = early ? parameters.mispredict_early : parameters.mispredict;
    }
    if (taken && !predict_target(code, site, next_address))
        penalty = std::max(penalty, parameters.indirect_mispredict);
    if (penalty > 0) {
        ++totals.mispredicts;
        close_group(Unpaired::Branch);
        lose(Stall::Mispredict, penalty);
        restart_fetch(next_address);
    } else if (taken) {
        if (!parameters.taken_pairs_with_target) close_group(Unpaired::Branch);
        // The chunk of the target follows the branch's own without a gap.
        fetch_next(next_address / parameters.fetch_bytes);
    }
}

// Quotient bits come two per cycle, after a start; without its operands a divide takes the least.
int Pipeline::State::divide_cycles(const Op& op, const Division* division) const {
    const int least =
        parameters.divide_base + (op.divides_signed ? parameters.divide_signed_extra : 0);
    if (division == nullptr || division->divisor == 0) return least;
    const auto magnitude = [&](std::uint32_t v) {
        return op.divides_signed && (v >> 31) != 0 ? 0u - v : v;
    };
    const int bits = std::countl_zero(magnitude(division->divisor)) -
                     std::countl_zero(magnitude(division->dividend)) + 1;
    return least + std::max(0, bits / 2);
}

void Pipeline::State::run(const BlockRun& run) {
    const Compiled& code = compiled(*run.block);
    if (run.block->address != expected_address) restart_fetch(run.block->address);
    expected_address = run.next_address;
    const Access* access = run.accesses.data();
    const Access* const accesses_end = access + run.accesses.size();
    const Division* division = run.divisions.data();
    const Division* const divisions_end = division + run.divisions.size();
    const std::size_t count = code.ops.size();
    for (std::size_t k = 0; k < count; ++k) {
        const Op& op = code.ops[k];
        const Access* first = nullptr;
        while (access != accesses_end && access->instruction <= k) {
            if (first == nullptr && access->instruction == k) first = access;
            ++access;
        }
        if (listener != nullptr) told_before = {totals, next, open};
        const Cycle at = issue(op, code, first);
        if (op.kind == Kind::Divide) {
            while (division != divisions_end && division->instruction < k) ++division;
            const bool known = division != divisions_end && division->instruction == k;
            const int cycles = divide_cycles(op, known ? division : nullptr);
            close_group(Unpaired::Alone);
            lose(Stall::MultiCycle, cycles - 1);
            write_results(op, code, at, Result::Divide, cycles - 1);
        } else if (op.kind >= Kind::Branch && k + 1 == count) {
            branch(code, at, run.next_address, run.executed.empty() || run.executed[k] != 0);
        }
        if (listener != nullptr) tell(*run.block, k);
    }
}

// Everything that has changed since before the instruction is its doing.
void Pipeline::State::tell(const Block& block, std::size_t index) {
    const Before& before = told_before;
    Issue issue;
    issue.block = &block;
    issue.index = static_cast<std::uint16_t>(index);
    issue.younger = totals.dual_issues != before.totals.dual_issues;
    issue.end = static_cast<std::uint64_t>(next - origin);
    issue.cycles = static_cast<std::uint32_t>(next - before.next);
    for (std::size_t k = 0; k < kStalls; ++k)
        issue.stalls[k] = static_cast<std::uint32_t>(totals.stalls[k] - before.totals.stalls[k]);
    const auto closed = [&](std::uint64_t instructions) -> std::optional<Unpaired> {
        if (closed_at[instructions & 1] != instructions) return std::nullopt;
        return closed_for[instructions & 1];
    };
    if (before.open) issue.refused = closed(before.totals.instructions);
    issue.alone = closed(totals.instructions);
    listener->on_issue(issue);
}

void Pipeline::State::drain() {
    close_group(Unpaired::Blocked);
    // Far enough that nothing in flight reaches beyond it.
    constexpr Cycle kBeyondAll = 1000;
    next += kBeyondAll;
    origin += kBeyondAll;
    for (Scoreboard& entry : scoreboard) entry = {0, static_cast<std::uint8_t>(Result::None)};
    expected_address = ~0u;  // no instruction is at an odd address
    std::fill(released.begin(), released.end(), 0);
    fp_mac_at = fp_mac_shadow = fp_mac_shadow_before = -1;
    bank_free = {};
    std::fill(store_queue.begin(), store_queue.end(), 0);
    store_last = 0;
    stored_at.fill(-1000);
    last_store = -1000;
}

Pipeline::Pipeline(const Core& core, const Board* board)
    : state_(std::make_unique<State>(core, board)) {
}

Pipeline::~Pipeline() = default;
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

void Pipeline::run(const BlockRun& block_run) {
    state_->run(block_run);
}

void Pipeline::drain() {
    state_->drain();
}

void Pipeline::set_listener(IssueListener* listener) {
    state_->listener = listener;
}

Timing Pipeline::timing() const {
    Timing timing = state_->totals;
    timing.cycles = static_cast<std::uint64_t>(state_->next - state_->origin);
    if (state_->open) ++timing.unpaired[static_cast<std::size_t>(Unpaired::Blocked)];
    return timing;
}

}  // namespace mixq::sim
