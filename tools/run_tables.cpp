// What `run` prints of the calls it timed.
#include "tools/run_tables.h"

#include <algorithm>

#include "tools/console.h"

namespace mixq::tools {

namespace {

std::string percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0
               ? "-"
               : fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
}

}  // namespace

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

}  // namespace mixq::tools
