// Runs images on Unicorn. Its callbacks are C frames: nothing may throw through them, so every stop is noted and acted on
// outside.
#include "sim/machine.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <unicorn/unicorn.h>

#include "sim/address_program.h"
#include "sim/cores/core.h"
#include "sim/double_precision.h"
#include "sim/isa/hex.h"
#include "sim/machine_code.h"
#include "sim/machine_system.h"
#include "sim/semihosting.h"
#include "sim/translate/translator.h"

namespace mixq::sim {

namespace {

// A called function returns here: a page in the code region where no board has memory, holding a branch to itself.
constexpr std::uint32_t kReturnAddress = Machine::kReturnAddress;
constexpr std::uint32_t kReturnPage = kReturnAddress & ~0xfffu;
constexpr std::uint8_t kBranchToSelf[] = {0xfe, 0xe7};
constexpr std::size_t kPage = 4096;                      // Unicorn maps whole ones
constexpr std::uint32_t kCpacrFullAccess = 0x00f0'0000;  // CP10 and CP11, Armv7-M ARM B3.2.20
constexpr std::uint32_t kFpexcEnable = 0x4000'0000;
constexpr std::uint16_t kSemihostingBreakpoint = 0xbeab;
constexpr std::uint16_t kWfi = 0xbf30;
constexpr std::uint16_t kHintMask = 0xff0f;
constexpr std::uint16_t kHint = 0xbf00;
constexpr std::size_t kMaxBlockInstructions = 4096;
constexpr std::size_t kTrail = 8;           // blocks that a halt names
constexpr std::uint32_t kInterruptSvc = 2;  // as the emulator numbers them
constexpr std::uint32_t kInterruptReturn = 8;
// A program that sleeps in one place this often, woken only by its own timers, is idle.
constexpr int kIdleSleeps = 1000;
constexpr std::uint32_t kNowhere = ~0u;          // no code is at an odd address
constexpr std::uint32_t kItState = 0x0600'fc00;  // xPSR
constexpr std::uint32_t kThumbState = 1u << 24;  // xPSR
constexpr unsigned kSaturatedBit = 27;           // xPSR

// The one place where a call of Unicorn that must not fail is checked.
void check(uc_err error, std::string_view doing) {
    if (error == UC_ERR_OK) return;
    throw std::runtime_error("the emulator cannot " + std::string(doing) + ": " +
                             uc_strerror(error));
}

struct FreeMemory {
    void operator()(std::uint8_t* memory) const { std::free(memory); }
};

using HostMemory = std::unique_ptr<std::uint8_t[], FreeMemory>;

HostMemory zeroed(std::size_t bytes) {
    auto* memory =
        static_cast<std::uint8_t*>(std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage));
    if (memory == nullptr) throw std::bad_alloc();
    std::fill_n(memory, bytes, std::uint8_t{0});
    return HostMemory(memory);
}

int unicorn_register(Register reg) {
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

}  // namespace

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

Machine::State::State(const Image& loaded, const Board& board_description)
    : image(loaded),
      board(board_description),
      code(
          [this](std::uint32_t address, std::uint32_t bytes) { return code_bytes(address, bytes); },
          [this](std::uint32_t address) {
              const Region* region = board.find_region(address);
              return region != nullptr && region->kind == MemoryKind::Flash;
          }),
      semihosting({[this](std::uint32_t address, std::span<std::uint8_t> out) {
                       const std::uint8_t* from =
                           host(address, static_cast<std::uint32_t>(out.size()));
                       if (from != nullptr) std::copy_n(from, out.size(), out.data());
                       return from != nullptr;
                   },
                   [this](std::uint32_t address, std::span<const std::uint8_t> in) {
                       std::uint8_t* to = host(address, static_cast<std::uint32_t>(in.size()));
                       if (to != nullptr) std::copy(in.begin(), in.end(), to);
                       return to != nullptr;
                   }}) {
    executed.reserve(kMaxBlockInstructions);
    accesses.reserve(kMaxBlockInstructions);
    try {
        check(uc_open(UC_ARCH_ARM, static_cast<uc_mode>(UC_MODE_THUMB | UC_MODE_MCLASS), &uc),
              "start");
        check(uc_ctl_set_cpu_model(uc, UC_CPU_ARM_CORTEX_M7), "be a Cortex-M7");
        map_memory();
        system = std::make_unique<MachineSystem>(
            uc,
            board,
            MachineSystem::Host{
                [this](std::uint32_t address, std::uint32_t bytes) { return host(address, bytes); },
                [this] { return now(); },
                [this] { refresh_attention(); },
                [this](std::uint64_t cycles) { spend(cycles); }});
        system->map();
        for (const Segment& segment : image.segments) {
            std::uint8_t* to =
                host(segment.address, static_cast<std::uint32_t>(segment.bytes.size()));
            if (to == nullptr) {
                throw std::runtime_error(image.path + ": " + std::to_string(segment.bytes.size()) +
                                         " bytes at " + hex(segment.address) +
                                         " lie outside the memory of " + std::string(board.name));
            }
            std::copy(segment.bytes.begin(), segment.bytes.end(), to);
        }
        write_register(UC_ARM_REG_C1_C0_2, kCpacrFullAccess);
        write_register(UC_ARM_REG_FPEXC, kFpexcEnable);
        start_at_vector_table();
        install_hooks();
    } catch (...) {
        if (uc != nullptr) uc_close(uc);
        throw;
    }
}

Machine::State::~State() {
    uc_close(uc);
}

void Machine::State::map_memory() {
    for (const Region& region : board.regions) {
        std::uint8_t* memory = nullptr;
        for (const Mapped& other : mapped) {
            const bool shares = region.mirror_of == other.region->address ||
                                other.region->mirror_of == region.address;
            if ((region.mirror_of != 0 || other.region->mirror_of != 0) && shares)
                memory = other.memory;
        }
        if (memory == nullptr) {
            memories.push_back(zeroed(region.bytes));
            memory = memories.back().get();
            // Erased flash reads as ones.
            if (region.kind == MemoryKind::Flash)
                std::fill_n(memory, region.bytes, std::uint8_t{0xff});
        }
        const std::uint32_t rights =
            region.kind == MemoryKind::Flash ? UC_PROT_READ | UC_PROT_EXEC : UC_PROT_ALL;
        check(uc_mem_map_ptr(uc, region.address, region.bytes, rights, memory),
              "map " + std::string(region.name));
        mapped.push_back({&region, memory});
    }
    check(uc_mem_map(uc, kReturnPage, kPage, UC_PROT_READ | UC_PROT_EXEC),
          "map the return address");
    check(uc_mem_write(uc, kReturnAddress, kBranchToSelf, sizeof kBranchToSelf),
          "write the return address");
}

std::uint8_t* Machine::State::host(std::uint32_t address, std::uint32_t bytes) const {
    for (const Mapped& part : mapped) {
        const std::uint32_t offset = address - part.region->address;
        if (offset < part.region->bytes && bytes <= part.region->bytes - offset)
            return part.memory + offset;
    }
    return nullptr;
}

std::span<const std::uint8_t> Machine::State::code_bytes(std::uint32_t address,
                                                         std::uint32_t bytes) const {
    for (const Mapped& part : mapped) {
        const std::uint32_t offset = address - part.region->address;
        if (offset < part.region->bytes)
            return {part.memory + offset, std::min(bytes, part.region->bytes - offset)};
    }
    return {};
}

template <typename Callback>
void Machine::State::add_hook(int types, Callback* callback) {
    uc_hook hook = 0;
    check(uc_hook_add(uc,
                      &hook,
                      types,
                      reinterpret_cast<void*>(callback),
                      this,
                      std::uint64_t{1},
                      std::uint64_t{0}),
          "be watched");
    hooks.push_back(hook);
}

// Translated code calls the hooks there were when it was translated, so it is thrown away. Range by range: flushing all of
// Unicorn's translation buffer writes a gigabyte.
void Machine::State::forget_translations(std::uint32_t address, std::uint32_t bytes) {
    if (!translated) return;
    check(uc_ctl_remove_cache(uc, std::uint64_t{address}, std::uint64_t{address} + bytes),
          "forget translated code");
}

void Machine::State::install_hooks() {
    watched_addresses.clear();
    resolved_blocks.clear();
    if (observer != nullptr && watching == Watching::Resolved) {
        add_hook(UC_HOOK_BLOCK, &on_block_resolved);
    } else if (observer != nullptr) {
        add_hook(UC_HOOK_BLOCK, &on_block_observed);
        add_hook(UC_HOOK_CODE, &on_code);
        add_hook(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, &on_memory);
    } else {
        add_hook(UC_HOOK_BLOCK, &on_block_fast);
    }
    add_hook(UC_HOOK_MEM_INVALID, &on_bad_memory);
    add_hook(UC_HOOK_INTR, &on_interrupt);
    for (const Region& region : board.regions) forget_translations(region.address, region.bytes);
    forget_translations(kReturnPage, kPage);
}

void Machine::State::remove_hooks() {
    for (const uc_hook hook : hooks) check(uc_hook_del(uc, hook), "be left alone");
    hooks.clear();
}

std::uint32_t Machine::State::read_register(int reg) const {
    std::uint32_t value = 0;
    check(uc_reg_read(uc, reg, &value), "read a register");
    return value;
}

void Machine::State::write_register(int reg, std::uint32_t value) {
    check(uc_reg_write(uc, reg, &value), "write a register");
}

std::uint16_t Machine::State::halfword(std::uint32_t address) const {
    const std::uint8_t* bytes = host(address & ~1u, 2);
    return bytes == nullptr ? 0 : static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8);
}

// Initial stack pointer and reset handler, if some segment starts with what can only be a vector table: a word-aligned
// stack pointer into RAM (or just past it) and a Thumb address in the image.
std::optional<Machine::State::Vectors> Machine::State::vector_table() const {
    const auto word = [](const Segment& segment, std::size_t at) {
        return segment.bytes[at] | segment.bytes[at + 1] << 8 | segment.bytes[at + 2] << 16 |
               static_cast<std::uint32_t>(segment.bytes[at + 3]) << 24;
    };
    for (const Segment& segment : image.segments) {
        if (segment.bytes.size() < 8 || segment.address % 128 != 0) continue;
        const std::uint32_t sp = word(segment, 0);
        const std::uint32_t handler = word(segment, 4);
        const Region* stack = board.find_region(sp - 4);
        if (sp % 4 != 0 || stack == nullptr || stack->kind == MemoryKind::Flash ||
            (handler & 1) == 0)
            continue;
        for (const Segment& target : image.segments) {
            if ((handler & ~1u) - target.address < target.bytes.size())
                return Vectors{segment.address, sp, handler & ~1u};
        }
    }
    return std::nullopt;
}

void Machine::State::start_at_vector_table() {
    std::uint32_t sp = 0;
    if (const auto vectors = vector_table()) {
        sp = vectors->sp;
    } else {
        for (const Region& region : board.regions) {
            if (region.kind == MemoryKind::Dtcm) sp = region.address + region.bytes;
        }
    }
    write_register(UC_ARM_REG_SP, sp);
}

void Machine::State::end(Ending why) {
    if (ending == Ending::None) ending = why;
    uc_emu_stop(uc);
}

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

void Machine::State::begin_block(std::uint32_t address, std::uint32_t size) {
    try {
        running = &code.block(address, size, it_carried);
        executed.assign(running->block.instructions.size(), 0);
        current = 0;
        instructions += executed.size();
    } catch (const std::exception& error) {
        running = nullptr;
        ending_message = error.what();
        ending_address = address;
        end(Ending::BadCode);
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
        running = nullptr;
        ending_message = error.what();
        ending_address = address;
        end(Ending::BadCode);
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

void Machine::State::make_translator() {
    if (translator != nullptr || !Translator::available()) return;
    translator = std::make_unique<Translator>(Translator::Host{
        [this](std::uint32_t address) {
            for (const Mapped& part : mapped) {
                if (address - part.region->address < part.region->bytes) {
                    return PlainMemory{part.region->address,
                                       part.region->bytes,
                                       part.memory,
                                       part.region->kind == MemoryKind::Flash};
                }
            }
            return PlainMemory{};
        },
        [this](std::uint32_t address, std::uint32_t size) -> const Block& {
            return code.block(address, size, 0).block;
        },
        [this](std::uint32_t address, unsigned bytes, bool write, std::uint32_t& value) {
            return system->access(address, bytes, write, value);
        }});
}

// Where the emulator enters a block that has been translated, it stops before it.
bool Machine::State::goes_on_translated(std::uint32_t address) {
    if (translator == nullptr || ending != Ending::None || it_carried != 0) return false;
    if (std::exchange(emulated_address, kNowhere) == address) return false;
    if (translator->find(address).code == nullptr) return false;
    // Not within an IT block, and not after a jump out of Thumb code: the emulator knows what comes of that.
    if ((read_register(UC_ARM_REG_XPSR) & (kItState | kThumbState)) != kThumbState) return false;
    ending_address = address;
    end(Ending::Translate);
    return true;
}

// Runs translated blocks from an address on, until one has to be left to the emulator or the run ends.
void Machine::State::run_translated(std::uint32_t& pc) {
    if (observer != nullptr && watching != Watching::Resolved) return;
    make_translator();
    if (translator == nullptr || pc == emulated_address) return;
    Translation* block = &translator->find(pc);
    if (block->code == nullptr) return;
    if (!registers_to_translated()) {
        emulated_address = pc;
        return;
    }
    while (block->code != nullptr) {
        if (!enter_block(pc, block->size)) break;
        instructions += block->block->instructions.size();
        const std::uint32_t next = block->code(&translator->state);
        pc = next & ~1u;
        if ((next & 1) != 0) {
            emulated_address = pc;
            report_part(*block, pc);
            break;
        }
        report_translated(*block, pc);
        if (pc == kReturnAddress) end(Ending::Returned);
        if (ending != Ending::None) break;
        block = &translator->next(*block, pc);
    }
    last_block = ~0u;
    registers_from_translated(pc);
}

inline void Machine::State::report_translated(const Translation& ran, std::uint32_t next_address) {
    if (!ran.may_skip) {
        report({ran.block, ran.accesses, ran.divisions, {}, next_address, true});
        return;
    }
    accesses.clear();
    for (const Access& access : ran.accesses) {
        if (access.address != kNotAccessed) accesses.push_back(access);
    }
    report({ran.block, accesses, ran.divisions, {}, next_address});
    accesses.clear();
}

// Only the instructions before an address have run.
void Machine::State::report_part(const Translation& ran, std::uint32_t end_address) {
    instructions -= ran.block->instructions.size();
    if (end_address == ran.address) return;
    const Block& part = code.block(ran.address, end_address - ran.address, 0).block;
    const std::size_t count = part.instructions.size();
    instructions += count;
    accesses.clear();
    for (const Access& access : ran.accesses) {
        if (access.instruction < count && access.address != kNotAccessed)
            accesses.push_back(access);
    }
    divisions.clear();
    for (const Division& division : ran.divisions) {
        if (division.instruction < count) divisions.push_back(division);
    }
    report({&part, accesses, divisions, {}, end_address});
    accesses.clear();
    divisions.clear();
}

namespace {

struct TransferredRegisters {
    static constexpr std::size_t kCount = 17;
    std::array<int, kCount> numbers{};
    std::array<std::uint32_t, kCount> values{};
    std::array<void*, kCount> places{};

    TransferredRegisters() {
        for (std::size_t reg = 0; reg < 15; ++reg)
            numbers[reg] = unicorn_register(static_cast<Register>(reg));
        numbers[15] = UC_ARM_REG_XPSR;
        numbers[16] = UC_ARM_REG_PC;
        for (std::size_t k = 0; k < kCount; ++k) places[k] = &values[k];
    }
};

}  // namespace

// False where execution stands within an IT block.
bool Machine::State::registers_to_translated() {
    TransferredRegisters all;
    check(uc_reg_read_batch(uc, all.numbers.data(), all.places.data(), 16), "read registers");
    status = all.values[15];
    if ((status & kItState) != 0) return false;
    GuestState& guest = translator->state;
    std::copy_n(all.values.begin(), 15, guest.registers.begin());
    guest.negative = status >> 31 & 1;
    guest.zero = status >> 30 & 1;
    guest.carry = status >> 29 & 1;
    guest.overflow = status >> 28 & 1;
    guest.saturated = status >> kSaturatedBit & 1;
    return true;
}

void Machine::State::registers_from_translated(std::uint32_t pc) {
    TransferredRegisters all;
    const GuestState& guest = translator->state;
    std::copy_n(guest.registers.begin(), 15, all.values.begin());
    all.values[15] = (status & 0x07ff'ffff) | std::uint32_t{guest.negative} << 31 |
                     std::uint32_t{guest.zero} << 30 | std::uint32_t{guest.carry} << 29 |
                     std::uint32_t{guest.overflow} << 28 |
                     std::uint32_t{guest.saturated} << kSaturatedBit;
    all.values[16] = pc | 1;
    check(uc_reg_write_batch(uc,
                             all.numbers.data(),
                             all.places.data(),
                             static_cast<int>(TransferredRegisters::kCount)),
          "write registers");
}

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

Machine::Machine(const Image& image, const Board& board)
    : state_(std::make_unique<State>(image, board)) {
}

Machine::~Machine() = default;
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;

// Regions that touch are one to a program: a tensor may begin in the DTCM and end in the SRAM behind it.
void Machine::write(std::uint32_t address, std::span<const std::uint8_t> bytes) {
    if (bytes.empty()) return;
    if (const std::size_t first = state_->bytes_in_region(address);
        first > 0 && first < bytes.size()) {
        write(address, bytes.first(first));
        return write(address + static_cast<std::uint32_t>(first), bytes.subspan(first));
    }
    std::uint8_t* to = state_->host(address, static_cast<std::uint32_t>(bytes.size()));
    if (to == nullptr) {
        throw std::runtime_error("cannot write " + std::to_string(bytes.size()) + " bytes at " +
                                 hex(address) + ": outside the memory of " +
                                 std::string(state_->board.name));
    }
    std::copy(bytes.begin(), bytes.end(), to);
    // It may have been code.
    if (state_->board.find_region(address)->kind == MemoryKind::Flash) {
        state_->code.forget();
        if (state_->translator != nullptr) state_->translator->forget();
    }
    state_->forget_translations(address, static_cast<std::uint32_t>(bytes.size()));
}

void Machine::read(std::uint32_t address, std::span<std::uint8_t> bytes) const {
    if (bytes.empty()) return;
    if (const std::size_t first = state_->bytes_in_region(address);
        first > 0 && first < bytes.size()) {
        read(address, bytes.first(first));
        return read(address + static_cast<std::uint32_t>(first), bytes.subspan(first));
    }
    const std::uint8_t* from = state_->host(address, static_cast<std::uint32_t>(bytes.size()));
    if (from == nullptr) {
        throw std::runtime_error("cannot read " + std::to_string(bytes.size()) + " bytes at " +
                                 hex(address) + ": outside the memory of " +
                                 std::string(state_->board.name));
    }
    std::copy_n(from, bytes.size(), bytes.data());
}

std::uint32_t Machine::register_value(Register reg) const {
    return state_->read_register(unicorn_register(reg));
}

void Machine::set_register(Register reg, std::uint32_t value) {
    state_->write_register(unicorn_register(reg), value);
}

Stop Machine::reset() {
    State& state = *state_;
    for (Register reg = 0; reg < kSp; ++reg) set_register(reg, 0);
    set_register(kLr, 0xffff'ffff);
    state.start_at_vector_table();
    const auto vectors = state.vector_table();
    if (!vectors && !state.image.entry_is_thumb) {
        return state.fault(state.image.entry,
                           "the image has no vector table with a Thumb address to start at, and "
                           "its entry is even, which is no Thumb code");
    }
    if (vectors) state.system->peripherals().set_vector_table(vectors->address);
    return state.run(vectors ? vectors->reset : state.image.entry);
}

Stop Machine::call(std::uint32_t address, std::span<const std::uint32_t> arguments) {
    if (arguments.size() > 4)
        throw std::invalid_argument("a called function takes at most four word arguments");
    for (std::size_t k = 0; k < arguments.size(); ++k)
        set_register(static_cast<Register>(k), arguments[k]);
    set_register(kSp, register_value(kSp) & ~7u);  // AAPCS: 8-byte aligned at a public interface
    set_register(kLr, kReturnAddress | 1);
    return state_->run(address & ~1u);
}

void Machine::set_observer(BlockObserver* observer, Watching watching) {
    const bool changes_mode = (observer != nullptr) != (state_->observer != nullptr) ||
                              (observer != nullptr && watching != state_->watching);
    if (changes_mode) state_->remove_hooks();
    state_->observer = observer;
    state_->watching = watching;
    if (changes_mode) state_->install_hooks();
}

void Machine::set_instruction_limit(std::uint64_t instructions) {
    state_->limit = instructions;
}

void Machine::set_cycle_limit(std::uint64_t cycles) {
    state_->cycle_limit = cycles;
}

void Machine::set_clock(std::function<std::uint64_t()> cycles) {
    state_->clock = std::move(cycles);
}

std::uint64_t Machine::cycle() const {
    return state_->now();
}

void Machine::hold_interrupts(bool on) {
    state_->system->hold(on);
}

Peripherals& Machine::peripherals() {
    return state_->system->peripherals();
}

const std::string& Machine::console() const {
    return state_->semihosting.console();
}

}  // namespace mixq::sim
