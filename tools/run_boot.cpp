// Starts real firmware: raw images, USARTs, and memory that the user sets up.
#include "tools/run_boot.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <stdexcept>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "traces/file.h"

namespace mixq::tools {

namespace {

// A number in hexadecimal (0x) or decimal.
std::uint32_t number(const std::string& text, const std::string& option) {
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    const char* last = text.data() + text.size();
    std::uint32_t value = 0;
    const auto [end, error] =
        std::from_chars(text.data() + (hexadecimal ? 2 : 0), last, value, hexadecimal ? 16 : 10);
    if (error != std::errc{} || end != last || text.empty()) {
        throw std::invalid_argument(option + ": '" + text +
                                    "' is not a number such as 0x20000000 or 512");
    }
    return value;
}

// "A:B:C" as numbers.
std::vector<std::uint32_t> numbers(const std::string& text,
                                   std::size_t count,
                                   const std::string& option,
                                   const std::string& form) {
    std::vector<std::uint32_t> values;
    std::size_t from = 0;
    for (;;) {
        const std::size_t colon = text.find(':', from);
        const std::size_t length = colon == std::string::npos ? colon : colon - from;
        values.push_back(number(text.substr(from, length), option));
        if (colon == std::string::npos) break;
        from = colon + 1;
    }
    if (values.size() != count)
        throw std::invalid_argument(option + " takes " + form + ", not '" + text + "'");
    return values;
}

// "USART1", "LPUART1", "UART4": a name, even of one that a board does not have, and not a file.
bool names_usart(const std::string& text) {
    std::string_view rest = text;
    if (rest.starts_with("LP")) rest.remove_prefix(2);
    if (rest.starts_with("USART")) {
        rest.remove_prefix(5);
    } else if (rest.starts_with("UART")) {
        rest.remove_prefix(4);
    } else {
        return false;
    }
    return rest.find_first_not_of("0123456789") == std::string_view::npos;
}

// Memories that touch are one to a program.
void copy_across(sim::Machine& machine,
                 const sim::Board& board,
                 std::uint32_t address,
                 std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const sim::Region* region = board.find_region(address);
        const std::size_t left =
            region == nullptr ? bytes.size() : region->bytes - (address - region->address);
        const std::size_t count = std::min(bytes.size(), left);
        machine.write(address, bytes.first(count));
        address += static_cast<std::uint32_t>(count);
        bytes = bytes.subspan(count);
    }
}

// No board has more; a larger count is a slip of the pen.
constexpr std::uint32_t kMostBytes = 64u << 20;

// Bytes from the standard input, as they come.
class StandardInput {
  public:
    std::optional<std::uint8_t> next(bool wait) {
        if (at_ == buffer_.size() && !ended_) fill(wait);
        if (at_ == buffer_.size()) return std::nullopt;
        return static_cast<std::uint8_t>(buffer_[at_++]);
    }

  private:
    void fill(bool wait) {
        struct stat status {};

        // Only a terminal or a pipe can have nothing yet.
        const bool file = ::fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode);
        pollfd ready{STDIN_FILENO, POLLIN, 0};
        if (!file && !wait && ::poll(&ready, 1, 0) == 0) return;
        char chunk[4096];
        const ssize_t count = ::read(STDIN_FILENO, chunk, sizeof chunk);
        ended_ = count <= 0;
        buffer_.assign(chunk, count > 0 ? static_cast<std::size_t>(count) : 0);
        at_ = 0;
    }

    std::string buffer_;
    std::size_t at_ = 0;
    bool ended_ = false;
};

}  // namespace

// One USART's other end.
struct Boot::Wire {
    std::string input;  // of a file
    std::size_t at = 0;
    StandardInput standard;
    std::string output;
    std::string output_path;  // empty: not a file
    std::string line;
    std::FILE* stream = nullptr;

    std::optional<std::uint8_t> next() {
        if (at == input.size()) return std::nullopt;
        return static_cast<std::uint8_t>(input[at++]);
    }

    // Whole lines, so that they do not mix with anything else.
    void print_line(std::uint8_t byte) {
        if (byte != '\r' && byte != '\n') line += static_cast<char>(byte);
        if (byte == '\n') flush_line();
    }

    void flush_line() {
        if (stream == nullptr) return;
        std::fprintf(stream, "uart| %s\n", line.c_str());
        line.clear();
    }
};

Boot::Boot(const BootOptions& options,
           sim::Machine& machine,
           const sim::Board& board,
           std::FILE* out) {
    machine.peripherals().set_strict(options.strict);
    machine.set_cycle_limit(options.max_cycles);
    for (const std::string& option : options.uart) connect(option, machine, out);
    if (!rest_connected_) {
        auto rest = std::make_unique<Wire>();
        rest->stream = out;
        machine.peripherals().connect_rest(
            {nullptr, [wire = rest.get()](std::uint8_t byte) { wire->print_line(byte); }});
        wires_.push_back(std::move(rest));
    }

    const auto check_size = [](std::uint32_t bytes, const std::string& option) {
        if (bytes > kMostBytes) {
            throw std::invalid_argument(option + ": " + std::to_string(bytes) +
                                        " bytes are more than any board has");
        }
    };
    for (const std::string& copy : options.copy) {
        const auto values = numbers(copy, 3, "--copy", "SRC:DST:BYTES");
        check_size(values[2], "--copy");
        std::vector<std::uint8_t> bytes(values[2]);
        machine.read(values[0], bytes);
        copy_across(machine, board, values[1], bytes);
    }
    for (const std::string& zero : options.zero) {
        const auto values = numbers(zero, 2, "--zero", "DST:BYTES");
        check_size(values[1], "--zero");
        copy_across(machine, board, values[0], std::vector<std::uint8_t>(values[1]));
    }
    if (!options.sp.empty()) machine.set_register(sim::kSp, number(options.sp, "--sp"));
}

Boot::~Boot() = default;

// "-", "in.txt", "in.txt,out.txt": the USART that the program uses; "USART1", "USART1:in.txt,out.txt", ...: that one.
void Boot::connect(const std::string& option, sim::Machine& machine, std::FILE* out) {
    const std::size_t colon = option.find(':');
    const bool named = names_usart(option.substr(0, colon));
    std::string input = !named                       ? option
                        : colon == std::string::npos ? "-"
                                                     : option.substr(colon + 1);
    std::string output = "-";
    if (const std::size_t comma = input.find(','); comma != std::string::npos) {
        output = input.substr(comma + 1);
        input.resize(comma);
    }
    auto made = std::make_unique<Wire>();
    Wire* wire = made.get();
    sim::SerialPort port;
    if (input == "-") {
        port.input = [wire](bool wait) { return wire->standard.next(wait); };
    } else if (!input.empty()) {
        wire->input = traces::read_text(input);
        port.input = [wire](bool) { return wire->next(); };
    }
    if (output == "-") {
        port.output = [out](std::uint8_t byte) {
            std::fputc(byte, out);
            if (byte == '\n') std::fflush(out);
        };
    } else if (!output.empty()) {
        wire->output_path = output;
        port.output = [wire](std::uint8_t byte) { wire->output += static_cast<char>(byte); };
    }
    if (named) {
        machine.peripherals().connect(option.substr(0, colon), std::move(port));
    } else {
        if (rest_connected_)
            throw std::invalid_argument("--uart " + option +
                                        ": only one can be without a name; write USART1:" + option);
        machine.peripherals().connect_rest(std::move(port));
        rest_connected_ = true;
    }
    wires_.push_back(std::move(made));
}

void Boot::finish() {
    for (const std::unique_ptr<Wire>& wire : wires_) {
        if (!wire->output_path.empty()) traces::write_file(wire->output_path, wire->output);
        if (!wire->line.empty()) wire->flush_line();
    }
}

sim::Image load_image(const std::string& path, const BootOptions& options) {
    if (sim::is_elf(path)) return sim::read_elf(path);
    if (options.base.empty()) {
        throw std::runtime_error(
            path +
            ": not an ELF file; where it is a raw flash image, say where it lies: --base "
            "0x08000000");
    }
    return sim::read_raw(path, number(options.base, "--base"));
}

void check_vectors(const sim::Image& image, const sim::Board& board, const BootOptions& options) {
    if (options.base.empty() || sim::is_elf(image.path)) return;
    const std::vector<std::uint8_t>& bytes = image.segments.front().bytes;
    const std::uint32_t sp =
        bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
    const sim::Region* region = board.find_region(sp - 4);
    if (sp % 4 == 0 && region != nullptr && region->kind != sim::MemoryKind::Flash) return;
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(sp));
    throw std::runtime_error(image.path + ": its first word " + text +
                             " is no stack pointer into the RAM of " + std::string(board.name) +
                             ": not a flash image with a vector table, or one of another part");
}

nlohmann::json unknown_registers(sim::Machine& machine) {
    nlohmann::json list = nlohmann::json::array();
    for (const sim::UnknownRegister& known : machine.peripherals().unknown_registers()) {
        char address[16];
        std::snprintf(address, sizeof address, "0x%08x", static_cast<unsigned>(known.address));
        list.push_back({{"address", address},
                        {"peripheral", known.peripheral},
                        {"reads", known.reads},
                        {"writes", known.writes}});
    }
    return list;
}

void add_boot_options(CLI::App& command, BootOptions& options) {
    const std::string start = "Start-up";
    const std::string limits = "Limits";
    command
        .add_option("--base",
                    options.base,
                    "Where a raw flash image lies, such as 0x08000000; an ELF knows")
        ->option_text("ADDRESS")
        ->group(start);
    command
        .add_option("--uart",
                    options.uart,
                    "Connect the program's USART to IN[,OUT]: files, or '-' for stdin and stdout; "
                    "NAME:IN[,OUT], such as USART1:-, where it uses several. What no one connects "
                    "is printed after 'uart|'")
        ->option_text("[NAME:]IN[,OUT]")
        ->allow_extra_args(false)
        ->group(start);
    command
        .add_option(
            "--copy", options.copy, "With --call, instead of start-up: copy memory first (.data)")
        ->option_text("SRC:DST:BYTES")
        ->allow_extra_args(false)
        ->group(start);
    command
        .add_option(
            "--zero", options.zero, "With --call, instead of start-up: clear memory first (.bss)")
        ->option_text("DST:BYTES")
        ->allow_extra_args(false)
        ->group(start);
    command.add_option("--sp", options.sp, "With --call, instead of start-up: the stack pointer")
        ->option_text("ADDRESS")
        ->group(start);
    command
        .add_flag("--interrupts",
                  options.interrupts,
                  "With --call: deliver interrupts during the call too; they are held otherwise")
        ->group(start);
    command
        .add_option("--max-cycles",
                    options.max_cycles,
                    "Stop a run that simulates more cycles than this; 0 for no limit")
        ->option_text("CYCLES")
        ->group(limits);
    command
        .add_flag("--strict",
                  options.strict,
                  "Stop at the first register that the simulator only remembers and does not know")
        ->group(limits);
}

}  // namespace mixq::tools
