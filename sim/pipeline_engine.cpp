// Issues instructions in order, two at a time where the core's rules let it, and names every cycle in which nothing issued.
#include "sim/pipeline_engine.h"

#include <algorithm>
#include <bit>

namespace mixq::sim {

namespace {

bool is_load(std::uint8_t result) {
    return result == static_cast<std::uint8_t>(Result::WordLoad) ||
           result == static_cast<std::uint8_t>(Result::NarrowLoad) ||
           result == static_cast<std::uint8_t>(Result::FpLoad);
}

Unpaired reason_of(std::uint32_t conflict, std::uint32_t older) {
    if ((conflict & kAnyOp) || (conflict & kIssuesAlone)) return Unpaired::Alone;
    if (conflict & kMultiplies) return Unpaired::Multiplier;
    if (conflict & kStores) return (older & kMultiplies) ? Unpaired::Multiplier : Unpaired::Store;
    if (conflict & kBranches) return Unpaired::Branch;
    if (conflict & kFpArithmetic) return Unpaired::FloatingPoint;
    if (conflict & kOlderSlotOnly) return Unpaired::OlderSlot;
    return Unpaired::Shifter;
}

std::size_t after(std::size_t slot, int size) {
    return slot + 1 >= static_cast<std::size_t>(size) ? 0 : slot + 1;
}

}  // namespace

Engine::Engine(const Core& core_description)
    : core(core_description), parameters(core_description.parameters) {
    for (int from = 0; from < kResults; ++from) {
        for (int to = 0; to < kOperands; ++to) {
            distance[from][to] = static_cast<std::uint8_t>(
                issue_distance(core, static_cast<Result>(from), static_cast<Operand>(to)));
        }
    }
}

void Engine::lose(Stall stall, Cycle cycles) {
    totals.stalls[static_cast<std::size_t>(stall)] += static_cast<std::uint64_t>(cycles);
    flight.next += cycles;
}

void Engine::close_group(Unpaired reason) {
    if (!flight.open) return;
    flight.open = false;
    ++totals.unpaired[static_cast<std::size_t>(reason)];
    if (watcher_ != nullptr) watcher_->closed(reason);
}

// The right path begins here, and its first chunk is there.
void Engine::restart_fetch(std::uint32_t address) {
    flight.fetched_chunk = address / parameters.fetch_bytes;
    flight.fetched_at = flight.next;
}

// Chunks arrive one per cycle as long as the queue has room: each waits for the release of the one a queue's length before.
void Engine::fetch_next(std::uint32_t chunk) {
    flight.released[flight.release_slot] = flight.open ? flight.group : flight.next;
    flight.release_slot = after(flight.release_slot, parameters.fetch_queue);
    flight.fetched_chunk = chunk;
    flight.fetched_at = std::max(flight.fetched_at + 1, flight.released[flight.release_slot]);
}

// When the chunk in which an instruction ends is there.
Cycle Engine::fetch(std::uint32_t chunk) {
    while (flight.fetched_chunk != chunk) fetch_next(flight.fetched_chunk + 1);
    return flight.fetched_at;
}

// For some cycles after an FP MAC other FP operations are held back; its own cycle is not one of them.
bool Engine::in_mac_shadow(Cycle at) const {
    return (flight.fp_mac_at < at ? flight.fp_mac_shadow : flight.fp_mac_shadow_before) >= at;
}

Cycle Engine::operands_ready(const Op& op, const Compiled& code, Stall& why) const {
    Cycle ready = kLongAgo;
    std::uint8_t from = 0;
    const OperandRead* read = code.reads.data() + op.first_read;
    for (int k = 0; k < op.reads; ++k, ++read) {
        const Scoreboard& entry = flight.scoreboard[read->reg];
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
bool Engine::runs_early(const Op& op, const Compiled& code, Cycle at, bool younger) const {
    const auto when = static_cast<EarlyAlu>(op.early);
    if (when == EarlyAlu::Never) return false;
    if (younger && (when == EarlyAlu::OlderSlot || (flight.older_traits & kShiftsInline)))
        return false;
    const OperandRead* read = code.reads.data() + op.first_read;
    for (int k = 0; k < op.reads; ++k, ++read) {
        const Scoreboard& entry = flight.scoreboard[read->reg];
        if (entry.issued + distance[entry.result][static_cast<std::size_t>(Operand::Early)] > at)
            return false;
    }
    return true;
}

// A load that would read its bank in the cycle in which a store writes it waits.
Cycle Engine::bank_ready(const Op& op, const Target& target, Cycle ready, Stall& why) const {
    if (!op.load || !target.tcm || op.issue > 1 || parameters.tcm_store_meets_load == 0)
        return ready;
    const Cycle earliest = std::max(ready, flight.open ? flight.group : flight.next);
    const auto& stores = flight.stored_in[(target.address >> 2) & 1];
    Cycle at = earliest;
    const auto meets = [&](Cycle issued) { return issued + parameters.tcm_store_meets_load == at; };
    while (std::any_of(stores.begin(), stores.end(), meets)) ++at;
    if (at == earliest) return ready;
    why = Stall::BankConflict;
    return at;
}

// Stores to tightly coupled memory wait for room in the queue, loads for a store to the same word.
Cycle Engine::memory_ready(const Op& op, const Target& target, Cycle ready, Stall& why) const {
    if (op.store && target.tcm) {
        const Cycle room = flight.store_queue.front();
        if (room > ready) {
            ready = room;
            why = Stall::StoreBuffer;
        }
    }
    if (op.load && flight.last_store + parameters.store_to_load > ready) {
        for (const RecentStore& store : flight.stored) {
            const Cycle at = store.at + parameters.store_to_load;
            if (at > ready && ((store.address ^ target.address) >> 2) == 0) {
                ready = at;
                why = Stall::StoreBuffer;
            }
        }
    }
    return ready;
}

void Engine::note_store(const Op& op, const Target& target, Cycle at) {
    flight.stored[flight.stored_slot] = {target.address, target.place, at};
    flight.stored_slot = (flight.stored_slot + 1) % kRecentStores;
    flight.last_store = at;
    if (!target.tcm) return;
    // Bytes and half-words are read, merged and written: the bank is theirs meanwhile.
    const bool narrow = op.bytes < 4 || target.unaligned;
    const Cycle occupied = narrow ? parameters.tcm_narrow_store : 1;
    const std::size_t bank = (target.address >> 2) & 1;
    auto& writes = flight.stored_in[bank];
    std::copy_backward(writes.begin(), writes.end() - 1, writes.end());
    writes.front() = at;
    Cycle start = std::max(flight.bank_free[bank], at);
    if (target.unaligned) start = std::max(start, flight.bank_free[bank ^ 1]);
    flight.bank_free[bank] = start + occupied;
    if (target.unaligned) flight.bank_free[bank ^ 1] = start + occupied;
    // Each bank takes what is for it, in order, and frees the entry: banks do not wait for one another.
    const auto last = flight.store_queue.begin() + std::max(parameters.tcm_store_queue, 1) - 1;
    auto entry = flight.store_queue.begin();
    for (; entry != last && entry[1] < start + occupied; ++entry) entry[0] = entry[1];
    *entry = start + occupied;
}

void Engine::note_access(const Op& op, const Target& target, Cycle at, bool younger) {
    if (op.store) note_store(op, target, at);
    if (!op.load || !target.unaligned) return;
    const bool beside_aligned_load = younger && flight.older_accessed &&
                                     (flight.older_traits & kLoads) && !flight.older_unaligned;
    int extra = younger ? parameters.unaligned_load_younger : parameters.unaligned_load_older;
    if (younger && flight.older_unaligned) extra -= parameters.unaligned_load_older;
    if (beside_aligned_load && ((flight.older_address ^ target.address) & 4) == 0) --extra;
    lose(Stall::Unaligned, extra);
}

void Engine::write_results(
    const Op& op, const Compiled& code, Cycle at, Result result, Cycle late) {
    const std::uint8_t* reg = code.writes.data() + op.first_write;
    for (int k = 0; k < op.writes; ++k)
        flight.scoreboard[reg[k]] = {at + late, static_cast<std::uint8_t>(result)};
    if (op.base_update != kNoRegister)
        flight.scoreboard[op.base_update] = {at, static_cast<std::uint8_t>(Result::BaseUpdate)};
    if (op.writes_flags)
        flight.scoreboard[kFlagsRegister] = {at, static_cast<std::uint8_t>(Result::Alu)};
}

// Why an instruction cannot join the one that waits for a second; nothing where it can.
std::optional<Unpaired> Engine::refusal(const Op& op,
                                        const Target* target,
                                        Cycle ready,
                                        Stall why) {
    const std::uint32_t conflict = flight.older_denies & op.traits;
    if (ready > flight.group) {
        if (why == Stall::BankConflict) return Unpaired::BankConflict;
        return why == Stall::Fetch ? Unpaired::Blocked : Unpaired::Operand;
    }
    if (conflict != 0) return reason_of(conflict, flight.older_traits);
    // Two loads pair where they touch different banks: words of different parity. One that is not aligned touches both.
    if (target != nullptr && op.load && flight.older_accessed && (flight.older_traits & kLoads) &&
        !target->unaligned && !flight.older_unaligned &&
        ((flight.older_address ^ target->address) & 4) == 0)
        return Unpaired::BankConflict;
    if ((op.traits & (kFpTransfer | kFpMac)) && in_mac_shadow(flight.group) &&
        ((op.traits & kFpTransfer) || (flight.older_traits & kFpTransfer)))
        return Unpaired::FloatingPoint;
    return std::nullopt;
}

Cycle Engine::issue(const Op& op, const Compiled& code, const Target* target) {
    Flight& f = flight;
    Stall why = Stall::OperandWait;
    Cycle ready = operands_ready(op, code, why);
    if (target != nullptr) ready = memory_ready(op, *target, ready, why);
    if (f.fp_mac_shadow >= ready && (op.traits & kFpBlockedByMac)) {
        ready = f.fp_mac_shadow + 1;
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
    if (f.open) {
        Stall cause = why;
        const Cycle free = target != nullptr ? bank_ready(op, *target, ready, cause) : ready;
        const std::optional<Unpaired> refused = refusal(op, target, free, cause);
        if (refused) close_group(*refused);
        younger = !refused;
    }
    Cycle at = f.group;
    if (younger) {
        f.open = false;
        ++totals.dual_issues;
        // The inline shift takes the early shifter, so the older shift executes late after all.
        if (f.older_early_shift != kNoRegister && (op.traits & kShiftsInline))
            f.scoreboard[f.older_early_shift] = {f.group, static_cast<std::uint8_t>(Result::Alu)};
    } else {
        if (target != nullptr) ready = bank_ready(op, *target, ready, why);
        at = std::max(f.next, ready);
        totals.stalls[static_cast<std::size_t>(why)] += static_cast<std::uint64_t>(at - f.next);
        ++totals.issue_cycles;
        f.group = at;
        f.next = at + 1;
        f.open = true;
    }
    ++totals.instructions;

    const bool early = runs_early(op, code, at, younger);
    const Result result = early ? Result::EarlyAlu : static_cast<Result>(op.result);
    Cycle held = op.issue - 1 + op.block - 1;
    if (op.even_multiple_store && target != nullptr && (target->address & 4)) {
        held += parameters.store_multiple_unaligned;
    }
    if (held > 0) {
        lose(Stall::MultiCycle, held);
        if (op.traits & kIssuesAlone) close_group(Unpaired::Alone);
    }
    Cycle late = held;
    if (target != nullptr) {
        const Cycle before = f.next;
        note_access(op, *target, at, younger);
        late += f.next - before;
    }
    write_results(op, code, at, result, late);
    if (op.traits & kFpMac) {
        f.fp_mac_shadow_before = f.fp_mac_shadow;
        f.fp_mac_at = at;
        f.fp_mac_shadow = at + parameters.fp_mac_shadow;
    }
    if (!younger) {
        f.older_traits = op.traits;
        f.older_denies = op.denies;
        f.older_accessed = target != nullptr;
        f.older_address = target != nullptr ? target->address : 0;
        f.older_unaligned = target != nullptr && target->unaligned;
        const bool shift = early && (op.traits & kPlainShift) && op.writes > 0;
        f.older_early_shift = shift ? code.writes[op.first_write] : kNoRegister;
    }
    return at;
}

void Engine::branch(const Compiled& code, Cycle at, const Execution& execution) {
    ++totals.branches;
    const std::uint8_t outcome = execution.branch;
    if ((outcome & kStaticallyTaken) && parameters.static_taken > 0) {
        close_group(Unpaired::Branch);
        lose(Stall::Fetch, parameters.static_taken);
    }
    int penalty = 0;
    if (outcome & kWrongDirection) {
        const std::uint8_t decides = code.compared != kNoRegister ? code.compared : kFlagsRegister;
        const bool early = at - flight.scoreboard[decides].issued >= parameters.flags_ahead;
        penalty = early ? parameters.mispredict_early : parameters.mispredict;
    }
    if (outcome & kWrongTarget) penalty = std::max(penalty, parameters.indirect_mispredict);
    if (penalty > 0) {
        ++totals.mispredicts;
        close_group(Unpaired::Branch);
        lose(Stall::Mispredict, penalty);
        restart_fetch(execution.next_address);
    } else if (outcome & kTaken) {
        if (!parameters.taken_pairs_with_target) close_group(Unpaired::Branch);
        // The chunk of the target follows the branch's own without a gap.
        fetch_next(execution.next_address / parameters.fetch_bytes);
    }
}

// Quotient bits come two per cycle, after a start; without its operands a divide takes the least.
int Engine::divide_cycles(const Op& op, std::uint32_t dividend, std::uint32_t divisor) const {
    const int least =
        parameters.divide_base + (op.divides_signed ? parameters.divide_signed_extra : 0);
    if (divisor == 0) return least;
    const auto magnitude = [&](std::uint32_t v) {
        return op.divides_signed && (v >> 31) != 0 ? 0u - v : v;
    };
    const int bits =
        std::countl_zero(magnitude(divisor)) - std::countl_zero(magnitude(dividend)) + 1;
    return least + std::max(0, bits / 2);
}

void Engine::run(const Compiled& code, const Execution& execution, Watcher* watcher) {
    watcher_ = watcher;
    std::uint16_t place = 0;
    std::size_t divide = 0;
    const std::size_t count = code.ops.size();
    for (std::size_t k = 0; k < count; ++k) {
        const Op& op = code.ops[k];
        if (watcher != nullptr) watcher->before(k);
        Target target{};
        const bool accesses = op.load || op.store;
        if (accesses) {
            target.address = execution.addresses[place];
            target.tcm = execution.tcm[place] != 0;
            target.place = place;
            target.unaligned = op.bytes > 1 && (target.address & (op.bytes - 1u) & 3u) != 0;
            ++place;
        }
        const bool executed = accesses && target.address != Execution::kNotExecuted;
        const Cycle at = issue(op, code, executed ? &target : nullptr);
        if (op.kind == OpKind::Divide) {
            const int cycles = execution.divides[divide++];
            close_group(Unpaired::Alone);
            lose(Stall::MultiCycle, cycles - 1);
            write_results(op, code, at, Result::Divide, cycles - 1);
        } else if (op.kind >= OpKind::Branch && k + 1 == count) {
            branch(code, at, execution);
        }
        if (watcher != nullptr) watcher->after(k, at);
    }
    watcher_ = nullptr;
}

void Engine::drain() {
    close_group(Unpaired::Blocked);
    const Cycle next = flight.next;
    flight = Flight{};
    flight.next = next;
    flight.released.fill(kLongAgo);
    flight.store_queue.fill(kLongAgo);
    flight.bank_free.fill(kLongAgo);
    flight.stored_in = no_writes();
    flight.fetched_at = kLongAgo;
}

}  // namespace mixq::sim
