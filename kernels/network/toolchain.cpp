// Finds and drives the Arm compiler and QEMU.
#include "kernels/network/toolchain.h"

#include <array>
#include <cstdlib>
#include <mutex>
#include <stdexcept>

#include "kernels/network/parallel.h"

namespace mixq::kernels {

namespace {

constexpr const char* kCompilerName = "arm-none-eabi-gcc";
constexpr std::chrono::milliseconds kCompileTimeout{120000};

// The core of every target, hard float as its FPU has it. The firmware brings its own memcpy and
// memset, so nothing but this tree and libgcc is measured; -fno-tree-loop-distribute-patterns keeps
// the compiler from calling them for loops we wrote.
constexpr std::array kMachineFlags = {
    "-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"};
constexpr std::array kCompileFlags = {"-O3",
                                      "-std=gnu11",
                                      "-fno-tree-loop-distribute-patterns",
                                      "-ffunction-sections",
                                      "-fdata-sections",
                                      "-fno-common",
                                      "-Wall",
                                      "-Wextra"};

// The line a person needs: the first error, or failing that the first line there is.
std::string first_error(const std::string& text) {
    std::string first;
    std::size_t start = 0;
    while (start < text.size()) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        const std::string line = text.substr(start, end - start);
        start = end + 1;
        if (line.empty()) continue;
        for (const char* mark : {"error:",
                                 "Error:",
                                 "undefined reference",
                                 "cannot find",
                                 "overflowed",
                                 "will not fit",
                                 "multiple definition"}) {
            if (line.find(mark) != std::string::npos) return line;
        }
        if (first.empty()) first = line;
    }
    return first.empty() ? "it gave no reason" : first;
}

void run_compiler(const std::vector<std::string>& arguments,
                  const std::string& doing,
                  std::string* said) {
    const ProgramRun run = run_program(find_compiler().path, arguments, kCompileTimeout);
    if (run.timed_out) throw std::runtime_error(doing + ": the compiler did not finish in time");
    if (run.exit_code != 0) throw std::runtime_error(doing + ": " + first_error(run.errors));
    if (said != nullptr) *said = run.errors;
}

std::string compile_one(const CompileJob& job) {
    const std::filesystem::path device = device_directory();
    std::vector<std::string> arguments(kMachineFlags.begin(), kMachineFlags.end());
    arguments.insert(arguments.end(), kCompileFlags.begin(), kCompileFlags.end());
    arguments.insert(arguments.end(), job.flags.begin(), job.flags.end());
    for (const auto& [key, value] : job.defines) arguments.push_back("-D" + key + "=" + value);
    for (const auto& folder : job.include_directories) arguments.push_back("-I" + folder.string());
    arguments.push_back("-I" + device.string());
    arguments.push_back("-I" + device.parent_path().string());
    arguments.insert(arguments.end(),
                     {"-fdiagnostics-color=never", "-c", "-o", job.object, job.source});
    std::string said;
    run_compiler(arguments, "cannot compile '" + job.source.string() + "'", &said);
    return said;
}

Compiler ask_compiler() {
    const char* chosen = std::getenv("MIXQ_CC");
    const std::string name = chosen != nullptr && *chosen != '\0' ? chosen : kCompilerName;
    const auto path = find_program(name);
    if (!path) {
        throw std::runtime_error("no '" + name +
                                 "' on PATH: install gcc-arm-none-eabi, or name a compiler in the "
                                 "environment variable MIXQ_CC");
    }
    const ProgramRun run = run_program(*path, {"--version"}, kCompileTimeout);
    if (run.exit_code != 0) {
        throw std::runtime_error("'" + path->string() +
                                 " --version' failed: " + first_error(run.errors));
    }
    return {*path, run.output.substr(0, run.output.find('\n'))};
}

}  // namespace

std::filesystem::path device_directory() {
    namespace fs = std::filesystem;
    const auto has_sources = [](const fs::path& path) { return fs::exists(path / "device"); };
    if (const char* chosen = std::getenv("MIXQ_DEVICE_DIR"); chosen != nullptr && *chosen != '\0') {
        if (has_sources(chosen)) return fs::absolute(chosen).lexically_normal();
        throw std::runtime_error(std::string("MIXQ_DEVICE_DIR names '") + chosen +
                                 "', which holds no folder 'device' with the device sources");
    }
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    if (!error) {
        const fs::path installed =
            (program.parent_path() / "../share/mixq-sim/kernels").lexically_normal();
        if (has_sources(installed)) return installed;
    }
    if (has_sources(MIXQ_SOURCE_DEVICE_DIR)) return MIXQ_SOURCE_DEVICE_DIR;
    throw std::runtime_error(
        "the device sources are neither in ../share/mixq-sim/kernels beside the program nor where "
        "it was built; set MIXQ_DEVICE_DIR to the folder kernels/ of the sources");
}

const Compiler& find_compiler() {
    static const Compiler compiler = ask_compiler();
    return compiler;
}

std::string compiler_flags() {
    std::string line;
    for (const char* flag : kMachineFlags) line += (line.empty() ? "" : " ") + std::string(flag);
    for (const char* flag : kCompileFlags) line += " " + std::string(flag);
    return line;
}

std::vector<std::string> compile(std::span<const CompileJob> jobs, int parallel) {
    std::vector<std::string> said(jobs.size());
    in_parallel(jobs.size(), parallel, [&](std::size_t i) { said[i] = compile_one(jobs[i]); });
    return said;
}

void link(std::span<const std::filesystem::path> objects,
          const std::filesystem::path& linker_script,
          const std::filesystem::path& elf) {
    std::vector<std::string> arguments(kMachineFlags.begin(), kMachineFlags.end());
    arguments.insert(arguments.end(),
                     {"-nostdlib",
                      "-static",
                      "-Wl,--gc-sections",
                      "-Wl,--build-id=none",
                      "-Wl,--no-warn-rwx-segments",
                      "-L" + std::filesystem::absolute(linker_script).parent_path().string(),
                      "-T",
                      linker_script,
                      "-o",
                      elf});
    for (const auto& object : objects) arguments.push_back(object);
    arguments.emplace_back("-lgcc");
    run_compiler(arguments, "cannot link '" + elf.string() + "'", nullptr);
}

std::optional<ProgramRun> run_in_qemu(const std::filesystem::path& elf,
                                      std::chrono::milliseconds timeout) {
    const auto qemu = find_program("qemu-system-arm");
    if (!qemu) return std::nullopt;
    return run_program(*qemu,
                       {"-M",
                        "mps2-an500",
                        "-nographic",
                        "-monitor",
                        "none",
                        "-serial",
                        "none",
                        "-chardev",  // without one, what the program prints goes to stderr
                        "stdio,id=console,signal=off",
                        "-semihosting-config",
                        "enable=on,target=native,chardev=console",
                        "-kernel",
                        elf},
                       timeout);
}

}  // namespace mixq::kernels
