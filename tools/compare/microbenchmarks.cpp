// Builds the probes, runs them, and reads each fact off their cycles.
#include "tools/compare/microbenchmarks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <stdexcept>

#include "kernels/network/toolchain.h"
#include "traces/table.h"

namespace mixq::tools {

namespace {

// kCopies of kernels/probes/probe.h.
constexpr double kCopies = 16;
// kStores of kernels/probes/narrow_store_stream.S.
constexpr double kStores = 20;

// Iterations of a call: the first settles branch predictor and store buffer, the others are
// measured, and their difference holds neither entry nor exit.
constexpr std::uint32_t kSettle = 64;
constexpr std::uint32_t kShort = 256;
constexpr std::uint32_t kLong = 768;

// How a number is read off loops a and b.
enum class Reading {
    Difference,     // cycles per iteration of a less those of b, per copy
    Loop,           // cycles per iteration of a
    PerStore,       // the same over kStores
    Ratio,          // cycles of a over those of b
    PerMispredict,  // extra cycles of a per extra mispredict
};

Reading reading(std::string_view id) {
    if (id == "MB-00" || id.starts_with("LAW-")) return Reading::Loop;
    if (id.starts_with("MB-06") && id.ends_with("unit-stride")) return Reading::PerStore;
    if (id == "MB-09" || id == "MB-09-early-flags") return Reading::PerMispredict;
    if (id == "MB-18") return Reading::Ratio;
    return Reading::Difference;
}

bool reads_one_loop(std::string_view id) {
    return reading(id) == Reading::Loop || reading(id) == Reading::PerStore;
}

double of_one_loop(std::string_view id, double cycles) {
    return reading(id) == Reading::PerStore ? cycles / kStores : cycles;
}

// "MB-12-load" -> "probe_mb_12_load"
std::string symbol(std::string_view id) {
    std::string name = "probe_";
    for (const char c : id) {
        name += c == '-' ? '_' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return name;
}

// One steady iteration of a probe's loop.
struct Steady {
    double cycles = 0;
    double mispredicts = 0;
};

sim::Timing timed_call(sim::Simulation& simulation,
                       const std::string& function,
                       std::uint32_t address,
                       std::uint32_t iterations) {
    const std::array arguments{iterations};
    const std::size_t before = simulation.calls().size();
    const sim::Stop stop = simulation.call(address, arguments, true);
    if (stop.halt != sim::Halt::Returned || simulation.calls().size() != before + 1) {
        throw std::runtime_error("probe '" + function +
                                 "' did not return: " + (stop.message.empty() ? "" : stop.message));
    }
    return simulation.calls().back().timing;
}

Steady run_probe(sim::Simulation& simulation,
                 const sim::Image& image,
                 const std::string& function) {
    const std::uint32_t address = image.find_symbol(function)->address;
    timed_call(simulation, function, address, kSettle);
    const sim::Timing some = timed_call(simulation, function, address, kShort);
    const sim::Timing more = timed_call(simulation, function, address, kLong);
    const auto per_iteration = [](std::uint64_t large, std::uint64_t small) {
        return (static_cast<double>(large) - static_cast<double>(small)) / (kLong - kShort);
    };
    return {per_iteration(more.cycles, some.cycles),
            per_iteration(more.mispredicts, some.mispredicts)};
}

double read_value(const BoardFact& fact, sim::Simulation& simulation, const sim::Image& image) {
    const Steady a = run_probe(simulation, image, symbol(fact.id) + "_a");
    if (reads_one_loop(fact.id)) return of_one_loop(fact.id, a.cycles);
    const Steady b = run_probe(simulation, image, symbol(fact.id) + "_b");
    switch (reading(fact.id)) {
        case Reading::Ratio:
            return a.cycles / b.cycles;
        case Reading::PerMispredict:
            if (a.mispredicts <= b.mispredicts) {
                throw std::runtime_error("probe of " + fact.id +
                                         ": the random branch was never mispredicted");
            }
            return (a.cycles - b.cycles) / (a.mispredicts - b.mispredicts);
        default:
            return (a.cycles - b.cycles) / kCopies;
    }
}

void require_probe(const BoardFact& fact, const sim::Image& image) {
    for (const char* loop : {"_a", "_b"}) {
        if (reads_one_loop(fact.id) && loop[1] == 'b') continue;
        if (image.find_symbol(symbol(fact.id) + loop) == nullptr) {
            throw std::runtime_error("no probe '" + symbol(fact.id) + loop + "' for " + fact.id +
                                     ": add it under kernels/probes");
        }
    }
}

}  // namespace

double Comparison::relative_error() const {
    if (!simulated) throw std::logic_error(fact.id + " is not modelled: it has no error");
    return (*simulated - fact.value) / fact.value;
}

bool Comparison::exact() const {
    // The division by iterations and copies is all that rounds.
    return simulated && std::abs(*simulated - fact.value) < 1e-9;
}

std::filesystem::path board_facts_path(std::string_view board) {
    const std::filesystem::path boards =
        kernels::device_directory().parent_path() / "traces" / "board";
    const std::filesystem::path path = boards / board / "microbenchmarks.csv";
    if (std::filesystem::exists(path)) return path;
    std::string known;
    if (std::filesystem::is_directory(boards)) {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(boards)) {
            if (entry.is_directory()) names.insert(entry.path().filename().string());
        }
        for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
    }
    throw std::invalid_argument("no measurements of board '" + std::string(board) + "' in '" +
                                boards.string() +
                                "'; there are: " + (known.empty() ? "none" : known));
}

std::filesystem::path laws_path() {
    return kernels::device_directory() / "probes" / "laws.csv";
}

std::vector<BoardFact> read_board_facts(const std::filesystem::path& path) {
    const traces::Table table = traces::read_table(path);
    std::vector<BoardFact> facts;
    std::set<std::string> seen;
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
        BoardFact fact{table.text(row, "id"),
                       table.text(row, "quantity"),
                       table.text(row, "unit"),
                       table.real(row, "value"),
                       table.text(row, "source"),
                       table.text(row, "probe")};
        if (fact.value <= 0) {
            throw std::runtime_error(table.where(row) + ": a measured value must be above zero");
        }
        if (fact.source.empty()) throw std::runtime_error(table.where(row) + ": no source");
        if (!seen.insert(fact.id).second) {
            throw std::runtime_error(table.where(row) + ": " + fact.id + " stands here twice");
        }
        facts.push_back(std::move(fact));
    }
    return facts;
}

std::optional<std::string> why_not_modelled(const BoardFact& fact, const sim::Board& board) {
    if (fact.probe == "fp_double.S" && !board.double_precision)
        return "double precision: the FPU of " + std::string(board.name) + " has single only";
    return std::nullopt;
}

std::filesystem::path build_probes(std::string_view board, const std::filesystem::path& directory) {
    const std::filesystem::path sources = kernels::device_directory() / "probes";
    const std::filesystem::path script = sources / (std::string(board) + ".ld");
    if (!std::filesystem::exists(script)) {
        throw std::invalid_argument("no linker script '" + script.string() +
                                    "': the probes have not been laid out for this board");
    }
    std::filesystem::create_directories(directory);
    std::vector<kernels::CompileJob> jobs;
    for (const auto& entry : std::filesystem::directory_iterator(sources)) {
        if (entry.path().extension() != ".S") continue;
        jobs.push_back({.source = entry.path(),
                        .object = directory / entry.path().filename().replace_extension(".o"),
                        .defines = {},
                        .include_directories = {},
                        .flags = {}});
    }
    std::sort(jobs.begin(), jobs.end(), [](const auto& left, const auto& right) {
        return left.source < right.source;
    });
    kernels::compile(jobs);
    std::vector<std::filesystem::path> objects;
    for (const kernels::CompileJob& job : jobs) objects.push_back(job.object);
    const std::filesystem::path elf = directory / "probes.elf";
    kernels::link(objects, script, elf);
    return elf;
}

std::vector<Comparison> compare_facts(const std::vector<BoardFact>& facts,
                                      const sim::Image& probes,
                                      const sim::Board& board) {
    std::vector<std::string> watched;
    for (const BoardFact& fact : facts) {
        if (why_not_modelled(fact, board)) continue;
        require_probe(fact, probes);
        watched.push_back(symbol(fact.id) + "_a");
        if (!reads_one_loop(fact.id)) watched.push_back(symbol(fact.id) + "_b");
    }
    sim::Simulation simulation(probes, board, watched);
    const sim::Stop stop = simulation.run(false);
    if (stop.halt != sim::Halt::Idle) {
        throw std::runtime_error("the probes' start-up did not finish: " + stop.message);
    }
    std::vector<Comparison> comparisons;
    for (const BoardFact& fact : facts) {
        if (const auto reason = why_not_modelled(fact, board)) {
            comparisons.push_back({fact, std::nullopt, *reason});
        } else {
            comparisons.push_back({fact, read_value(fact, simulation, probes), ""});
        }
    }
    return comparisons;
}

std::optional<double> value_of_loops(
    const BoardFact& fact,
    const std::function<std::optional<double>(const std::string& function)>& loop) {
    const Reading how = reading(fact.id);
    if (how == Reading::PerMispredict) return std::nullopt;
    const std::optional<double> a = loop(symbol(fact.id) + "_a");
    if (!a) return a;
    if (reads_one_loop(fact.id)) return of_one_loop(fact.id, *a);
    const std::optional<double> b = loop(symbol(fact.id) + "_b");
    if (!b) return std::nullopt;
    return how == Reading::Ratio ? *a / *b : (*a - *b) / kCopies;
}

std::vector<NotRun> cases_not_run() {
    constexpr std::string_view kCompiled =
        "C source: cycles depend on the compiler; a sanity band, comes with image support";
    constexpr std::string_view kOtherCore = "another core: no cycle table yet";
    return {{"TVM-CMSISNN-Q7", kCompiled},
            {"TM-F767-CIFAR-SIMD", kCompiled},
            {"CM-T4-UNROLL", kCompiled},
            {"L4R5-KWS", kOtherCore},
            {"U575-KWS", kOtherCore},
            {"KO-*, J4-*, J33-*, EMB-*", kOtherCore}};
}

}  // namespace mixq::tools
