// Runs the emulator until something ends it, and says what.
#include "sim/double_precision.h"
#include "sim/machine_state.h"

namespace mixq::sim {

namespace {

constexpr std::uint16_t kSemihostingBreakpoint = 0xbeab;
constexpr std::uint16_t kWfi = 0xbf30;
constexpr std::uint16_t kHintMask = 0xff0f;
constexpr std::uint16_t kHint = 0xbf00;
constexpr std::uint32_t kInterruptSvc = 2;  // as the emulator numbers them
constexpr std::uint32_t kInterruptReturn = 8;
// A program that sleeps in one place this often, woken only by its own timers, is idle.
constexpr int kIdleSleeps = 1000;

}  // namespace

Stop Machine::State::run(std::uint32_t pc) {
    emulated_address = kNowhere;
    instructions = 0;
    translated = true;
    last_block = ~0u;
    it_carried = 0;
    trail_next = 0;
    sleeps = 0;
    clock_start = clock ? clock() : 0;
    cycle_end = cycle_limit == 0 ? kNever : now() + cycle_limit;
    refresh_attention();
    for (;;) {
        ending = Ending::None;
        bad_access.reset();
        exception = nullptr;
        running = nullptr;
        accesses.clear();
        divisions.clear();
        uc_err error = UC_ERR_OK;
        run_translated(pc);
        if (ending == Ending::None) error = uc_emu_start(uc, pc | 1, kReturnAddress, 0, 0);
        if (const std::optional<Stop> stop = stopped(error, pc)) {
            running = nullptr;
            cycles_before = now();
            clock_start = clock ? clock() : 0;
            age += instructions;
            instructions = 0;
            return *stop;
        }
        last_block = ~0u;
    }
}

// Nothing where the run goes on at `pc`.
std::optional<Stop> Machine::State::stopped(uc_err error, std::uint32_t& pc) {
    pc = read_register(UC_ARM_REG_PC) & ~1u;
    if (ending == Ending::Interrupt) {
        const std::optional<Stop> stop = interrupted(pc);
        // A block that ends in a semihosting call is reported, and the report may itself end the run.
        if (stop || ending == Ending::Interrupt) return stop;
    }
    switch (ending) {
        case Ending::Returned:
            return Stop{Halt::Returned, kReturnAddress, 0, {}};
        case Ending::Idle:
            pc = ending_address;
            return idle(pc, false);
        case Ending::System:
            pc = ending_address;
            return served(pc);
        case Ending::Limit:
            return limit_reached();
        case Ending::Restart:
            pc = ending_address;
            forget_translations(pc, restart_size);
            return std::nullopt;
        case Ending::Translate:
            pc = ending_address;
            return std::nullopt;
        case Ending::UnknownInstruction:
            return Stop{Halt::UnknownInstruction, ending_address, 0, ending_message + trail_text()};
        case Ending::BadCode:
            return fault(ending_address, ending_message);
        case Ending::Exception:
            std::rethrow_exception(exception);
        default:
            break;
    }
    if (error != UC_ERR_OK) {
        // WFE, SEV and YIELD may do nothing; this emulator does not know them.
        const std::uint16_t hint = halfword(pc);
        if (error == UC_ERR_INSN_INVALID && (hint & kHintMask) == kHint && hint != kWfi) {
            pc += 2;
            return std::nullopt;
        }
        const std::uint32_t encoding = std::uint32_t{hint} << 16 | halfword(pc + 2);
        FloatState unused;
        if (error == UC_ERR_INSN_INVALID && execute_double(encoding, unused)) {
            if (!executed_double(encoding))
                return fault(pc,
                             "a double-precision instruction, but the FPU of " +
                                 std::string(board.name) + " has single precision only");
            pc += 4;
            write_register(UC_ARM_REG_PC, pc | 1);
            finish_block(pc);
            return ending == Ending::None ? std::nullopt : stopped(UC_ERR_OK, pc);
        }
        return fault(pc, access_cause(error));
    }
    finish_block(pc);
    if (ending != Ending::None) return stopped(error, pc);
    if (pc == kReturnAddress) return Stop{Halt::Returned, kReturnAddress, 0, {}};
    if (halfword(pc) == kWfi || halfword(pc - 2) == kWfi) return idle(pc, true);
    return fault(pc, "the emulator stopped without a reason");
}

// The emulated core has single precision only. False where the board has no more either.
bool Machine::State::executed_double(std::uint32_t encoding) {
    if (!board.double_precision) return false;
    FloatState state;
    for (std::size_t k = 0; k < kDoubles; ++k)
        check(uc_reg_read(uc, UC_ARM_REG_D0 + static_cast<int>(k), &state.d[k]), "read a double");
    state.fpscr = read_register(UC_ARM_REG_FPSCR);
    const std::uint32_t xpsr = read_register(UC_ARM_REG_XPSR);
    state.flags = xpsr;
    execute_double(encoding, state);
    for (std::size_t k = 0; k < kDoubles; ++k)
        check(uc_reg_write(uc, UC_ARM_REG_D0 + static_cast<int>(k), &state.d[k]), "write a double");
    write_register(UC_ARM_REG_FPSCR, state.fpscr);
    // In an IT block the next condition is due: xPSR holds its state in bits 15 to 10 and 26 to 25.
    std::uint32_t it = (xpsr >> 25 & 3) | (xpsr >> 8 & 0xfc);
    if ((it & 0xf) != 0) {
        it = (it & 7) != 0 ? (it & 0xe0) | (it << 1 & 0x1f) : 0;
        write_register(UC_ARM_REG_XPSR, (xpsr & ~0x0600'fc00u) | (it & 3) << 25 | (it & 0xfc) << 8);
    }
    return true;
}

// An exception of the core: semihosting goes on, everything else is a fault.
std::optional<Stop> Machine::State::interrupted(std::uint32_t& pc) {
    if (interrupt == kInterruptReturn || interrupt == kInterruptSvc) {
        const std::uint32_t from = interrupt == kInterruptSvc ? pc - 2 : last_block;
        finish_block(pc);
        if (ending != Ending::Interrupt) return std::nullopt;
        const std::string trouble =
            interrupt == kInterruptSvc ? system->supervisor_call(pc) : system->exception_return(pc);
        if (!trouble.empty()) return fault(from, trouble);
        return std::nullopt;
    }
    const std::uint16_t encoding = halfword(pc);
    if ((encoding & kHintMask) == kHint && encoding != kWfi) {
        pc += 2;
        return std::nullopt;
    }
    if (encoding != kSemihostingBreakpoint) {
        if ((encoding & 0xff00) == 0xbe00) return fault(pc, "breakpoint that is not semihosting");
        if (!bad_access && (encoding & 0xff00) == 0xde00)
            return fault(pc, "permanently undefined instruction");
        return fault(
            pc,
            bad_access ? access_cause(UC_ERR_EXCEPTION)
                       : "exception " + std::to_string(interrupt) +
                             " of the core (invalid instruction, a jump to an even address, or an "
                             "exception return)");
    }
    const Semihosting::Outcome outcome = semihosting.call(read_register(UC_ARM_REG_R0),
                                                          read_register(UC_ARM_REG_R0 + 1),
                                                          age + instructions,
                                                          board.clock_hz);
    if (!outcome.fault.empty()) return fault(pc, outcome.fault);
    const std::uint32_t at = pc;
    pc += 2;
    finish_block(pc);
    if (ending != Ending::Interrupt) return std::nullopt;
    if (outcome.exits) return Stop{Halt::Exited, at, outcome.exit_code, {}};
    write_register(UC_ARM_REG_R0, outcome.result);
    return std::nullopt;
}

void Machine::State::end(Ending why) {
    if (ending == Ending::None) ending = why;
    uc_emu_stop(uc);
}

// An observer that keeps the clock moves it on itself.
void Machine::State::spend(std::uint64_t cycles) {
    if (observer != nullptr) observer->on_exception(cycles);
    if (observer == nullptr || !clock) cycles_before += cycles;
}

std::uint64_t Machine::State::now() const {
    const bool timed = observer != nullptr && clock;
    return cycles_before + (timed ? clock() - clock_start : instructions);
}

void Machine::State::refresh_attention() {
    attention = std::min(system == nullptr ? kNever : system->attention(), cycle_end);
}

// At a block border, when something may be due: whether the block may run.
bool Machine::State::attend(std::uint32_t address) {
    ending_address = address;
    if (now() >= cycle_end) {
        end(Ending::Limit);
        return false;
    }
    if (!system->must_stop()) return true;
    end(Ending::System);
    return false;
}

// Delivers the exception that is due.
std::optional<Stop> Machine::State::served(std::uint32_t& pc) {
    const std::uint32_t at = pc;
    const std::string trouble = system->deliver(pc);
    if (!trouble.empty()) return fault(at, trouble);
    return std::nullopt;
}

// WFI, or a branch to itself. Input and, for a sleeper, the next timer may wake it.
std::optional<Stop> Machine::State::idle(std::uint32_t& pc, bool asleep) {
    const std::uint32_t at = pc;
    if (asleep && halfword(pc) == kWfi) pc += 2;
    if (asleep && sleep_address != at) sleeps = 0;
    sleep_address = at;
    bool woken = system->must_stop() || (asleep && system->pending()) || system->wake();
    if (!woken && asleep && system->attention() != kNever && sleeps < kIdleSleeps) {
        ++sleeps;
        if (system->attention() > now()) cycles_before += system->attention() - now();
        woken = true;
    }
    if (now() >= cycle_end) {
        ending = Ending::Limit;
        ending_address = at;
        return limit_reached();
    }
    if (woken && (asleep || system->must_stop())) {
        system->must_stop();
        return served(pc);
    }
    return Stop{Halt::Idle, at, 0, {}};
}

bool Machine::State::on_bad_memory(
    uc_engine*, uc_mem_type type, std::uint64_t address, int size, std::int64_t, void* self) {
    auto& state = *static_cast<State*>(self);
    if (!state.bad_access)
        state.bad_access = BadAccess{type, static_cast<std::uint32_t>(address), size};
    return false;
}

void Machine::State::on_interrupt(uc_engine*, std::uint32_t number, void* self) {
    auto& state = *static_cast<State*>(self);
    state.interrupt = number;
    state.end(Ending::Interrupt);
}

Stop Machine::State::limit_reached() const {
    const std::string ran = now() >= cycle_end ? std::to_string(cycle_limit) + " cycles"
                                               : std::to_string(limit) + " instructions";
    return {Halt::InstructionLimit,
            ending_address,
            0,
            "ran for more than " + ran + ", now at " + where(ending_address) + trail_text()};
}

// The last blocks, oldest first, for messages.
std::string Machine::State::trail_text() const {
    std::string text;
    const std::size_t count = std::min(trail_next, kTrail);
    for (std::size_t k = trail_next - count; k < trail_next; ++k)
        text += (text.empty() ? "; last blocks: " : ", ") + hex(trail[k % kTrail]);
    return text;
}

std::string Machine::State::where(std::uint32_t pc) const {
    std::string text = hex(pc);
    if (const Symbol* function = image.find_function(pc)) {
        text += " in " + function->name;
        if (pc != function->address) text += "+" + std::to_string(pc - function->address);
    }
    return text;
}

Stop Machine::State::fault(std::uint32_t pc, const std::string& cause) const {
    // At full speed the emulator keeps the address of a block, not of every instruction.
    const bool block_only = observer == nullptr && pc == last_block;
    return {Halt::Fault,
            pc,
            0,
            (block_only ? "fault in the block at " : "fault at ") + where(pc) + ": " + cause +
                trail_text()};
}

std::string Machine::State::access_cause(uc_err error) const {
    if (!bad_access && error == UC_ERR_INSN_INVALID) {
        constexpr std::uint32_t kThumbState = 1u << 24;
        const std::uint32_t pc = read_register(UC_ARM_REG_PC);
        if ((read_register(UC_ARM_REG_XPSR) & kThumbState) == 0)
            return "jump to an even address, which is no Thumb code";
        return "undefined instruction 0x" + hex(halfword(pc)).substr(6);
    }
    if (!bad_access) return uc_strerror(error);
    const Region* region = board.find_region(bad_access->address);
    const std::string at = hex(bad_access->address);
    constexpr std::uint32_t kNearStack = 512;
    const std::uint32_t sp = read_register(UC_ARM_REG_SP);
    const std::string stack =
        region == nullptr && bad_access->address - sp + kNearStack < 2 * kNearStack
            ? "; the stack pointer is there, at " + hex(sp)
            : "";
    switch (bad_access->type) {
        case UC_MEM_FETCH_UNMAPPED:
        case UC_MEM_FETCH_PROT:
            return "jump to " + at + ", where there is no code";
        case UC_MEM_WRITE_PROT:
        case UC_MEM_WRITE_UNMAPPED:
            if (region != nullptr) return "write to " + std::string(region->name) + " at " + at;
            return "write to " + at + ", where " + std::string(board.name) +
                   " has neither memory nor peripherals" + stack;
        default:
            return "read from " + at + ", where " + std::string(board.name) +
                   " has neither memory nor peripherals" + stack;
    }
}

}  // namespace mixq::sim
