// Serves semihosting calls.
#include "sim/semihosting.h"

#include <array>
#include <cstdio>
#include <stdexcept>

namespace mixq::sim {

namespace {

constexpr std::uint32_t kFailure = 0xffff'ffff;
constexpr std::size_t kMaxConsole = 64u << 20;  // a program that prints more is not printing
constexpr std::uint32_t kApplicationExit = 0x20026;
constexpr std::uint32_t kOut = 2;
constexpr std::uint32_t kErr = 3;

enum Operation : std::uint32_t {
    kOpen = 0x01,
    kClose = 0x02,
    kWriteC = 0x03,
    kWrite0 = 0x04,
    kWrite = 0x05,
    kRead = 0x06,
    kReadC = 0x07,
    kIsError = 0x08,
    kIsTty = 0x09,
    kSeek = 0x0a,
    kFlen = 0x0c,
    kTmpnam = 0x0d,
    kRemove = 0x0e,
    kRename = 0x0f,
    kClock = 0x10,
    kTime = 0x11,
    kSystem = 0x12,
    kErrno = 0x13,
    kGetCmdline = 0x15,
    kHeapinfo = 0x16,
    kExit = 0x18,
    kExitExtended = 0x20,
    kElapsed = 0x30,
    kTickfreq = 0x31,
};

struct BadAddress : std::runtime_error {
    explicit BadAddress(std::uint32_t address)
        : std::runtime_error("semihosting call with a bad address"), at(address) {}

    std::uint32_t at;
};

std::array<std::uint8_t, 4> little_endian(std::uint32_t value) {
    return {static_cast<std::uint8_t>(value),
            static_cast<std::uint8_t>(value >> 8),
            static_cast<std::uint8_t>(value >> 16),
            static_cast<std::uint8_t>(value >> 24)};
}

}  // namespace

std::uint32_t Semihosting::word(std::uint32_t address, int index) {
    std::array<std::uint8_t, 4> raw;
    const std::uint32_t at = address + 4u * static_cast<std::uint32_t>(index);
    if (!memory_.read(at, raw)) throw BadAddress(at);
    return raw[0] | raw[1] << 8 | raw[2] << 16 | static_cast<std::uint32_t>(raw[3]) << 24;
}

std::string Semihosting::bytes(std::uint32_t address, std::uint32_t count) {
    if (count > kMaxConsole) throw BadAddress(address);
    std::string out(count, '\0');
    if (!memory_.read(address, {reinterpret_cast<std::uint8_t*>(out.data()), out.size()}))
        throw BadAddress(address);
    return out;
}

std::string Semihosting::text(std::uint32_t address) {
    std::string out;
    for (std::uint8_t byte = 0; out.size() < kMaxConsole; ++address) {
        if (!memory_.read(address, {&byte, 1})) throw BadAddress(address);
        if (byte == 0) break;
        out.push_back(static_cast<char>(byte));
    }
    return out;
}

void Semihosting::store(std::uint32_t address, std::span<const std::uint8_t> data) {
    if (!memory_.write(address, data)) throw BadAddress(address);
}

// The console, for reading (mode 0 to 3), writing (4 to 7) and, as newlib opens stderr, appending.
std::uint32_t Semihosting::open(std::uint32_t block) {
    if (bytes(word(block, 0), word(block, 2)) != ":tt") return kFailure;
    const std::uint32_t mode = word(block, 1);
    return mode < 4 ? 1 : mode < 8 ? kOut : kErr;
}

std::uint32_t Semihosting::write_console(const std::string& output) {
    if (console_.size() + output.size() > kMaxConsole)
        throw std::runtime_error("printed more than 64 MiB");
    console_ += output;
    return 0;
}

Semihosting::Outcome Semihosting::call(std::uint32_t operation,
                                       std::uint32_t parameter,
                                       std::uint64_t elapsed,
                                       std::uint64_t ticks_per_second) {
    Outcome outcome;
    try {
        switch (operation) {
            case kOpen:
                outcome.result = open(parameter);
                break;
            case kWriteC:
                write_console(bytes(parameter, 1));
                break;
            case kWrite0:
                write_console(text(parameter));
                break;
            case kWrite: {
                const std::uint32_t handle = word(parameter, 0);
                if (handle != kOut && handle != kErr) {
                    outcome.result = word(parameter, 2);  // nothing was written
                } else {
                    outcome.result = write_console(bytes(word(parameter, 1), word(parameter, 2)));
                }
                break;
            }
            case kRead:
                outcome.result = word(parameter, 2);  // end of file: nothing was read
                break;
            case kIsError:
                outcome.result = static_cast<std::int32_t>(word(parameter, 0)) < 0 ? 1 : 0;
                break;
            case kIsTty:
                outcome.result = 1;
                break;
            case kClose:
            case kFlen:
            case kTime:
            case kErrno:
                break;
            case kReadC:
            case kSeek:
            case kTmpnam:
            case kRemove:
            case kRename:
            case kSystem:
                outcome.result = kFailure;
                break;
            case kClock:
                outcome.result = static_cast<std::uint32_t>(elapsed * 100 / ticks_per_second);
                break;
            case kElapsed:
                store(parameter, little_endian(static_cast<std::uint32_t>(elapsed)));
                store(parameter + 4, little_endian(static_cast<std::uint32_t>(elapsed >> 32)));
                break;
            case kTickfreq:
                outcome.result = static_cast<std::uint32_t>(ticks_per_second);
                break;
            case kGetCmdline: {
                const std::uint8_t end = 0;
                store(word(parameter, 0), {&end, 1});
                store(parameter + 4, little_endian(0));
                break;
            }
            case kHeapinfo: {
                // Zeros: the program's own linker symbols say where heap and stack are.
                const std::array<std::uint8_t, 16> nothing{};
                store(word(parameter, 0), nothing);
                break;
            }
            case kExit:
                outcome.exits = true;
                outcome.exit_code = parameter == kApplicationExit ? 0 : 1;
                break;
            case kExitExtended:
                outcome.exits = true;
                outcome.exit_code = word(parameter, 0) == kApplicationExit
                                        ? static_cast<std::int32_t>(word(parameter, 1))
                                        : 1;
                break;
            default: {
                char message[64];
                std::snprintf(message,
                              sizeof message,
                              "unknown semihosting call 0x%x",
                              static_cast<unsigned>(operation));
                outcome.fault = message;
            }
        }
    } catch (const BadAddress& bad) {
        char message[80];
        std::snprintf(
            message, sizeof message, "%s (0x%08x)", bad.what(), static_cast<unsigned>(bad.at));
        outcome.fault = message;
    } catch (const std::runtime_error& error) {
        outcome.fault = error.what();
    }
    return outcome;
}

}  // namespace mixq::sim
