// Peripheral accesses and exceptions of a machine. Stacking and EXC_RETURN: Armv7-M ARM (DDI 0403E) B1.5.6 to B1.5.8; the
// floating-point part of a frame is stored at once, never lazily.
#include "sim/machine_system.h"

#include <array>
#include <cstring>
#include <stdexcept>

#include "sim/isa/hex.h"

namespace mixq::sim {

namespace {

constexpr std::uint32_t kThumbState = 1u << 24;    // xPSR
constexpr std::uint32_t kItState = 0x0600'fc00;    // xPSR
constexpr std::uint32_t kExceptionNumber = 0x1ff;  // xPSR
constexpr std::uint32_t kFrameAligned = 1u << 9;   // stacked xPSR: four bytes were skipped
constexpr std::uint32_t kProcessStack = 1u << 1;   // CONTROL
constexpr std::uint32_t kFloatingPoint = 0xc;      // CONTROL: FPCA and, of v8-M, SFPA
constexpr std::uint32_t kBasicFrame = 8 * 4;
constexpr std::uint32_t kExtendedFrame = 26 * 4;  // and s0 to s15, FPSCR, a reserved word
constexpr std::uint32_t kReturnBase = 0xffff'ffe1;
constexpr std::uint32_t kReturnToThread = 1u << 3;
constexpr std::uint32_t kReturnToProcessStack = 1u << 2;
constexpr std::uint32_t kReturnBasicFrame = 1u << 4;

constexpr std::array kFrameRegisters = {
    UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3, UC_ARM_REG_R12, UC_ARM_REG_LR};

std::uint32_t load(const std::uint8_t* bytes, std::uint32_t index) {
    std::uint32_t value;
    std::memcpy(&value, bytes + 4 * index, sizeof value);
    return value;
}

void store(std::uint8_t* bytes, std::uint32_t index, std::uint32_t value) {
    std::memcpy(bytes + 4 * index, &value, sizeof value);
}

}  // namespace

MachineSystem::MachineSystem(uc_engine* uc, const Board& board, Host host)
    : uc_(uc), host_(std::move(host)), peripherals_(board, interrupts_, host_.now) {
    ranges_ = {{this, 0x4000'0000, 0x2000'0000}, {this, 0xe000'0000, 0x10'0000}};
    if (board.name.starts_with("stm32f7")) {
        ranges_.push_back({this, 0x1ff0'f000, 0x1000});
        ranges_.push_back({this, 0xa000'0000, 0x2000});
    } else {
        ranges_.push_back({this, board.name == "stm32h7a3" ? 0x08ff'f000u : 0x1ff1'e000u, 0x1000});
    }
}

void MachineSystem::map() {
    for (Range& range : ranges_) {
        const uc_err error =
            uc_mmio_map(uc_, range.address, range.bytes, &on_read, &range, &on_write, &range);
        if (error != UC_ERR_OK) {
            throw std::runtime_error("the emulator cannot map the peripherals at " +
                                     hex(range.address) + ": " + uc_strerror(error));
        }
    }
}

bool MachineSystem::access(std::uint32_t address,
                           unsigned bytes,
                           bool write,
                           std::uint32_t& value) {
    for (Range& range : ranges_) {
        const std::uint32_t offset = address - range.address;
        if (offset >= range.bytes || bytes > range.bytes - offset) continue;
        if (write) {
            on_write(uc_, offset, bytes, value, &range);
        } else {
            value = static_cast<std::uint32_t>(on_read(uc_, offset, bytes, &range));
        }
        return true;
    }
    return false;
}

std::uint64_t MachineSystem::on_read(uc_engine*, std::uint64_t offset, unsigned bytes, void* user) {
    const Range& range = *static_cast<Range*>(user);
    MachineSystem& system = *range.system;
    const std::uint32_t value =
        system.peripherals_.read(range.address + static_cast<std::uint32_t>(offset), bytes);
    system.refresh();
    return value;
}

void MachineSystem::on_write(
    uc_engine*, std::uint64_t offset, unsigned bytes, std::uint64_t value, void* user) {
    const Range& range = *static_cast<Range*>(user);
    MachineSystem& system = *range.system;
    system.peripherals_.write(range.address + static_cast<std::uint32_t>(offset),
                              bytes,
                              static_cast<std::uint32_t>(value));
    system.refresh();
}

std::uint32_t MachineSystem::read(int reg) const {
    std::uint32_t value = 0;
    uc_reg_read(uc_, reg, &value);
    return value;
}

void MachineSystem::write(int reg, std::uint32_t value) {
    uc_reg_write(uc_, reg, &value);
}

ExceptionMasks MachineSystem::masks() const {
    return {(read(UC_ARM_REG_PRIMASK) & 1) != 0,
            (read(UC_ARM_REG_FAULTMASK) & 1) != 0,
            static_cast<std::uint8_t>(read(UC_ARM_REG_BASEPRI))};
}

void MachineSystem::refresh() {
    const bool at_once = !peripherals_.trouble().empty() || (!held_ && interrupts_.ready() != 0);
    attention_ = at_once ? 0 : held_ ? kNever : peripherals_.next_event();
    host_.changed();
}

void MachineSystem::hold(bool on) {
    held_ = on;
    refresh();
}

bool MachineSystem::must_stop() {
    peripherals_.advance();
    refresh();
    if (!peripherals_.trouble().empty()) return true;
    // Not in the middle of an IT block that the emulator has cut.
    return !held_ && interrupts_.ready() != 0 && interrupts_.next(masks()) != 0 &&
           (read(UC_ARM_REG_XPSR) & kItState) == 0;
}

std::string MachineSystem::deliver(std::uint32_t& pc) {
    if (!peripherals_.trouble().empty()) return peripherals_.trouble();
    const int exception = held_ ? 0 : interrupts_.next(masks());
    return exception == 0 ? "" : enter(exception, pc);
}

std::string MachineSystem::supervisor_call(std::uint32_t& pc) {
    // Armv7-M ARM (DDI 0403E) B1.5.4 and B1.5.14.
    if (!interrupts_.outranks(Interrupts::kSvCall, masks()))
        return "SVC where SVCall cannot interrupt (masked, or inside a handler of no lower "
               "priority): a HardFault on the board, and a lockup inside one";
    return enter(Interrupts::kSvCall, pc);
}

std::string MachineSystem::enter(int exception, std::uint32_t& pc) {
    const std::uint32_t control = read(UC_ARM_REG_CONTROL);
    const std::uint32_t status = read(UC_ARM_REG_XPSR);
    const bool nested = (status & kExceptionNumber) != 0;
    const bool process_stack = !nested && (control & kProcessStack) != 0;
    const bool extended = (control & kFloatingPoint) != 0;
    const std::string name = "exception " + std::to_string(exception);

    std::uint32_t sp = read(UC_ARM_REG_SP);
    const bool skips = sp % 8 != 0;
    sp = (sp - (extended ? kExtendedFrame : kBasicFrame)) & ~7u;
    std::uint8_t* frame = host_.memory(sp, extended ? kExtendedFrame : kBasicFrame);
    if (frame == nullptr)
        return name + " cannot be entered: its frame at " + hex(sp) + " lies outside the memory";
    for (std::uint32_t k = 0; k < kFrameRegisters.size(); ++k)
        store(frame, k, read(kFrameRegisters[k]));
    store(frame, 6, pc);
    store(frame, 7, (status & ~kFrameAligned) | kThumbState | (skips ? kFrameAligned : 0));
    if (extended) {
        for (std::uint32_t k = 0; k < 16; ++k)
            store(frame, 8 + k, read(UC_ARM_REG_S0 + static_cast<int>(k)));
        store(frame, 24, read(UC_ARM_REG_FPSCR));
    }
    const std::uint32_t vector = peripherals_.vector_table() + 4 * static_cast<unsigned>(exception);
    const std::uint8_t* entry = host_.memory(vector, 4);
    const std::uint32_t handler = entry == nullptr ? 0 : load(entry, 0);
    if ((handler & 1) == 0)
        return name + " has no handler: its vector at " + hex(vector) + " holds " + hex(handler);

    write(UC_ARM_REG_SP, sp);
    write(UC_ARM_REG_CONTROL, control & ~(kProcessStack | kFloatingPoint));
    write(UC_ARM_REG_XPSR,
          (status & ~(kExceptionNumber | kItState)) | kThumbState |
              static_cast<std::uint32_t>(exception));
    write(UC_ARM_REG_LR,
          kReturnBase | (extended ? 0 : kReturnBasicFrame) | (nested ? 0 : kReturnToThread) |
              (process_stack ? kReturnToProcessStack : 0));
    interrupts_.enter(exception);
    refresh();
    host_.spend(kEntryCycles);
    pc = handler & ~1u;
    return "";
}

std::string MachineSystem::exception_return(std::uint32_t& pc) {
    const std::uint32_t how = pc | 1;
    const std::uint32_t status = read(UC_ARM_REG_XPSR);
    const bool extended = (how & kReturnBasicFrame) == 0;
    const bool to_thread = (how & kReturnToThread) != 0;
    const bool process_stack = to_thread && (how & kReturnToProcessStack) != 0;
    const std::uint32_t exception = status & kExceptionNumber;
    if (exception == 0 || !interrupts_.active(static_cast<int>(exception)) ||
        (how | 0x1c) != 0xffff'fffd)
        return "exception return through " + hex(how) + " although no exception is active";

    write(UC_ARM_REG_XPSR, kThumbState);
    const std::uint32_t control = read(UC_ARM_REG_CONTROL) & ~(kProcessStack | kFloatingPoint);
    write(UC_ARM_REG_CONTROL, control | (process_stack ? kProcessStack : 0) | (extended ? 4u : 0));
    const std::uint32_t sp = read(UC_ARM_REG_SP);
    const std::uint32_t bytes = extended ? kExtendedFrame : kBasicFrame;
    const std::uint8_t* frame = host_.memory(sp, bytes);
    if (frame == nullptr)
        return "exception return finds no frame at " + hex(sp) + ", outside the memory";
    for (std::uint32_t k = 0; k < kFrameRegisters.size(); ++k)
        write(kFrameRegisters[k], load(frame, k));
    if (extended) {
        for (std::uint32_t k = 0; k < 16; ++k)
            write(UC_ARM_REG_S0 + static_cast<int>(k), load(frame, 8 + k));
        write(UC_ARM_REG_FPSCR, load(frame, 24));
    }
    const std::uint32_t stacked = load(frame, 7);
    write(UC_ARM_REG_SP, (sp + bytes) | ((stacked & kFrameAligned) != 0 ? 4u : 0));
    write(UC_ARM_REG_XPSR, (stacked & ~kFrameAligned) | kThumbState);
    write(UC_ARM_REG_FAULTMASK, 0);
    interrupts_.leave(static_cast<int>(exception));
    refresh();
    host_.spend(kReturnCycles);
    pc = load(frame, 6) & ~1u;
    return "";
}

bool MachineSystem::wake() {
    const bool woken = !held_ && peripherals_.wake();
    refresh();
    return woken && interrupts_.ready() != 0;
}

}  // namespace mixq::sim
