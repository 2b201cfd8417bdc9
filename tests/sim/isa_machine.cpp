#include "tests/sim/isa_machine.h"

#include <stdexcept>
#include <string>

// Unicorn 2.0.1 itself forgets a few page tables when code is written; read by LeakSanitizer, where it is linked.
extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __lsan_default_suppressions() {
    return "leak:libunicorn";
}

namespace mixq::sim::testing {

namespace {

constexpr std::uint32_t kCode = 0x00010000;
constexpr std::uint32_t kCodeBytes = 0x00100000;
constexpr std::uint32_t kSlot = 16;
constexpr std::array<std::uint32_t, 4> kWindows = {0x20000000, 0x40000000, 0x60000000, 0xa0000000};

void check(uc_err error) {
    if (error != UC_ERR_OK) {
        throw std::runtime_error(uc_strerror(error));
    }
}

constexpr int kNamed = kRegisters - 1;  // all but pc

std::array<int, kNamed> names() {
    std::array<int, kNamed> result{};
    for (int i = 0; i < 13; ++i) {
        result[i] = UC_ARM_REG_R0 + i;
    }
    result[13] = UC_ARM_REG_SP;
    result[14] = UC_ARM_REG_LR;
    for (int i = 0; i < 32; ++i) {
        result[15 + i] = UC_ARM_REG_S0 + i;
    }
    return result;
}

template <class Word>
std::array<Word*, kNamed> places(std::array<Word, kRegisters>& registers) {
    std::array<Word*, kNamed> result{};
    for (int i = 0; i < kNamed; ++i) {
        result[i] = &registers[i < kPc ? i : i + 1];
    }
    return result;
}

}  // namespace

void OneInstruction::start_engine() {
    const bool m7 = core_ == Core::CortexM7;
    const int mode = m7 ? UC_MODE_THUMB | UC_MODE_MCLASS : UC_MODE_THUMB;
    check(uc_open(UC_ARCH_ARM, static_cast<uc_mode>(mode), &engine_));
    check(uc_ctl_set_cpu_model(engine_, m7 ? UC_CPU_ARM_CORTEX_M7 : UC_CPU_ARM_MAX));
}

OneInstruction::OneInstruction(Core core) : core_(core) {
    start_engine();
    check(uc_mem_map(engine_, kCode, kCodeBytes, UC_PROT_ALL));
    for (std::uint32_t window : kWindows) {
        check(uc_mem_map(engine_, window, kDataBytes, UC_PROT_ALL));
        fill(window, kDataBytes);
    }
    std::uint32_t value = 0xf << 20;  // CPACR: full access to coprocessors 10 and 11
    check(uc_reg_write(engine_, UC_ARM_REG_C1_C0_2, &value));
    value = 1U << 30;  // FPEXC.EN
    check(uc_reg_write(engine_, UC_ARM_REG_FPEXC, &value));
    check(uc_hook_add(engine_,
                      &write_hook_,
                      UC_HOOK_MEM_WRITE,
                      reinterpret_cast<void*>(&OneInstruction::on_write),
                      this,
                      1,
                      0));
    // Without this hook an exception would stay pending in the engine for good.
    check(uc_hook_add(engine_,
                      &exception_hook_,
                      UC_HOOK_INTR,
                      reinterpret_cast<void*>(&OneInstruction::on_exception),
                      this,
                      1,
                      0));
    // The first floating point instruction starts a context and would reset FPSCR: let this be it.
    constexpr std::uint32_t kVaddF32 = 0xee300a00;
    run(place(kVaddF32, 4), 4, State{});
}

OneInstruction::~OneInstruction() {
    uc_close(engine_);
}

void OneInstruction::on_exception(uc_engine* engine, std::uint32_t, void* self) {
    static_cast<OneInstruction*>(self)->exception_ = true;
    uc_emu_stop(engine);
}

void OneInstruction::on_write(
    uc_engine*, uc_mem_type, std::uint64_t address, int bytes, std::int64_t value, void* self) {
    static_cast<OneInstruction*>(self)->stores_.push_back({address, bytes, value});
}

// Every word differs and is a Thumb address in one of the windows, so that it can be loaded into pc. Any mixing of
// the address will do; this is Knuth's multiplicative hash.
void OneInstruction::fill(std::uint64_t address, std::uint32_t bytes) {
    std::vector<std::uint8_t> content(bytes);
    for (std::uint32_t i = 0; i < bytes; ++i) {
        const std::uint32_t place = static_cast<std::uint32_t>(address) + i;
        const std::uint32_t mixed = place * 2654435761U >> 20;
        switch (place % 4) {
            case 0:
                content[i] = static_cast<std::uint8_t>(mixed | 1);
                break;
            case 2:
                content[i] = static_cast<std::uint8_t>(mixed & 0xf);
                break;
            case 3:
                content[i] = static_cast<std::uint8_t>(kWindows[mixed & 3] >> 24);
                break;
            default:
                content[i] = static_cast<std::uint8_t>(mixed);
                break;
        }
    }
    check(uc_mem_write(engine_, address, content.data(), bytes));
}

// Every instruction gets its own place: translated code is not asked to notice that it changed.
std::uint32_t OneInstruction::place(std::uint32_t encoding, int size) {
    next_ = (next_ + kSlot) % (kCodeBytes / 2);
    const std::uint32_t address = kCode + kCodeBytes / 4 + next_;
    const std::uint32_t first = size == 4 ? encoding >> 16 : encoding;
    const std::array<std::uint8_t, 4> code = {static_cast<std::uint8_t>(first),
                                              static_cast<std::uint8_t>(first >> 8),
                                              static_cast<std::uint8_t>(encoding),
                                              static_cast<std::uint8_t>(encoding >> 8)};
    check(uc_ctl_remove_cache(engine_, address, address + kSlot));
    check(uc_mem_write(engine_, address, code.data(), size));
    return address;
}

void OneInstruction::write_flags(const State& state, int it_condition) {
    // ITSTATE is condition and mask; its bits 7:2 are XPSR's and CPSR's 15:10, bits 1:0 are 26:25.
    const std::uint32_t it = it_condition < 16 ? it_condition << 4 | 8 : 0;
    const std::uint32_t it_bits = it >> 2 << 10 | (it & 3) << 25;
    std::uint32_t word = state.fp_flags;
    check(uc_reg_write(engine_, UC_ARM_REG_FPSCR, &word));
    if (core_ == Core::CortexM7) {
        word = it_bits | 1U << 24;  // T
        check(uc_reg_write(engine_, UC_ARM_REG_XPSR, &word));
        word = state.flags;
        check(uc_reg_write(engine_, UC_ARM_REG_APSR_NZCVQG, &word));
    } else {
        word = it_bits | state.flags | 1U << 5 | 0x1f;  // T, system mode
        check(uc_reg_write(engine_, UC_ARM_REG_CPSR, &word));
    }
}

void OneInstruction::read_flags(State& state) {
    std::uint32_t word = 0;
    check(uc_reg_read(engine_, core_ == Core::CortexM7 ? UC_ARM_REG_XPSR : UC_ARM_REG_CPSR, &word));
    state.flags = word & (kConditionFlags | kGeFlags);
    check(uc_reg_read(engine_, UC_ARM_REG_FPSCR, &word));
    state.fp_flags = word & kConditionFlags;
}

Outcome OneInstruction::run(std::uint32_t address,
                            int size,
                            const State& before,
                            int it_condition) {
    static const std::array<int, kNamed> kNames = names();
    Outcome outcome;
    outcome.state = before;
    auto values = places(outcome.state.registers);
    check(uc_reg_write_batch(engine_,
                             const_cast<int*>(kNames.data()),
                             reinterpret_cast<void* const*>(values.data()),
                             kNamed));
    write_flags(before, it_condition);
    stores_.clear();
    exception_ = false;
    const uc_err error = uc_emu_start(engine_, address | 1, address + size, 0, 1);
    outcome.executed = error == UC_ERR_OK && !exception_;
    check(uc_reg_read_batch(
        engine_, const_cast<int*>(kNames.data()), reinterpret_cast<void**>(values.data()), kNamed));
    check(uc_reg_read(engine_, UC_ARM_REG_PC, &outcome.pc));
    read_flags(outcome.state);
    outcome.stores = stores_;
    for (const Write& store : stores_) {
        fill(store.address, static_cast<std::uint32_t>(store.bytes));
    }
    return outcome;
}

bool OneInstruction::executes(std::uint32_t encoding, int size) {
    State state;
    for (Register reg = 0; reg < kPc; ++reg) {
        state.registers[reg] = kData + 0x1000;
    }
    return run(place(encoding, size), size, state).executed;
}

}  // namespace mixq::sim::testing
