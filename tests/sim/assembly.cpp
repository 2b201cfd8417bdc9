// Runs the assembler.
#include "tests/sim/assembly.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

#include "sim/board.h"
#include "traces/file.h"

namespace mixq::tests {

namespace {

constexpr const char* kPrelude =
    ".syntax unified\n.cpu cortex-m7\n.fpu fpv5-sp-d16\n.thumb\n.text\n"
    ".global start\n.type start, %function\n";

const std::filesystem::path& directory() {
    // Removed when the process ends.
    struct Directory {
        std::filesystem::path path;

        Directory() {
            std::string pattern =
                (std::filesystem::temp_directory_path() / "mixq-asm-XXXXXX").string();
            if (mkdtemp(pattern.data()) == nullptr)
                throw std::runtime_error("cannot make " + pattern);
            path = pattern;
        }

        ~Directory() {
            std::error_code ignored;
            std::filesystem::remove_all(path, ignored);
        }
    };

    static const Directory made;
    return made.path;
}

void shell(const std::string& command, const std::filesystem::path& log) {
    const int status = std::system((command + " > " + log.string() + " 2>&1").c_str());
    if (status != 0) throw std::runtime_error(command + ": " + traces::read_text(log));
}

std::uint64_t run_loop(const std::string& body,
                       int iterations,
                       const LoopOptions& options,
                       sim::Timing& timing) {
    std::string source =
        "start:\n push {r4-r11, lr}\n ldr r0, =0x20000100\n ldr r1, =0x20000200\n ldr.w r11, =" +
        std::to_string(iterations) + "\n" + options.setup + "\n b.w 1f\n .balign 8\n .space " +
        std::to_string(options.head_offset) + "\n1:\n" + body +
        "\n dmb\n subs.w r11, r11, #1\n bne.w 1b\n pop {r4-r11, pc}\n .ltorg\n" + options.after +
        "\n";
    const sim::Image image = assemble(source);
    sim::Simulation simulation(image, sim::find_board(options.board), {"start"});
    simulation.machine().set_instruction_limit(10'000'000);
    const sim::Stop stop = simulation.call(image.entry, {}, true);
    if (stop.halt != sim::Halt::Returned)
        throw std::runtime_error("the loop did not return: " + stop.message);
    timing = simulation.calls().at(0).timing;
    return timing.cycles;
}

}  // namespace

bool has_assembler() {
    static const bool there = std::system(
                                  "arm-none-eabi-as --version > /dev/null 2>&1 && arm-none-eabi-ld "
                                  "--version > /dev/null 2>&1") == 0;
    return there;
}

std::filesystem::path assemble_elf(const std::string& source, const std::string& text) {
    static std::atomic<int> number{0};
    const std::string stem = (directory() / ("snippet" + std::to_string(number++))).string();
    traces::write_file(stem + ".s", kPrelude + source);
    shell("arm-none-eabi-as -mcpu=cortex-m7 -mfpu=fpv5-sp-d16 -mthumb " + stem + ".s -o " + stem +
              ".o",
          stem + ".log");
    shell("arm-none-eabi-ld -n -e start -Ttext=" + text + " " + stem + ".o -o " + stem + ".elf",
          stem + ".log");
    return stem + ".elf";
}

sim::Image assemble(const std::string& source) {
    return sim::read_elf(assemble_elf(source));
}

sim::Timing loop_difference(const std::string& body, int iterations, const LoopOptions& options) {
    constexpr int kWarm = 64;
    sim::Timing shorter;
    sim::Timing longer;
    run_loop(body, kWarm, options, shorter);
    run_loop(body, kWarm + iterations, options, longer);
    return longer - shorter;
}

double cycles_of(const std::string& body, const LoopOptions& options) {
    constexpr int kIterations = 60;
    return static_cast<double>(loop_difference(body, kIterations, options).cycles) / kIterations -
           2.0;
}

}  // namespace mixq::tests
