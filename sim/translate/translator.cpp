// Cuts code into blocks as the emulator does, and keeps their translations in one piece of memory.
#include "sim/translate/translator.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <sys/mman.h>

#include "sim/translate/emitter.h"

namespace mixq::sim {

namespace {

// Code and what it writes lie apart, and near enough for 32-bit distances.
constexpr std::size_t kCodeBytes = 32u << 20;
constexpr std::size_t kDataBytes = 16u << 20;
constexpr std::size_t kMostPerBlock = 256u << 10;  // of code: a page of the longest instructions
constexpr std::uint32_t kPageBytes = 1024;         // the emulator's blocks end there
constexpr std::size_t kRecent = 4096;              // direct-mapped; a power of two
constexpr std::uint64_t kLeft = std::uint64_t{1} << 32;

// Memory that may be written and executed.
class Arena {
  public:
    Arena()
        : memory_(static_cast<std::uint8_t*>(::mmap(nullptr,
                                                    kCodeBytes + kDataBytes,
                                                    PROT_READ | PROT_WRITE | PROT_EXEC,
                                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                                    -1,
                                                    0))) {
        if (memory_ == MAP_FAILED) throw std::runtime_error("no memory for translated code");
    }

    ~Arena() { ::munmap(memory_, kCodeBytes + kDataBytes); }

    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    std::uint8_t* code() { return memory_; }

    std::size_t left() const { return kDataBytes - used_; }

    template <typename Object>
    std::span<Object> make(std::size_t count) {
        used_ = (used_ + alignof(Object) - 1) / alignof(Object) * alignof(Object);
        auto* first = reinterpret_cast<Object*>(memory_ + kCodeBytes + used_);
        used_ += count * sizeof(Object);
        for (std::size_t k = 0; k < count; ++k) new (first + k) Object();
        return {first, count};
    }

    void restart() { used_ = 0; }

  private:
    std::uint8_t* memory_;
    std::size_t used_ = 0;
};

std::uint32_t halfword(const std::uint8_t* bytes) {
    return bytes[0] | static_cast<std::uint32_t>(bytes[1]) << 8;
}

bool is_wide(std::uint32_t halfword) {
    return halfword >> 11 >= 0x1d;
}

std::uint16_t core_registers(std::span<const Register> registers) {
    std::uint16_t bits = 0;
    for (const Register reg : registers) {
        if (reg < kPc) bits = static_cast<std::uint16_t>(bits | 1u << reg);
    }
    return bits;
}

bool accesses(const ThumbOp& op) {
    switch (op.act) {
        case Act::Load:
        case Act::Store:
        case Act::LoadMultiple:
        case Act::StoreMultiple:
        case Act::LoadDual:
        case Act::StoreDual:
        case Act::TableBranch:
            return true;
        default:
            return false;
    }
}

bool stores(const ThumbOp& op) {
    return op.act == Act::Store || op.act == Act::StoreMultiple || op.act == Act::StoreDual;
}

// What nobody reads before it is set again need not be worked out.
void find_live_flags(std::vector<EmittedOp>& ops) {
    std::uint8_t live = kFlagN | kFlagZ | kFlagC | kFlagV;
    for (auto emitted = ops.rbegin(); emitted != ops.rend(); ++emitted) {
        ThumbOp& op = emitted->op;
        const std::uint8_t set = flags_set(op);
        op.flags_live = set & live;
        if (op.condition == ThumbOp::kAlways) live = static_cast<std::uint8_t>(live & ~set);
        live |= flags_read(op);
    }
}

}  // namespace

struct Translator::State {
    explicit State(Host machine) : host(std::move(machine)) {}

    Translation& known(std::uint32_t address);
    void translate(Translation& made);
    bool cut(Translation& made, const PlainMemory& memory, std::vector<EmittedOp>& ops) const;
    bool describe(Translation& made, std::vector<EmittedOp>& ops, const PlainMemory& memory);
    void fold(EmittedOp& emitted) const;
    void forget();

    static std::uint64_t slow_access(void* self,
                                     AccessSlot* slot,
                                     std::uint32_t address,
                                     std::uint32_t value);
    std::uint64_t access(AccessSlot& slot, std::uint32_t address, std::uint32_t value) const;

    const Host host;
    Arena arena;
    Emitter emitter{arena.code(), kCodeBytes, &slow_access, this};
    std::unordered_map<std::uint32_t, std::unique_ptr<Translation>> translations;
    std::vector<Translation*> recent = std::vector<Translation*>(kRecent, nullptr);
    std::uint32_t generation = 0;
};

void Translator::State::forget() {
    ++generation;
    std::fill(recent.begin(), recent.end(), nullptr);
    translations.clear();
    arena.restart();
    emitter.restart();
}

// As the emulator does it: a block ends with a branch or a page; an instruction never crosses into the next page.
bool Translator::State::cut(Translation& made,
                            const PlainMemory& memory,
                            std::vector<EmittedOp>& ops) const {
    const std::uint32_t page_end = (made.address & ~(kPageBytes - 1)) + kPageBytes;
    std::uint32_t at = made.address;
    std::uint32_t it_state = 0;
    int it_left = 0;
    int it_done = 0;
    for (;;) {
        const std::uint32_t offset = at - memory.address;
        if (offset + 2 > memory.bytes) return false;
        const std::uint32_t first = halfword(memory.memory + offset);
        const bool wide = is_wide(first);
        if (wide && offset + 4 > memory.bytes) return false;
        if (at != made.address && (at == page_end || (wide && at + 2 == page_end))) break;
        EmittedOp emitted;
        emitted.address = at;
        ThumbOp& op = emitted.op;
        const bool in_it = it_left > 0;
        const bool known = wide ? wide_op(first, halfword(memory.memory + offset + 2), at, op)
                                : narrow_op(first, at, in_it, op);
        if (!known) return false;
        if (in_it) {
            if (op.act == Act::IfThen || op.act == Act::CompareBranch ||
                op.condition != ThumbOp::kAlways)
                return false;
            op.condition =
                static_cast<std::uint8_t>((it_state >> 4 & 14) | (it_state >> (4 - it_done) & 1));
            ++it_done;
            --it_left;
            if (op.act == Act::Divide || op.act == Act::TableBranch ||
                (stores(op) && !memory.constant))
                return false;
        } else if (op.act == Act::IfThen) {
            it_state = op.imm;
            it_left = 4 - std::countr_zero(op.imm & 15);
            it_done = 0;
            if (it_state >> 4 >= 14) return false;
        }
        ops.push_back(emitted);
        at += op.size;
        if (is_branch(op)) break;
    }
    made.size = at - made.address;
    return it_left == 0;
}

// A load of a constant from where constants never change.
void Translator::State::fold(EmittedOp& emitted) const {
    const ThumbOp& op = emitted.op;
    if (op.n != ThumbOp::kNone || (op.act != Act::Load && op.act != Act::LoadDual)) return;
    const PlainMemory memory = host.memory(op.imm);
    const std::uint32_t bytes = op.act == Act::LoadDual ? 8 : 4;
    const std::uint32_t offset = op.imm - memory.address;
    if (memory.memory == nullptr || !memory.constant || op.width != 4 ||
        memory.bytes - offset < bytes)
        return;
    std::memcpy(emitted.values.data(), memory.memory + offset, bytes);
    emitted.folded = true;
    emitted.access->address = op.imm;
}

// What each instruction reads, writes and notes.
bool Translator::State::describe(Translation& made,
                                 std::vector<EmittedOp>& ops,
                                 const PlainMemory& memory) {
    const std::vector<Instruction>& code = made.block->instructions;
    if (code.size() != ops.size()) return false;
    const auto touching = std::count_if(
        ops.begin(), ops.end(), [](const EmittedOp& emitted) { return accesses(emitted.op); });
    const auto dividing = std::count_if(ops.begin(), ops.end(), [](const EmittedOp& emitted) {
        return emitted.op.act == Act::Divide;
    });
    made.accesses = arena.make<Access>(static_cast<std::size_t>(touching));
    made.divisions = arena.make<Division>(static_cast<std::size_t>(dividing));
    const std::span<AccessSlot> slots = arena.make<AccessSlot>(static_cast<std::size_t>(touching));
    std::size_t access = 0;
    std::size_t division = 0;
    for (std::size_t k = 0; k < ops.size(); ++k) {
        EmittedOp& emitted = ops[k];
        const ThumbOp& op = emitted.op;
        const Instruction& instruction = code[k];
        if (accesses(op) != (instruction.memory != Memory::None)) return false;
        emitted.writes =
            core_registers(instruction.writes) | core_registers(instruction.base_update);
        emitted.reads = core_registers(instruction.base_update);
        for (const Read& read : instruction.reads) {
            if (read.reg < kPc)
                emitted.reads = static_cast<std::uint16_t>(emitted.reads | 1u << read.reg);
        }
        if (op.act == Act::Divide) {
            emitted.division = &made.divisions[division++];
            emitted.division->instruction = static_cast<std::uint16_t>(k);
        }
        if (!accesses(op)) continue;
        emitted.access = &made.accesses[access];
        emitted.slot = &slots[access++];
        const int count = std::max<int>(instruction.access_count, 1);
        emitted.access->instruction = static_cast<std::uint16_t>(k);
        emitted.access->write = stores(op);
        emitted.access->bytes = static_cast<std::uint8_t>(instruction.access_bytes * count);
        emitted.slot->bytes = emitted.access->bytes;
        emitted.slot->write = stores(op);
        emitted.slot->is_signed = op.is_signed;
        emitted.slot->multiple =
            op.act != Act::Load && op.act != Act::Store && op.act != Act::TableBranch;
        emitted.slot->block_address = made.address;
        emitted.slot->block_bytes = memory.constant ? 0 : made.size;
        if (op.condition != ThumbOp::kAlways) made.may_skip = true;
        fold(emitted);
    }
    return true;
}

void Translator::State::translate(Translation& made) {
    const PlainMemory memory = host.memory(made.address);
    if (memory.memory == nullptr || (made.address & 1) != 0) return;
    std::vector<EmittedOp> ops;
    try {
        if (!cut(made, memory, ops)) return;
        made.block = &host.block(made.address, made.size);
        if (!describe(made, ops, memory)) return;
    } catch (const std::exception&) {
        return;  // the emulator finds out what is wrong, should it ever get there
    }
    made.instructions = static_cast<std::uint32_t>(ops.size());
    find_live_flags(ops);
    const std::uint8_t* code = memory.memory + (made.address - memory.address);
    if (!memory.constant) {
        made.memory = code;
        made.bytes.assign(code, code + made.size);
    }
    made.code = emitter.emit(ops, made.address + made.size);
}

Translation& Translator::State::known(std::uint32_t address) {
    Translation*& latest = recent[(address >> 1) % kRecent];
    Translation* found = latest;
    if (found == nullptr || found->address != address) {
        const auto known = translations.find(address);
        found = known == translations.end() ? nullptr : known->second.get();
    }
    const bool changed = found != nullptr && found->memory != nullptr &&
                         !std::equal(found->bytes.begin(), found->bytes.end(), found->memory);
    if (found == nullptr || changed) {
        if (emitter.left() < kMostPerBlock || arena.left() < kMostPerBlock) forget();
        std::unique_ptr<Translation>& slot = translations[address];
        // Others may still point at it: it stays where it is.
        if (slot == nullptr) slot = std::make_unique<Translation>();
        *slot = Translation();
        slot->address = address;
        translate(*slot);
        found = slot.get();
    }
    recent[(address >> 1) % kRecent] = found;
    return *found;
}

std::uint64_t Translator::State::slow_access(void* self,
                                             AccessSlot* slot,
                                             std::uint32_t address,
                                             std::uint32_t value) {
    return static_cast<const State*>(self)->access(*slot, address, value);
}

std::uint64_t Translator::State::access(AccessSlot& slot,
                                        std::uint32_t address,
                                        std::uint32_t value) const {
    PlainMemory piece = host.memory(address);
    const std::uint32_t bytes = slot.bytes;
    const auto extended = [&](std::uint32_t raw) -> std::uint64_t {
        const unsigned unused = 32 - 8 * bytes;
        if (!slot.is_signed || bytes >= 4) return raw;
        return static_cast<std::uint32_t>(static_cast<std::int32_t>(raw << unused) >> unused);
    };
    if (piece.memory != nullptr && bytes <= piece.bytes - (address - piece.address)) {
        if (slot.write && piece.constant) return kLeft;
        const std::uint32_t code = slot.block_address - piece.address;
        if (slot.write && slot.block_bytes != 0 && code < piece.bytes) {
            // A store into the code that runs: only what lies to one side of that is good.
            const std::uint32_t code_end = slot.block_address + slot.block_bytes;
            if (address < code_end && slot.block_address < address + bytes) return kLeft;
            const std::uint32_t end = piece.address + piece.bytes;
            if (address < slot.block_address) {
                piece.bytes = code;
            } else {
                piece.memory += code_end - piece.address;
                piece.address = code_end;
                piece.bytes = end - code_end;
            }
        }
        slot.base = piece.address;
        slot.limit = piece.bytes < bytes ? 0 : piece.bytes - bytes + 1;
        slot.memory = piece.memory;
        if (slot.multiple) return address;
        std::uint8_t* at = piece.memory + (address - piece.address);
        if (slot.write) {
            std::memcpy(at, &value, bytes);
            return 0;
        }
        std::uint32_t raw = 0;
        std::memcpy(&raw, at, bytes);
        return extended(raw);
    }
    if (slot.multiple || piece.memory != nullptr || address % bytes != 0) return kLeft;
    if (slot.write && bytes < 4) value &= (1u << 8 * bytes) - 1;
    if (!host.peripheral(address, bytes, slot.write, value)) return kLeft;
    if (bytes < 4) value &= (1u << 8 * bytes) - 1;
    return extended(value);
}

Translator::Translator(Host host) : state_(std::make_unique<State>(std::move(host))) {
}

Translator::~Translator() = default;

bool Translator::available() {
    return true;
}

Translation& Translator::find(std::uint32_t address) {
    return state_->known(address);
}

Translation& Translator::find_next(Translation& from, std::uint32_t address) {
    if (from.other_address == address && from.other->memory == nullptr) {
        std::swap(from.next_address, from.other_address);
        std::swap(from.next, from.other);
        return *from.next;
    }
    const std::uint32_t generation = state_->generation;
    Translation& found = state_->known(address);
    if (state_->generation != generation) return found;
    from.other_address = std::exchange(from.next_address, address);
    from.other = std::exchange(from.next, &found);
    return found;
}

void Translator::forget() {
    state_->forget();
}

}  // namespace mixq::sim
