// Chooses the memory that `run` simulates, and says which it was.
#include "tools/run_memory.h"

#include <cstdio>
#include <map>
#include <stdexcept>

namespace mixq::tools {

namespace {

constexpr int kMostWaitStates = 15;  // LATENCY of FLASH_ACR has four bits

bool described(const sim::Board& board) {
    return board.memory.data_cache.bytes != 0;
}

bool has_art(const sim::Board& board) {
    return board.memory.art_lines != 0;
}

// "I-cache on, D-cache on, ART off, prefetch off, 7 wait states"
std::string in_words(const sim::MemorySettings& settings, const sim::Board& board) {
    const auto state = [](bool on) { return on ? " on" : " off"; };
    std::string text = std::string("I-cache") + state(settings.instruction_cache) + ", D-cache" +
                       state(settings.data_cache);
    if (has_art(board)) {
        text +=
            std::string(", ART") + state(settings.art) + ", prefetch" + state(settings.prefetch);
    }
    return text + ", " + std::to_string(settings.wait_states) +
           (settings.wait_states == 1 ? " wait state" : " wait states");
}

void add_switch(CLI::App& command,
                const std::string& name,
                std::optional<bool>& value,
                const std::string& what) {
    command
        .add_option_function<std::string>(
            name, [&value](const std::string& word) { value = word == "on"; }, what)
        ->check(CLI::IsMember({"on", "off"}))
        ->option_text("on|off")
        ->group("Memory");
}

}  // namespace

bool MemoryOptions::overrides_any() const {
    return overrides.instruction_cache || overrides.data_cache || overrides.art ||
           overrides.prefetch || overrides.wait_states;
}

void add_memory_options(CLI::App& command, MemoryOptions& options) {
    const std::string group = "Memory";
    command
        .add_option("--mode",
                    options.mode,
                    "exact: caches, bus and flash of the board (the default); fast: the core with "
                    "ideal memory, quicker to simulate")
        ->check(CLI::IsMember({"exact", "fast"}))
        ->option_text("exact|fast")
        ->group(group);
    sim::MemoryOverrides& overrides = options.overrides;
    add_switch(command,
               "--icache",
               overrides.instruction_cache,
               "The instruction cache, whatever the program writes to SCB CCR");
    add_switch(command, "--dcache", overrides.data_cache, "The data cache, likewise");
    add_switch(command,
               "--art",
               overrides.art,
               "The ART accelerator (F7: code on the ITCM bus), whatever it writes to FLASH_ACR");
    add_switch(command, "--prefetch", overrides.prefetch, "The prefetch of the ART, likewise");
    command.add_option("--wait-states", overrides.wait_states, "Of the flash, likewise")
        ->check(CLI::Range(0, kMostWaitStates))
        ->option_text("0..15")
        ->group(group);
}

RunMemory::RunMemory(const MemoryOptions& options, const sim::Board& board, bool start_up)
    : options_(options),
      board_(board),
      exact_(options.mode.value_or("exact") == "exact"),
      start_up_(start_up) {
    if (exact_ && !described(board)) {
        const std::string why =
            "the caches and memories of " + std::string(board.name) + " are not described";
        if (options.mode || options.overrides_any())
            throw std::invalid_argument(why + ": use --mode fast");
        std::fprintf(stderr, "mixq-sim: note: %s, so memory is ideal (--mode fast)\n", why.c_str());
        exact_ = false;
    }
    if (!exact_ && options.overrides_any()) {
        throw std::invalid_argument(
            "--icache, --dcache, --art, --prefetch and --wait-states need --mode exact: there is "
            "no memory system in fast mode");
    }
    if ((options.overrides.art || options.overrides.prefetch) && !has_art(board)) {
        throw std::invalid_argument("--art and --prefetch: " + std::string(board.name) +
                                    " has no ART accelerator");
    }
}

void RunMemory::apply(sim::Simulation& simulation) const {
    if (!exact_) return simulation.set_memory(std::nullopt);
    if (start_up_) return simulation.follow_memory(options_.overrides);
    simulation.set_memory(options_.overrides.over(sim::full_speed(board_)));
}

std::string RunMemory::word(const sim::Simulation& simulation) const {
    const auto settings = simulation.memory_settings();
    return settings ? in_words(*settings, board_) : "ideal";
}

std::string RunMemory::text(const sim::Simulation& simulation) const {
    const auto settings = simulation.memory_settings();
    if (!settings) return "memory ideal (fast mode)";
    std::string text = "memory exact: " + in_words(*settings, board_);
    text += start_up_ ? " (as the program set it)" : " (assumed: no start-up code ran)";
    if (options_.overrides_any()) text.replace(text.size() - 1, 1, ", then options)");
    // Fewer than the part needs would be a simulation of no part.
    const int needed = board_.memory.wait_states;
    if (settings->wait_states < needed) {
        char clock[16];
        std::snprintf(clock, sizeof clock, "%g", static_cast<double>(board_.clock_hz) / 1e6);
        text += "\nnote: at " + std::string(clock) + " MHz this flash needs " +
                std::to_string(needed) + " wait states; --wait-states " + std::to_string(needed) +
                " simulates them";
    }
    return text;
}

nlohmann::json RunMemory::to_json(const sim::Simulation& simulation) const {
    const auto settings = simulation.memory_settings();
    if (!settings) return {{"mode", "fast"}};
    const sim::MemoryOverrides& by_option = options_.overrides;
    const std::string otherwise = start_up_ ? "program" : "assumed";
    const auto from = [&](bool overridden) { return overridden ? "option" : otherwise; };
    nlohmann::json json{{"mode", "exact"},
                        {"icache", settings->instruction_cache},
                        {"dcache", settings->data_cache},
                        {"wait_states", settings->wait_states},
                        {"from",
                         {{"icache", from(by_option.instruction_cache.has_value())},
                          {"dcache", from(by_option.data_cache.has_value())},
                          {"wait_states", from(by_option.wait_states.has_value())}}}};
    if (has_art(board_)) {
        json["art"] = settings->art;
        json["prefetch"] = settings->prefetch;
        json["from"]["art"] = from(by_option.art.has_value());
        json["from"]["prefetch"] = from(by_option.prefetch.has_value());
    }
    if (const sim::MemoryCounts* counts = simulation.memory_counts()) {
        json["load_misses"] = counts->load_misses;
        json["store_misses"] = counts->store_misses;
        json["fetch_misses"] = counts->fetch_misses;
        json["write_backs"] = counts->write_backs;
    }
    return json;
}

}  // namespace mixq::tools
