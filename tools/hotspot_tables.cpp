// Puts costs into words.
#include "tools/hotspot_tables.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tools/console.h"

namespace mixq::tools {

namespace {

constexpr std::size_t kMostRows = 20;
// A line of source longer than a terminal helps nobody.
constexpr std::size_t kSourceWidth = 120;

using Row = std::vector<std::string>;

double ratio(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? "-" : fixed(100 * ratio(part, whole), 1) + " %";
}

// Names with their numbers, the largest first: "load_use 12.1 %, fetch 3.0 %".
template <typename Text>
std::string causes(std::vector<std::pair<std::uint64_t, std::string>> named, Text text) {
    std::stable_sort(named.begin(), named.end(), [](const auto& left, const auto& right) {
        return left.first > right.first;
    });
    std::string all;
    for (const auto& [cycles, name] : named) {
        if (cycles != 0) all += (all.empty() ? "" : ", ") + name + " " + text(cycles);
    }
    return all;
}

std::vector<std::pair<std::uint64_t, std::string>> stalls_of(const sim::Cost& cost) {
    std::vector<std::pair<std::uint64_t, std::string>> named;
    for (std::size_t k = 0; k < sim::kStalls; ++k)
        named.emplace_back(cost.stalls[k], sim::name(static_cast<sim::Stall>(k)));
    return named;
}

Row cost_row(const std::string& what, const sim::Cost& cost, std::uint64_t total) {
    return {what,
            grouped(static_cast<std::int64_t>(cost.cycles)),
            percent(cost.cycles, total),
            grouped(static_cast<std::int64_t>(cost.count)),
            percent(cost.paired, cost.cycles),
            percent(cost.issued - cost.paired, cost.cycles),
            percent(cost.stalled(), cost.cycles),
            causes(stalls_of(cost), [&](std::uint64_t c) { return percent(c, cost.cycles); })};
}

// The most expensive ones, and the rest in one row.
std::string cost_table(const std::string& what,
                       std::vector<std::pair<std::string, sim::Cost>> costs,
                       std::uint64_t total) {
    std::stable_sort(costs.begin(), costs.end(), [](const auto& left, const auto& right) {
        return left.second.cycles > right.second.cycles;
    });
    std::vector<Row> rows;
    sim::Cost rest;
    for (std::size_t k = 0; k < costs.size(); ++k) {
        if (k < kMostRows) {
            rows.push_back(cost_row(costs[k].first, costs[k].second, total));
        } else {
            rest += costs[k].second;
        }
    }
    if (rest.count != 0)
        rows.push_back(
            cost_row("(" + std::to_string(costs.size() - kMostRows) + " more)", rest, total));
    return format_columns(
        {what, "cycles", "share", "instructions", "dual", "single", "stalled", "by cause"}, rows);
}

std::string name_of(const sim::SourceLine& line) {
    return line.file + ":" + std::to_string(line.line);
}

std::string hex(std::uint32_t address) {
    char text[16];
    std::snprintf(text, sizeof text, "%08x", address);
    return text;
}

// Which place in its cycle an instruction took, most of the time.
std::string slot_of(const sim::Cost& cost) {
    const std::uint64_t younger = cost.count - cost.issued;
    const std::uint64_t alone = cost.issued - cost.paired;
    const std::uint64_t most = std::max({younger, cost.paired, alone});
    std::string slot = most == younger ? "younger" : most == alone ? "alone" : "older";
    if (most != cost.count) slot += " " + fixed(100 * ratio(most, cost.count), 0) + " %";
    return slot;
}

std::string why(const sim::Cost& cost) {
    const std::string stalls = causes(stalls_of(cost), [&](std::uint64_t cycles) {
        const double each = ratio(cycles, cost.count);
        return each < 0.005 ? std::string("<0.01") : fixed(each, 2);
    });
    std::vector<std::pair<std::uint64_t, std::string>> reasons;
    for (std::size_t k = 0; k < sim::kUnpaired; ++k)
        reasons.emplace_back(cost.unpaired[k], sim::name(static_cast<sim::Unpaired>(k)));
    const std::string alone =
        causes(reasons, [&](std::uint64_t times) { return percent(times, cost.count); });
    if (alone.empty()) return stalls;
    return stalls + (stalls.empty() ? "" : "; ") + "alone: " + alone;
}

// Files of source, read once each; those that are not there have no lines.
class SourceFiles {
  public:
    std::string line(const sim::SourceLine& where) {
        const auto [entry, added] = files_.try_emplace(where.file);
        if (added) {
            std::ifstream file(where.file);
            for (std::string text; std::getline(file, text);) entry->second.push_back(text);
        }
        const auto index = static_cast<std::size_t>(where.line) - 1;
        return index < entry->second.size() ? entry->second[index].substr(0, kSourceWidth) : "";
    }

  private:
    std::map<std::string, std::vector<std::string>> files_;
};

std::size_t find_function(const std::string& wanted,
                          const sim::Hotspots& hotspots,
                          const sim::CallStack& stack) {
    const std::vector<sim::FunctionCost> functions = hotspots.functions();
    if (functions.empty())
        throw std::runtime_error("nothing was timed, so there is nothing to annotate");
    if (wanted.empty()) return functions.front().function;
    std::string known;
    for (const sim::FunctionCost& function : functions) {
        const std::string& name = stack.functions()[function.function].name;
        if (name == wanted) return function.function;
        known += (known.empty() ? "" : ", ") + name;
        if (known.size() > 300) {
            known += ", ...";
            break;
        }
    }
    throw std::runtime_error("--annotate: '" + wanted + "' did not run; these did: " + known);
}

}  // namespace

std::string hotspot_tables(const sim::Hotspots& hotspots,
                           const sim::CallStack& stack,
                           const sim::SourceLines& lines) {
    const std::uint64_t total = hotspots.total().cycles;
    std::vector<std::pair<std::string, sim::Cost>> functions;
    for (const sim::FunctionCost& function : hotspots.functions())
        functions.emplace_back(stack.functions()[function.function].name, function.cost);
    std::string text = cost_table("function", std::move(functions), total);
    if (lines.empty()) return text;
    std::map<std::string, sim::Cost> by_line;
    for (const sim::InstructionCost& instruction : hotspots.instructions()) {
        const sim::SourceLine* line = lines.find(instruction.address);
        by_line[line != nullptr ? name_of(*line) : "(no line)"] += instruction.cost;
    }
    return text + "\n" + cost_table("line", {by_line.begin(), by_line.end()}, total);
}

std::string annotated(const std::string& function,
                      const sim::Hotspots& hotspots,
                      const sim::CallStack& stack,
                      const sim::SourceLines& lines) {
    const std::size_t chosen = find_function(function, hotspots, stack);
    const std::vector<sim::InstructionCost> instructions = hotspots.instructions();
    sim::Cost sum;
    for (const sim::InstructionCost& one : instructions) {
        if (one.function == chosen) sum += one.cost;
    }
    SourceFiles files;
    std::vector<Row> rows;
    std::map<std::size_t, std::string> before;  // what stands above a row
    const sim::SourceLine* last = nullptr;
    std::uint32_t expected = 0;
    for (const sim::InstructionCost& one : instructions) {
        if (one.function != chosen) continue;
        if (expected != 0 && one.address != expected) before[rows.size()] += "...\n";
        expected = one.address + one.size;
        const sim::SourceLine* line = lines.find(one.address);
        if (line != nullptr && line != last)
            before[rows.size()] += "// " + name_of(*line) + ": " + files.line(*line) + "\n";
        last = line;
        rows.push_back({hex(one.address),
                        grouped(static_cast<std::int64_t>(one.cost.count)),
                        fixed(ratio(one.cost.cycles, one.cost.count), 2),
                        percent(one.cost.cycles, sum.cycles),
                        slot_of(one.cost),
                        one.text,
                        why(one.cost)});
    }
    const std::string& name = stack.functions()[chosen].name;
    std::string text = name + ": " + grouped(static_cast<std::int64_t>(sum.cycles)) + " cycles, " +
                       percent(sum.cycles, hotspots.total().cycles) + " of all timed\n";
    std::istringstream table(
        format_columns({"address", "count", "each", "share", "slot", "instruction", "why"}, rows));
    std::string row;
    std::getline(table, row);
    text += row + "\n";
    for (std::size_t k = 0; std::getline(table, row); ++k) text += before[k] + row + "\n";
    return text;
}

}  // namespace mixq::tools
