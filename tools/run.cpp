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

namespace mixq::tools {

namespace {

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

std::string percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0
               ? "-"
               : fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
}

nlohmann::json to_json(const sim::CallTiming& call) {
    nlohmann::json classes;
    for (std::size_t k = 0; k < traces::kInstrClasses; ++k) {
        const auto instr_class = static_cast<traces::InstrClass>(k);
        classes[std::string(traces::name(instr_class))] = call.counts[instr_class];
    }
    nlohmann::json stalls;
    for (std::size_t k = 0; k < sim::kStalls; ++k) {
        stalls[std::string(sim::name(static_cast<sim::Stall>(k)))] = call.timing.stalls[k];
    }
    nlohmann::json unpaired;
    for (std::size_t k = 0; k < sim::kUnpaired; ++k) {
        unpaired[std::string(sim::name(static_cast<sim::Unpaired>(k)))] = call.timing.unpaired[k];
    }
    return {{"function", call.function},
            {"cycles", call.timing.cycles},
            {"instructions", call.timing.instructions},
            {"classes", classes},
            {"stalls", stalls},
            {"issue_cycles", call.timing.issue_cycles},
            {"dual_issues", call.timing.dual_issues},
            {"unpaired", unpaired},
            {"branches", call.timing.branches},
            {"mispredicts", call.timing.mispredicts}};
}

std::string overview(const std::vector<sim::CallTiming>& calls, const sim::Board& board) {
    std::vector<std::vector<std::string>> rows;
    for (std::size_t k = 0; k < calls.size(); ++k) {
        const auto same = [&](const sim::CallTiming& c) { return c.function == calls[k].function; };
        // One row per function: its last call, when the branch predictor is warm.
        if (std::any_of(calls.begin() + static_cast<std::ptrdiff_t>(k) + 1, calls.end(), same))
            continue;
        const sim::Timing& timing = calls[k].timing;
        const double ms =
            1e3 * static_cast<double>(timing.cycles) / static_cast<double>(board.clock_hz);
        rows.push_back({calls[k].function,
                        grouped(std::count_if(calls.begin(), calls.end(), same)),
                        grouped(static_cast<std::int64_t>(timing.cycles)),
                        fixed(ms, 3),
                        grouped(static_cast<std::int64_t>(timing.instructions)),
                        fixed(static_cast<double>(timing.instructions) /
                                  static_cast<double>(std::max<std::uint64_t>(timing.cycles, 1)),
                              2)});
    }
    return format_columns({"function", "calls", "cycles (last)", "ms", "instructions", "IPC"},
                          rows);
}

std::string breakdown(const sim::CallTiming& call) {
    const sim::Timing& timing = call.timing;
    std::vector<std::vector<std::string>> rows;
    const auto add = [&](const std::string& what, std::uint64_t cycles) {
        if (cycles != 0) {
            rows.push_back(
                {what, grouped(static_cast<std::int64_t>(cycles)), percent(cycles, timing.cycles)});
        }
    };
    add("two instructions issued", timing.dual_issues);
    for (std::size_t k = 0; k < sim::kUnpaired; ++k) {
        add("one: " + std::string(sim::name(static_cast<sim::Unpaired>(k))), timing.unpaired[k]);
    }
    for (std::size_t k = 0; k < sim::kStalls; ++k) {
        add("stall: " + std::string(sim::name(static_cast<sim::Stall>(k))), timing.stalls[k]);
    }
    std::string text = format_columns({"cycles of " + call.function, "cycles", "share"}, rows);
    rows.clear();
    for (std::size_t k = 0; k < traces::kInstrClasses; ++k) {
        const auto instr_class = static_cast<traces::InstrClass>(k);
        rows.push_back({std::string(traces::name(instr_class)),
                        grouped(static_cast<std::int64_t>(call.counts[instr_class])),
                        percent(call.counts[instr_class], call.counts.total())});
    }
    return text + "\n" + format_columns({"instructions", "count", "share"}, rows);
}

double since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// What the program wrote through semihosting.
void print_console(const std::string& console, std::FILE* output) {
    std::fputs(console.c_str(), output);
    if (!console.empty() && console.back() != '\n') std::fputc('\n', output);
}

// Throws where a run ended in a way that makes its figures worthless.
void require_end(const sim::Stop& stop, const std::string& what) {
    if (stop.halt == sim::Halt::Fault || stop.halt == sim::Halt::InstructionLimit ||
        stop.halt == sim::Halt::UnknownInstruction) {
        const bool limit = stop.halt == sim::Halt::InstructionLimit;
        throw std::runtime_error(what + ": " + stop.message +
                                 (limit ? "; raise --max-instructions or --max-cycles" : ""));
    }
}

std::vector<sim::CallTiming> time_calls(sim::Simulation& simulation,
                                        const RunOptions& options,
                                        std::uint32_t address,
                                        const std::string& function,
                                        double& wall_s) {
    if (!options.skip_start && !options.boot.by_hand()) {
        const sim::Stop start = simulation.run(false);
        require_end(start, "start-up");
        if (start.halt == sim::Halt::Exited && start.exit_code != 0) {
            throw std::runtime_error("start-up exited with code " +
                                     std::to_string(start.exit_code));
        }
    }
    simulation.machine().hold_interrupts(!options.boot.interrupts);
    std::vector<sim::CallTiming> unnamed;
    const auto begin = std::chrono::steady_clock::now();
    for (int k = 0; k < options.calls; ++k) {
        const sim::CallTiming before = simulation.total();
        const sim::Stop stop = simulation.call(address, {}, true);
        require_end(stop, function);
        const sim::CallTiming after = simulation.total();
        unnamed.push_back({function, after.counts - before.counts, after.timing - before.timing});
    }
    wall_s = since(begin);
    return unnamed;
}

struct Timed {
    std::vector<sim::CallTiming> calls;
    std::uint64_t cycles = 0;  // all that was timed
    double wall_s = 0;         // that it took
    int exit_code = 0;
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
                  const RunOptions& options,
                  bool has_main,
                  Timed& timed) {
    const auto begin = std::chrono::steady_clock::now();
    const sim::Stop stop = simulation.run(true);
    timed.wall_s = since(begin);
    require_end(stop, options.image);
    timed.exit_code = stop.exit_code;
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
            timed.calls = time_calls(simulation, options, address, options.call, timed.wall_s);
            if (symbol) timed.calls = simulation.calls();
        } else {
            time_program(simulation, options, symbol.has_value(), timed);
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
    command->add_option("--watch", options->watch, "Also time every call of these functions");
    command
        ->add_option("--max-instructions",
                     options->max_instructions,
                     "Stop a run that executes more than this")
        ->capture_default_str();
    add_memory_options(*command, options->memory);
    add_boot_options(*command, options->boot);
    add_observer_options(*command, options->why);
    command->add_option("--json",
                        options->json,
                        "Write the figures to this file; '-' for stdout instead of the table");
    command->footer(
        "Without --call, main() is timed as the program runs from reset, or everything where there "
        "is no main().\n"
        "Every cycle is accounted for: two instructions issued, one (and why not two), or none (a "
        "stall, by cause).\n"
        "Data memory is ideal: no caches or wait states yet.\n\n"
        "Examples:\n"
        "  mixq-sim run firmware.elf --call network_run --calls 2 --json -\n"
        "  mixq-sim run firmware.elf --call network_run --hotspots --annotate conv1 --perfetto "
        "trace.json\n"
        "  printf 'name%' | mixq-sim run flash.bin --base 0x08000000 --uart USART1\n"
        "  mixq-sim run flash.bin --base 0x08000000 --call 0x08005428 --calls 2");
    command->callback([options] { run(*options); });
}

}  // namespace mixq::tools
