// Hands the probes' loops to llvm-mca as assembly and reads its total back.
#include "tools/compare/llvm_mca.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <stdexcept>

#include <stdlib.h>

#include "kernels/network/toolchain.h"
#include "sim/isa/instruction.h"
#include "tools/console.h"
#include "traces/file.h"

namespace mixq::tools {

namespace {

namespace fs = std::filesystem;

constexpr int kShort = 200;  // iterations; the difference of two runs holds neither start nor end
constexpr int kLong = 600;

std::vector<sim::Instruction> instructions_of(const sim::Image& image,
                                              const sim::Symbol& function) {
    std::vector<sim::Instruction> instructions;
    const sim::Decoder decoder;
    for (const sim::Segment& segment : image.segments) {
        if (function.address - segment.address >= segment.bytes.size()) continue;
        std::uint32_t at = function.address - segment.address;
        const std::size_t end = std::min<std::size_t>(at + function.size, segment.bytes.size());
        while (at + 2 <= end) {
            instructions.push_back(decoder.decode(
                segment.address + at, segment.bytes.data() + at, segment.bytes.size() - at, false));
            at += instructions.back().size;
        }
    }
    return instructions;
}

// The body of the only loop, as text; empty where there are other branches or predicated instructions.
std::string loop_text(const std::vector<sim::Instruction>& all) {
    const auto branches = [](const sim::Instruction& i) {
        return i.branch == sim::BranchKind::Direct;
    };
    const auto closing = std::find_if(all.begin(), all.end(), branches);
    if (closing == all.end() || std::find_if(closing + 1, all.end(), branches) != all.end())
        return "";
    std::string text = ".syntax unified\n.thumb\nloop:\n";
    for (auto i = all.begin(); i != closing; ++i) {
        if (i->address < closing->target) continue;
        if (i->branch != sim::BranchKind::None || i->mnemonic == "it") return "";
        text += " " + i->text + "\n";
    }
    return text + " bne.w loop\n";
}

std::optional<double> total_cycles(const std::string& program,
                                   const fs::path& source,
                                   int iterations) {
    const kernels::ProgramRun run =
        kernels::run_program(program,
                             {"-mtriple=thumbv7em-none-eabi",
                              "-mcpu=cortex-m7",
                              "-iterations=" + std::to_string(iterations),
                              source.string()},
                             std::chrono::seconds{20});
    constexpr std::string_view kTotal = "Total Cycles:";
    const std::size_t at = run.output.find(kTotal);
    if (run.exit_code != 0 || at == std::string::npos) return std::nullopt;
    const std::size_t digits = run.output.find_first_not_of(' ', at + kTotal.size());
    double cycles = 0;
    const auto [end, error] =
        std::from_chars(run.output.data() + digits, run.output.data() + run.output.size(), cycles);
    if (error != std::errc{}) return std::nullopt;
    return cycles;
}

}  // namespace

std::string find_llvm_mca() {
    for (const char* name : {"llvm-mca-14", "llvm-mca"}) {
        if (const auto found = kernels::find_program(name)) return found->string();
    }
    return "";
}

std::optional<double> llvm_mca_loop(const std::string& program,
                                    const sim::Image& probes,
                                    const std::string& function) {
    const sim::Symbol* symbol = probes.find_symbol(function);
    if (symbol == nullptr) return std::nullopt;
    const std::string text = loop_text(instructions_of(probes, *symbol));
    if (text.empty()) return std::nullopt;
    std::string folder = (fs::temp_directory_path() / "mixq-mca-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
        throw std::runtime_error("cannot make a temporary folder '" + folder + "'");
    traces::write_file(fs::path(folder) / "loop.s", text);
    const auto some = total_cycles(program, fs::path(folder) / "loop.s", kShort);
    const auto more = total_cycles(program, fs::path(folder) / "loop.s", kLong);
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    if (!some || !more) return std::nullopt;
    return (*more - *some) / (kLong - kShort);
}

std::map<std::string, double> llvm_mca_facts(const std::vector<BoardFact>& facts,
                                             const sim::Image& probes) {
    const std::string program = find_llvm_mca();
    if (program.empty())
        throw std::runtime_error("llvm-mca is not installed: apt-get install llvm-14");
    std::map<std::string, double> values;
    for (const BoardFact& fact : facts) {
        const std::optional<double> value = value_of_loops(fact, [&](const std::string& function) {
            return llvm_mca_loop(program, probes, function);
        });
        if (value) values[fact.id] = *value;
    }
    return values;
}

std::string llvm_mca_table(const std::vector<Comparison>& comparisons,
                           const std::map<std::string, double>& theirs) {
    const auto text = [](double ratio) {
        return (ratio > 0 ? "+" : "") + fixed(100 * ratio, 1) + " %";
    };
    std::vector<std::vector<std::string>> rows;
    double our_sum = 0;
    double their_sum = 0;
    int closer = 0;
    int even = 0;
    for (const Comparison& one : comparisons) {
        const auto their = theirs.find(one.fact.id);
        if (their == theirs.end() || !one.simulated) continue;
        const double our_error = one.relative_error();
        const double their_error = (their->second - one.fact.value) / one.fact.value;
        our_sum += std::abs(our_error);
        their_sum += std::abs(their_error);
        closer += std::abs(our_error) < std::abs(their_error) ? 1 : 0;
        even += std::abs(std::abs(our_error) - std::abs(their_error)) < 1e-9 ? 1 : 0;
        rows.push_back({one.fact.id,
                        fixed(one.fact.value, 2),
                        fixed(*one.simulated, 2),
                        text(our_error),
                        fixed(their->second, 2),
                        text(their_error)});
    }
    if (rows.empty()) return "No case that llvm-mca can run.\n";
    const auto count = static_cast<double>(rows.size());
    return format_columns({"case", "board", "mixq-sim", "error", "llvm-mca", "error"}, rows) +
           "\n" + std::to_string(rows.size()) + " cases that both can run: mean error " +
           fixed(100 * our_sum / count, 2) + " % here, " + fixed(100 * their_sum / count, 2) +
           " % of llvm-mca; closer here in " + std::to_string(closer) + ", even in " +
           std::to_string(even) + ".\n";
}

}  // namespace mixq::tools
