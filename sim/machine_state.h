// The machine's own state: Unicorn, memory, what its callbacks have noted. For sim/machine*.cpp alone.
//
// Callbacks are C frames: nothing may throw through them, so every stop is noted and acted on outside.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <unicorn/unicorn.h>

#include "sim/address_program.h"
#include "sim/cores/core.h"
#include "sim/isa/hex.h"
#include "sim/machine.h"
#include "sim/machine_code.h"
#include "sim/machine_system.h"
#include "sim/semihosting.h"
#include "sim/translate/translator.h"

namespace mixq::sim {

inline constexpr std::size_t kTrail = 8;        // blocks that a halt names
inline constexpr std::uint32_t kNowhere = ~0u;  // no code is at an odd address

// The one place where a call of Unicorn that must not fail is checked.
inline void check(uc_err error, std::string_view doing) {
    if (error == UC_ERR_OK) return;
    throw std::runtime_error("the emulator cannot " + std::string(doing) + ": " +
                             uc_strerror(error));
}

struct FreeMemory {
    void operator()(std::uint8_t* memory) const { std::free(memory); }
};

using HostMemory = std::unique_ptr<std::uint8_t[], FreeMemory>;

inline int unicorn_register(Register reg) {
    if (reg < kSp) return UC_ARM_REG_R0 + reg;
    if (reg == kSp) return UC_ARM_REG_SP;
    if (reg == kLr) return UC_ARM_REG_LR;
    if (reg == kPc) return UC_ARM_REG_PC;
    if (reg < kRegisters) return UC_ARM_REG_S0 + (reg - kS0);
    throw std::invalid_argument("there is no register " + std::to_string(reg));
}

// What a callback asked the run to end with.
enum class Ending : std::uint8_t {
    None,
    Returned,
    Idle,
    Limit,
    Restart,
    Translate,  // translated code goes on here
    UnknownInstruction,
    BadCode,
    Interrupt,
    Exception,
    System
};

struct BadAccess {
    uc_mem_type type;
    std::uint32_t address;
    int bytes;
};

struct Machine::State {
    State(const Image& image, const Board& board_description);
    ~State();
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    struct Mapped {
        const Region* region;
        std::uint8_t* memory;
    };

    struct Vectors {
        std::uint32_t address;
        std::uint32_t sp;
        std::uint32_t reset;
    };

    void map_memory();
    void install_hooks();
    void remove_hooks();
    void forget_translations(std::uint32_t address, std::uint32_t bytes);
    template <typename Callback>
    void add_hook(int types, Callback* callback);

    // From the address to the end of its region; 0 where there is none.
    std::size_t bytes_in_region(std::uint32_t address) const {
        const Region* region = board.find_region(address);
        return region == nullptr ? 0 : region->bytes - (address - region->address);
    }

    std::uint8_t* host(std::uint32_t address, std::uint32_t bytes) const;
    std::span<const std::uint8_t> code_bytes(std::uint32_t address, std::uint32_t bytes) const;
    std::uint32_t read_register(int reg) const;
    void write_register(int reg, std::uint32_t value);
    void start_at_vector_table();
    std::optional<Vectors> vector_table() const;

    Stop run(std::uint32_t pc);
    std::optional<Stop> stopped(uc_err error, std::uint32_t& pc);
    std::optional<Stop> interrupted(std::uint32_t& pc);
    Stop fault(std::uint32_t pc, const std::string& cause) const;
    std::string access_cause(uc_err error) const;
    std::string where(std::uint32_t pc) const;
    std::uint16_t halfword(std::uint32_t address) const;
    bool executed_double(std::uint32_t encoding);
    void end(Ending why);

    std::uint64_t now() const;
    void spend(std::uint64_t cycles);
    void refresh_attention();
    bool attend(std::uint32_t address);
    std::optional<Stop> served(std::uint32_t& pc);
    std::optional<Stop> idle(std::uint32_t& pc, bool asleep);
    Stop limit_reached() const;
    std::string trail_text() const;

    [[gnu::always_inline]] bool enter_block(std::uint32_t address, std::uint32_t size);
    void finish_block(std::uint32_t next_address);
    void begin_block(std::uint32_t address, std::uint32_t size);
    void end_as_bad_code(std::uint32_t address, const std::exception& error);
    void note_instruction(std::uint32_t address);

    // A block whose accesses are known from the registers at its entry, but for a few instructions that are watched.
    struct Resolved {
        std::unique_ptr<AddressProgram> program;
        std::vector<int> registers;  // the emulator's, of the program's inputs
        bool watching = false;       // all hooks it needs are there
    };

    Resolved& resolved(const KnownBlock& known, bool loads);
    bool watch(const KnownBlock& known, Resolved& block);
    bool watch_instruction(std::uint32_t address);
    void begin_resolved(std::uint32_t address, std::uint32_t size);
    void note_watched(std::uint32_t address);
    std::span<const Access> resolved_accesses();
    bool was_cut(const KnownBlock& known, std::uint32_t next_address) const;
    [[gnu::always_inline]] void report(const BlockRun& run);

    // Translated code, where the registers at a block's entry would otherwise be asked.
    void make_translator();
    bool goes_on_translated(std::uint32_t address);
    void run_translated(std::uint32_t& pc);
    [[gnu::always_inline]] void report_translated(const Translation& ran,
                                                  std::uint32_t next_address);
    void report_part(const Translation& ran, std::uint32_t end);
    bool registers_to_translated();
    void registers_from_translated(std::uint32_t pc);

    static void on_block_fast(uc_engine*, std::uint64_t address, std::uint32_t size, void* self);
    static void on_block_observed(uc_engine*,
                                  std::uint64_t address,
                                  std::uint32_t size,
                                  void* self);
    static void on_block_resolved(uc_engine*,
                                  std::uint64_t address,
                                  std::uint32_t size,
                                  void* self);
    static void on_watched(uc_engine*, std::uint64_t address, std::uint32_t size, void* self);
    static void on_code(uc_engine*, std::uint64_t address, std::uint32_t size, void* self);
    static void on_memory(
        uc_engine*, uc_mem_type, std::uint64_t address, int size, std::int64_t, void* self);
    static bool on_bad_memory(
        uc_engine*, uc_mem_type, std::uint64_t address, int size, std::int64_t, void* self);
    static void on_interrupt(uc_engine*, std::uint32_t number, void* self);

    const Image image;
    const Board board;
    uc_engine* uc = nullptr;
    std::vector<HostMemory> memories;
    std::vector<Mapped> mapped;
    std::vector<uc_hook> hooks;
    CodeTable code;
    Semihosting semihosting;
    std::unique_ptr<MachineSystem> system;

    std::unique_ptr<Translator> translator;  // null where there is none for this host
    std::uint32_t status = 0;                // xPSR when translated code began
    std::uint32_t emulated_address =
        kNowhere;  // of a block that translated code has left to the emulator

    BlockObserver* observer = nullptr;
    Watching watching = Watching::Everything;
    AddressProgram::Host plain_memory = [this](std::uint32_t address, std::uint32_t bytes) {
        return host(address, bytes);
    };
    std::vector<Resolved> resolved_blocks;         // by block number
    std::vector<std::uint32_t> watched_addresses;  // sorted
    std::uint32_t restart_size = 0;
    bool translated = false;  // something has run
    std::uint64_t limit = 0;
    std::uint64_t instructions = 0;  // of this run
    std::uint64_t age = 0;           // of all runs before

    // Simulated time: what passed before this run, and what this run's clock shows. Without a clock an instruction is a cycle.
    std::uint64_t cycles_before = 0;
    std::function<std::uint64_t()> clock;
    std::uint64_t clock_start = 0;
    std::uint64_t cycle_limit = 0;  // of a run; 0: none
    std::uint64_t cycle_end = kNever;
    std::uint64_t attention = kNever;  // the cycle from which a block border has to look up
    std::uint32_t sleep_address = 0;
    int sleeps = 0;
    std::array<std::uint32_t, kTrail> trail{};
    std::size_t trail_next = 0;

    // Noted by callbacks.
    Ending ending = Ending::None;
    std::string ending_message;
    std::uint32_t ending_address = 0;
    std::exception_ptr exception;
    std::uint32_t interrupt = 0;
    std::optional<BadAccess> bad_access;
    std::uint32_t last_block = ~0u;
    std::uint32_t last_size = 0;

    // The block that is running, observed.
    const KnownBlock* running = nullptr;
    const KnownBlock* finishing = nullptr;
    std::size_t current = 0;  // instruction in it
    int it_carried = 0;
    std::vector<std::uint8_t> executed;
    std::vector<Access> accesses;
    std::vector<Division> divisions;
};

// Common to both modes: whether the block may run.
inline bool Machine::State::enter_block(std::uint32_t address, std::uint32_t size) {
    if (ending != Ending::None) return false;
    if (address == kReturnAddress) {
        end(Ending::Returned);
        return false;
    }
    // One branch, and its target is itself: only an interrupt could change that, and there are none.
    if (address == last_block && size <= 4 && size == last_size) {
        const std::uint16_t first = halfword(address);
        const std::uint16_t second = halfword(address + 2);
        const bool narrow = size == 2 && (first == 0xe7fe || ((first & 0xf0ff) == 0xd0fe));
        const bool wide = size == 4 && (first & 0xf800) == 0xf000 && (second & 0xd000) >= 0x8000;
        if (narrow || wide) {
            ending_address = address;
            end(Ending::Idle);
            return false;
        }
    }
    last_block = address;
    last_size = size;
    trail[trail_next++ % kTrail] = address;
    if (attention != kNever && now() >= attention && !attend(address)) return false;
    if (limit != 0 && instructions > limit) {
        ending_address = address;
        end(Ending::Limit);
        return false;
    }
    return true;
}

inline void Machine::State::report(const BlockRun& run) {
    if (observer == nullptr) return;
    try {
        observer->on_block(run);
    } catch (const UnknownInstructionError& error) {
        ending_message = error.what();
        ending_address = error.address;
        end(Ending::UnknownInstruction);
    } catch (...) {
        exception = std::current_exception();
        end(Ending::Exception);
    }
}

}  // namespace mixq::sim
