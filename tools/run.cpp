// The verb run: times an image, or one function of it, on a board.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "sim/simulate.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/run_boot.h"
#include "tools/run_memory.h"
#include "tools/run_observers.h"
#include "tools/run_tables.h"

namespace mixq::tools {

namespace {

constexpr std::uint64_t kMostOfStartUp =
    2'000'000'000;  // instructions: ten seconds of a board, or more
constexpr const char* kRaiseLimits = "raise --max-instructions or --max-cycles to go on";

struct RunOptions {
    std::string image;
    std::string board = "stm32f746";
    std::string call;
    int calls = 1;
    bool skip_start = false;
    std::vector<std::string> watch;
    std::uint64_t max_instructions = 20'000'000'000;
    std::string json;
    ObserverOptions why;
    BootOptions boot;
    MemoryOptions memory;
};

// A symbol of the image, or an address written in hexadecimal or decimal.
std::uint32_t resolve(const sim::Image& image, const std::string& function) {
    if (const sim::Symbol* symbol = image.find_symbol(function)) return symbol->address & ~1u;
    const bool hexadecimal = function.starts_with("0x") || function.starts_with("0X");
    const char* first = function.data() + (hexadecimal ? 2 : 0);
    const char* last = function.data() + function.size();
    std::uint32_t address = 0;
    const auto [end, error] = std::from_chars(first, last, address, hexadecimal ? 16 : 10);
    if (error == std::errc{} && end == last) return address & ~1u;
    throw std::runtime_error(image.path + ": there is no symbol '" + function +
                             "', and it is not an address");
}

// The name that watching an address goes by: only symbols can be watched.
std::optional<std::string> symbol_at(const sim::Image& image, std::uint32_t address) {
    const sim::Symbol* function = image.find_function(address);
    if (function != nullptr && function->address == address) return function->name;
    return std::nullopt;
}

double since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// What the program wrote through semihosting.
void print_console(const std::string& console, std::FILE* output) {
    std::fputs(console.c_str(), output);
    if (!console.empty() && console.back() != '\n') std::fputc('\n', output);
}

// "0x08000418 in main+24"
std::string place(const sim::Image& image, std::uint32_t address) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(address));
    const sim::Symbol* function = image.find_function(address);
    if (function == nullptr) return text;
    const std::uint32_t offset = address - function->address;
    return text + (" in " + function->name) + (offset == 0 ? "" : "+" + std::to_string(offset));
}

// Throws where a run ended in a way that makes its figures worthless.
void require_end(const sim::Stop& stop, const std::string& what, const std::string& advice) {
    if (stop.halt == sim::Halt::Fault || stop.halt == sim::Halt::UnknownInstruction)
        throw std::runtime_error(what + ": " + stop.message);
    if (stop.halt == sim::Halt::InstructionLimit)
        throw std::runtime_error(what + ": " + stop.message + "; " + advice);
}

// Until the program idles, at full speed.
void start_up(sim::Simulation& simulation, const RunOptions& options) {
    simulation.machine().set_instruction_limit(std::min(options.max_instructions, kMostOfStartUp));
    const sim::Stop stop = simulation.run(false);
    require_end(
        stop,
        "start-up",
        "where it never idles, set memory up by hand (--copy, --zero, --sp) or call at once "
        "(--skip-start)");
    if (stop.halt == sim::Halt::Exited && stop.exit_code != 0)
        throw std::runtime_error("start-up exited with code " + std::to_string(stop.exit_code));
    simulation.machine().set_instruction_limit(options.max_instructions);
}

std::vector<sim::CallTiming> time_calls(sim::Simulation& simulation,
                                        const sim::Image& image,
                                        const RunOptions& options,
                                        std::uint32_t address,
                                        double& wall_s) {
    if (!options.skip_start && !options.boot.by_hand()) start_up(simulation, options);
    simulation.machine().hold_interrupts(!options.boot.interrupts);
    std::vector<sim::CallTiming> unnamed;
    const auto begin = std::chrono::steady_clock::now();
    for (int k = 0; k < options.calls; ++k) {
        const sim::CallTiming before = simulation.total();
        const sim::Stop stop = simulation.call(address, {}, true);
        require_end(stop, options.call, kRaiseLimits);
        if (stop.halt == sim::Halt::Idle) {
            throw std::runtime_error(
                options.call + ": never returned: it idles at " + place(image, stop.address) +
                " with nothing to wake it" +
                (options.boot.interrupts ? "" : "; --interrupts delivers interrupts"));
        }
        if (stop.halt == sim::Halt::Exited) {
            throw std::runtime_error(options.call + ": exited with code " +
                                     std::to_string(stop.exit_code) + " at " +
                                     place(image, stop.address) + " instead of returning");
        }
        const sim::CallTiming after = simulation.total();
        unnamed.push_back(
            {options.call, after.counts - before.counts, after.timing - before.timing});
    }
    wall_s = since(begin);
    return unnamed;
}

struct Timed {
    std::vector<sim::CallTiming> calls;
    std::uint64_t cycles = 0;  // all that was timed
    double wall_s = 0;         // that it took
    int exit_code = 0;
    std::string end;  // how the program ended; empty after calls
    std::string console;
    std::string memory_text;
    std::string memory_word;
    nlohmann::json memory;
    nlohmann::json unknown_registers;
};

// The table and what the program says share a stream, unless JSON has it.
std::FILE* program_output(const RunOptions& options) {
    return options.json == "-" ? stderr : stdout;
}

// From reset: main(), or everything where there is none.
void time_program(sim::Simulation& simulation,
                  const sim::Image& image,
                  const RunOptions& options,
                  bool has_main,
                  Timed& timed) {
    const auto begin = std::chrono::steady_clock::now();
    const sim::Stop stop = simulation.run(true);
    timed.wall_s = since(begin);
    require_end(stop, options.image, kRaiseLimits);
    timed.exit_code = stop.exit_code;
    timed.end = stop.halt == sim::Halt::Exited
                    ? "exited with code " + std::to_string(stop.exit_code)
                    : "idle, with nothing to wake it";
    timed.end += " at " + place(image, stop.address);
    timed.calls = simulation.calls();
    if (has_main) return;
    sim::CallTiming whole = simulation.total();
    whole.function = "reset";
    timed.calls.push_back(std::move(whole));
}

Timed time_image(const sim::Image& image,
                 const sim::Board& board,
                 const RunOptions& options,
                 RunObservers& observers) {
    std::vector<std::string> watched = options.watch;
    const auto watch = [&](const std::string& name) {
        if (std::find(watched.begin(), watched.end(), name) == watched.end())
            watched.push_back(name);
    };
    const bool calls = !options.call.empty();
    const std::uint32_t address = calls ? resolve(image, options.call) : 0;
    const std::optional<std::string> symbol = calls ? symbol_at(image, address)
                                              : image.find_symbol("main") != nullptr
                                                  ? std::optional<std::string>("main")
                                                  : std::nullopt;
    if (symbol) watch(*symbol);
    const bool start_up = !calls || (!options.skip_start && !options.boot.by_hand());
    const RunMemory memory(options.memory, board, start_up);
    sim::Simulation simulation(image, board, watched);
    memory.apply(simulation);
    observers.attach(simulation);
    simulation.machine().set_instruction_limit(options.max_instructions);
    Boot boot(options.boot, simulation.machine(), board, program_output(options));
    Timed timed;
    try {
        if (calls) {
            timed.calls = time_calls(simulation, image, options, address, timed.wall_s);
            if (symbol) timed.calls = simulation.calls();
        } else {
            time_program(simulation, image, options, symbol.has_value(), timed);
        }
    } catch (...) {
        // What the program said before it failed may say why.
        boot.finish();
        print_console(simulation.machine().console(), program_output(options));
        throw;
    }
    boot.finish();
    timed.cycles = simulation.total().timing.cycles;
    timed.console = simulation.machine().console();
    timed.memory_text = memory.text(simulation);
    timed.memory_word = memory.word(simulation);
    timed.memory = memory.to_json(simulation);
    timed.unknown_registers = unknown_registers(simulation.machine());
    return timed;
}

// "0.038 s of the board simulated in 0.021 s: 1.81 board seconds per second"
std::string speed_text(double board_s, double wall_s) {
    return fixed(board_s, 4) + " s of the board simulated in " + fixed(wall_s, 4) +
           " s: " + fixed(board_s / std::max(wall_s, 1e-9), 2) + " board seconds per second";
}

void run(const RunOptions& options) {
    const sim::Board& board = sim::find_board(options.board);
    if (options.boot.by_hand() && options.call.empty())
        throw std::invalid_argument("--copy, --zero and --sp need --call: there is no start-up");
    const sim::Image image = load_image(options.image, options.boot);
    if (!options.boot.by_hand() && !options.skip_start) check_vectors(image, board, options.boot);
    RunObservers observers(options.why, image, board);
    const Timed timed = time_image(image, board, options, observers);
    const double board_s = static_cast<double>(timed.cycles) / static_cast<double>(board.clock_hz);

    const bool table = options.json != "-";
    std::FILE* output = program_output(options);
    print_console(timed.console, output);
    if (table && !timed.calls.empty()) {
        const std::string text =
            overview(timed.calls, board) + "\n" + breakdown(timed.calls.back());
        std::printf("%s\n%s, %s at %g MHz, %s\n%s\n",
                    text.c_str(),
                    std::string(board.name).c_str(),
                    std::string(board.core).c_str(),
                    static_cast<double>(board.clock_hz) / 1e6,
                    timed.memory_text.c_str(),
                    speed_text(board_s, timed.wall_s).c_str());
    }
    if (table && !timed.end.empty()) std::printf("ended: %s\n", timed.end.c_str());
    observers.report(table ? stdout : nullptr);
    nlohmann::json calls = nlohmann::json::array();
    for (const sim::CallTiming& call : timed.calls) calls.push_back(to_json(call));
    write_json(options.json,
               {{"calls", calls},
                {"clock_hz", board.clock_hz},
                {"cycles", timed.cycles},
                {"wall_s", timed.wall_s},
                {"speed", board_s / std::max(timed.wall_s, 1e-9)},
                {"exit_code", timed.exit_code},
                {"end", timed.end.empty() ? "returned" : timed.end},
                {"memory", timed.memory},
                {"unknown_registers", timed.unknown_registers},
                {"provenance",
                 {{"tool", tool_version()},
                  {"image", image.path},
                  {"elf_sha256", image.sha256},
                  {"board", board.name},
                  {"core", board.core},
                  {"mode", timed.memory["mode"]},
                  {"memory", timed.memory_word}}}});
    if (timed.exit_code != 0) {
        throw std::runtime_error(image.path + ": the program exited with code " +
                                 std::to_string(timed.exit_code));
    }
}

}  // namespace

void add_run(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("run", "Time an image, or one of its functions, on a board");
    auto options = std::make_shared<RunOptions>();
    std::string boards;
    for (const std::string_view name : sim::board_names())
        boards += (boards.empty() ? "" : ", ") + std::string(name);

    command
        ->add_option("image",
                     options->image,
                     "An ELF executable for the Cortex-M7, or a raw flash image (--base)")
        ->required();
    command->add_option("--board", options->board, "Where it runs: " + boards)
        ->capture_default_str();
    command->add_option(
        "--call", options->call, "Run start-up, then time this function: a symbol or an address");
    command
        ->add_option("--calls",
                     options->calls,
                     "How often to call it; the first one meets a cold branch predictor")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    command->add_flag(
        "--skip-start", options->skip_start, "With --call: do not run start-up first");
    command->add_option("--watch", options->watch, "Also time every call of these functions")
        ->option_text("FUNCTION ...");
    command
        ->add_option("--max-instructions",
                     options->max_instructions,
                     "Stop a run that executes more than this")
        ->capture_default_str()
        ->group("Limits");
    add_memory_options(*command, options->memory);
    add_boot_options(*command, options->boot);
    add_observer_options(*command, options->why);
    command->add_option("--json",
                        options->json,
                        "Write the figures to this file; '-' for stdout instead of the table");
    command->footer(
        R"(Without --call, main() is timed as the program runs from reset, or everything where there is no main(). With it, the
program starts up untimed until it idles or exits, then the function is called. Every cycle has a name: two instructions
issued, one (and why not two), or none (a stall, by cause). Times are cycles of the board's clock.

Exact mode has caches, bus and flash of the board as the program sets them up: SCB CCR, cache maintenance and FLASH_ACR count
from when they are written, so a program that switches nothing on runs uncached. Where no start-up code runs (--copy, --zero,
--sp, --skip-start) all is taken to be on. Options win over both. The last line says what it was.

A program that goes wrong ends with exit code 1 and one line: what, where (symbol and offset), and the blocks before it.

Examples:
  mixq-sim run firmware.elf                                      main() of an ELF
  mixq-sim run firmware.elf --call network_run --calls 2 --json - the second call has warm caches and a warm predictor
  mixq-sim run firmware.elf --call network_run --mode fast       how much of it is memory? compare with the line above
  mixq-sim run firmware.elf --call network_run --dcache off --wait-states 9
  mixq-sim run firmware.elf --call network_run --hotspots --annotate conv1 --perfetto trace.json
  mixq-sim run flash.bin --base 0x08000000 --call 0x08004000 --calls 2
  mixq-sim run flash.bin --base 0x08000000 --call 0x08004000 --copy 0x08010000:0x20000000:512 --zero 0x20000200:4096 \
      --sp 0x20010000                                            without booting it
  printf 'name%%' | mixq-sim run flash.bin --base 0x08000000 --uart -
  mixq-sim run flash.bin --base 0x08000000 --uart USART1:script.txt,answers.txt --max-cycles 500000000 --strict)");
    command->callback([options] { run(*options); });
}

}  // namespace mixq::tools
