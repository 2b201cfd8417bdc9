// Follows blocks as the emulator enters them: what they touched is heard from hooks, or worked out from the registers at entry.
#include "sim/machine_state.h"

namespace mixq::sim {

void Machine::State::on_block_fast(uc_engine*,
                                   std::uint64_t address,
                                   std::uint32_t size,
                                   void* self) {
    auto& state = *static_cast<State*>(self);
    const auto at = static_cast<std::uint32_t>(address);
    if (state.goes_on_translated(at)) return;
    if (state.enter_block(at, size)) state.instructions += state.code.count(at, size);
}

void Machine::State::on_block_observed(uc_engine*,
                                       std::uint64_t address,
                                       std::uint32_t size,
                                       void* self) {
    auto& state = *static_cast<State*>(self);
    const auto at = static_cast<std::uint32_t>(address);
    state.finish_block(at);
    if (state.enter_block(at, size)) state.begin_block(at, size);
}

void Machine::State::end_as_bad_code(std::uint32_t address, const std::exception& error) {
    running = nullptr;
    ending_message = error.what();
    ending_address = address;
    end(Ending::BadCode);
}

void Machine::State::begin_block(std::uint32_t address, std::uint32_t size) {
    try {
        running = &code.block(address, size, it_carried);
        executed.assign(running->block.instructions.size(), 0);
        current = 0;
        instructions += executed.size();
    } catch (const std::exception& error) {
        end_as_bad_code(address, error);
    }
}

// The block has run; execution goes on at `next_address`.
void Machine::State::finish_block(std::uint32_t next_address) {
    if (running == nullptr) return;
    const KnownBlock* done = running;
    const KnownBlock* const whole = done;
    finishing = running;
    running = nullptr;
    const std::uint32_t end_address = done->block.address + done->block.size;
    it_carried = next_address == end_address ? done->it_after : 0;
    try {
        // The emulator may cut a block it has begun (code that writes code): then only its first part has run.
        const bool inside = next_address > done->block.address && next_address < end_address;
        const bool resolves = watching == Watching::Resolved;
        const std::span<const Access> touched = resolves ? resolved_accesses() : accesses;
        if (inside && was_cut(*done, next_address)) {
            done = &code.block(
                done->block.address, next_address - done->block.address, done->it_before);
            instructions -= whole->block.instructions.size() - done->block.instructions.size();
            it_carried = done->it_after;
        }
        const std::size_t told = resolves ? 0 : done->block.instructions.size();
        report({&done->block, touched, divisions, {executed.data(), told}, next_address});
    } catch (...) {
        exception = std::current_exception();
        end(Ending::Exception);
    }
    accesses.clear();
    divisions.clear();
}

// The emulator stopped inside a block it had begun, and goes on at an address in it.
bool Machine::State::was_cut(const KnownBlock& known, std::uint32_t next_address) const {
    const std::vector<Instruction>& code_of = known.block.instructions;
    if (watching == Watching::Resolved) return code_of.back().branch == BranchKind::None;
    return current + 1 < code_of.size() && code_of[current + 1].address <= next_address &&
           code_of[current].branch == BranchKind::None;
}

void Machine::State::note_instruction(std::uint32_t address) {
    if (running == nullptr) return;
    const std::uint32_t offset = (address - running->block.address) >> 1;
    if (offset >= running->index_at.size()) return;
    current = running->index_at[offset];
    executed[current] = 1;
    for (const KnownBlock::Divide& divide : running->divides) {
        if (divide.instruction != current) continue;
        std::uint32_t dividend = 0;
        std::uint32_t divisor = 0;
        // A callback cannot throw; registers of a valid encoding can be read.
        uc_reg_read(uc, unicorn_register(divide.dividend), &dividend);
        uc_reg_read(uc, unicorn_register(divide.divisor), &divisor);
        divisions.push_back({divide.instruction, dividend, divisor});
    }
}

// A block's program, built when it is first met.
Machine::State::Resolved& Machine::State::resolved(const KnownBlock& known, bool loads) {
    const std::uint32_t number = known.block.number;
    if (number >= resolved_blocks.size()) resolved_blocks.resize(2 * number + 64);
    Resolved& block = resolved_blocks[number];
    if (block.program != nullptr && loads) return block;
    const auto constant = [this](std::uint32_t address) {
        const Region* region = board.find_region(address);
        return region != nullptr && region->kind == MemoryKind::Flash;
    };
    block.program =
        std::make_unique<AddressProgram>(known.block,
                                         code_bytes(known.block.address, known.block.size),
                                         plain_memory,
                                         constant,
                                         loads);
    block.registers.clear();
    for (const std::uint8_t reg : block.program->inputs)
        block.registers.push_back(unicorn_register(reg));
    block.watching = false;
    return block;
}

// False where the instruction is watched already.
bool Machine::State::watch_instruction(std::uint32_t address) {
    const auto at = std::lower_bound(watched_addresses.begin(), watched_addresses.end(), address);
    if (at != watched_addresses.end() && *at == address) return false;
    watched_addresses.insert(at, address);
    uc_hook hook = 0;
    check(uc_hook_add(uc,
                      &hook,
                      UC_HOOK_CODE,
                      reinterpret_cast<void*>(&on_watched),
                      this,
                      std::uint64_t{address},
                      std::uint64_t{address}),
          "be watched");
    hooks.push_back(hook);
    return true;
}

// Whether instructions are watched now that were not when the block was translated.
bool Machine::State::watch(const KnownBlock& known, Resolved& block) {
    bool added = false;
    for (const AddressProgram::Watched& access : block.program->watched)
        added |= watch_instruction(known.block.instructions[access.instruction].address);
    for (const KnownBlock::Divide& divide : known.divides)
        added |= watch_instruction(known.block.instructions[divide.instruction].address);
    block.watching = true;
    return added;
}

void Machine::State::begin_resolved(std::uint32_t address, std::uint32_t size) {
    try {
        const KnownBlock& known = code.block(address, size, it_carried);
        Resolved* block = &resolved(known, true);
        std::array<std::uint32_t, 16> values;
        std::array<void*, 16> into;
        for (bool again = true; again;) {
            again = false;
            if (!block->watching && watch(known, *block)) {
                ending_address = address;
                restart_size = size;
                end(Ending::Restart);
                return;
            }
            for (std::size_t k = 0; k < block->registers.size(); ++k) into[k] = &values[k];
            if (!block->registers.empty()) {
                uc_reg_read_batch(uc,
                                  block->registers.data(),
                                  into.data(),
                                  static_cast<int>(block->registers.size()));
            }
            if (!block->program->evaluate(values.data(), plain_memory)) {
                block = &resolved(known, false);
                again = true;
            }
        }
        for (const AddressProgram::Watched& access : block->program->watched)
            block->program->accesses[access.access].bytes = 0;
        running = &known;
        current = 0;
        instructions += known.block.instructions.size();
    } catch (const std::exception& error) {
        end_as_bad_code(address, error);
    }
}

// A watched instruction is about to execute: its registers are there now.
void Machine::State::note_watched(std::uint32_t address) {
    if (running == nullptr) return;
    executed.resize(running->block.instructions.size());
    note_instruction(address);
    AddressProgram& program = *resolved_blocks[running->block.number].program;
    for (const AddressProgram::Watched& watched : program.watched) {
        const Instruction& instruction = running->block.instructions[watched.instruction];
        if (instruction.address != address) continue;
        const AddressForm& form = watched.form;
        std::uint32_t base = 0;
        std::uint32_t index = 0;
        if (form.base != AddressForm::kNone) uc_reg_read(uc, unicorn_register(form.base), &base);
        if (form.index != AddressForm::kNone) uc_reg_read(uc, unicorn_register(form.index), &index);
        Access& access = program.accesses[watched.access];
        access.address = base + (index << form.shift) + static_cast<std::uint32_t>(form.offset);
        access.bytes = static_cast<std::uint8_t>(instruction.access_bytes *
                                                 std::max<int>(instruction.access_count, 1));
    }
}

// Of the block that has just run; an instruction that was not executed went nowhere.
std::span<const Access> Machine::State::resolved_accesses() {
    const AddressProgram& program = *resolved_blocks[finishing->block.number].program;
    if (program.watched.empty()) return program.accesses;
    for (const Access& access : program.accesses) {
        if (access.bytes != 0) accesses.push_back(access);
    }
    return accesses;
}

void Machine::State::on_block_resolved(uc_engine*,
                                       std::uint64_t address,
                                       std::uint32_t size,
                                       void* self) {
    auto& state = *static_cast<State*>(self);
    const auto at = static_cast<std::uint32_t>(address);
    state.finish_block(at);
    if (state.goes_on_translated(at)) return;
    if (state.enter_block(at, size)) state.begin_resolved(at, size);
}

void Machine::State::on_watched(uc_engine*, std::uint64_t address, std::uint32_t, void* self) {
    static_cast<State*>(self)->note_watched(static_cast<std::uint32_t>(address));
}

void Machine::State::on_code(uc_engine*, std::uint64_t address, std::uint32_t, void* self) {
    static_cast<State*>(self)->note_instruction(static_cast<std::uint32_t>(address));
}

void Machine::State::on_memory(
    uc_engine*, uc_mem_type type, std::uint64_t address, int size, std::int64_t, void* self) {
    auto& state = *static_cast<State*>(self);
    if (state.running == nullptr) return;
    state.accesses.push_back({static_cast<std::uint16_t>(state.current),
                              type == UC_MEM_WRITE,
                              static_cast<std::uint8_t>(size),
                              static_cast<std::uint32_t>(address)});
}

}  // namespace mixq::sim
