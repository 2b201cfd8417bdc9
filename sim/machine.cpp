// Makes a machine of an image and a board on Unicorn: its memory, its hooks, and what callers may ask of it.
#include "sim/machine_state.h"

namespace mixq::sim {

namespace {

constexpr std::uint32_t kReturnPage = Machine::kReturnAddress & ~0xfffu;
constexpr std::uint8_t kBranchToSelf[] = {0xfe, 0xe7};
constexpr std::size_t kPage = 4096;                      // Unicorn maps whole ones
constexpr std::uint32_t kCpacrFullAccess = 0x00f0'0000;  // CP10 and CP11, Armv7-M ARM B3.2.20
constexpr std::uint32_t kFpexcEnable = 0x4000'0000;
constexpr std::size_t kMaxBlockInstructions = 4096;

HostMemory zeroed(std::size_t bytes) {
    auto* memory =
        static_cast<std::uint8_t*>(std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage));
    if (memory == nullptr) throw std::bad_alloc();
    std::fill_n(memory, bytes, std::uint8_t{0});
    return HostMemory(memory);
}

}  // namespace

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
