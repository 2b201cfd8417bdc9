// Loads, sets up and calls the programs of board cases.
#include "tools/compare/board_cases.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "sim/image.h"
#include "sim/machine.h"
#include "sim/pipeline.h"
#include "traces/file.h"
#include "traces/table.h"

namespace mixq::tools {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostInstructions = 200'000'000;  // of one call

std::uint32_t hexadecimal(const std::string& text, const std::string& where) {
    std::uint32_t value = 0;
    const bool prefixed = text.starts_with("0x");
    const char* end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data() + (prefixed ? 2 : 0), end, value, 16);
    if (!prefixed || error != std::errc{} || last != end)
        throw std::runtime_error(where + ": '" + text + "' is not an address like 0x08000000");
    return value;
}

// Where start-up code finds .data and .bss.
struct StartupAddresses {
    std::uint32_t stack = 0;
    std::uint32_t data = 0;
    std::uint32_t data_end = 0;
    std::uint32_t data_load = 0;
    std::uint32_t bss = 0;
    std::uint32_t bss_end = 0;
};

std::uint32_t word(const std::vector<std::uint8_t>& bytes, std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

// The six literals behind the reset handler of ST's start-up files: stack, .data and its end, where it is loaded, .bss and
// its end. The stack is known from the vector table.
std::optional<StartupAddresses> startup_addresses(const sim::Segment& flash,
                                                  const sim::Board& board) {
    constexpr std::size_t kHandlerBytes = 256;
    if (flash.bytes.size() < 8) return std::nullopt;
    const std::uint32_t stack = word(flash.bytes, 0);
    const std::size_t reset = (word(flash.bytes, 4) - flash.address) & ~3u;
    const auto in_ram = [&](std::uint32_t begin, std::uint32_t end) {
        const sim::Region* region = board.find_region(begin);
        return begin <= end && region != nullptr && region->kind != sim::MemoryKind::Flash;
    };
    for (std::size_t at = reset; at + 24 <= flash.bytes.size() && at < reset + kHandlerBytes;
         at += 4) {
        if (word(flash.bytes, at) != stack) continue;
        std::array<std::uint32_t, 6> words{};
        for (std::size_t k = 0; k < words.size(); ++k) words[k] = word(flash.bytes, at + 4 * k);
        const StartupAddresses found{words[0], words[1], words[2], words[3], words[4], words[5]};
        const std::uint64_t load_end =
            std::uint64_t{found.data_load} - flash.address + (found.data_end - found.data);
        if (in_ram(found.data, found.data_end) && in_ram(found.bss, found.bss_end) &&
            found.data_load >= flash.address && load_end <= flash.bytes.size())
            return found;
    }
    return std::nullopt;
}

// One simulated chip that is fed what the emulated one does.
struct Contender {
    sim::Core core;
    sim::Board board;
    std::unique_ptr<sim::MemorySystem> memory;
    std::unique_ptr<sim::Pipeline> pipeline;

    Contender(const sim::Board& real, const BoardCase& fact, const Variation& variation)
        : core(sim::find_core(real.core)), board(real) {
        sim::MemorySettings settings = sim::full_speed(board);
        if (fact.no_wait_states) settings.wait_states = 0;
        if (variation.parameters) variation.parameters(core.parameters);
        if (variation.core) variation.core(core);
        if (variation.memory) variation.memory(board, settings);
        pipeline = std::make_unique<sim::Pipeline>(core, &board);
        if (variation.ideal_memory) return;
        memory = std::make_unique<sim::MemorySystem>(board, settings);
        pipeline->set_memory(memory.get());
    }
};

class Contest final : public sim::BlockObserver {
  public:
    Contest(const sim::Board& board,
            const BoardCase& fact,
            const std::vector<Variation>& variations) {
        for (const Variation& variation : variations)
            contenders_.push_back(std::make_unique<Contender>(board, fact, variation));
    }

    void on_block(const sim::BlockRun& run) override {
        instructions_ += run.block->instructions.size();
        for (const auto& contender : contenders_) contender->pipeline->run(run);
    }

    // Of the second of two calls.
    std::vector<double> second_call(sim::Machine& machine,
                                    std::uint32_t address,
                                    const BoardCase& fact) {
        std::vector<double> before;
        for (int call = 0; call < 2; ++call) {
            before = cycles();
            instructions_ = 0;
            const sim::Stop stop = machine.call(address);
            if (stop.halt != sim::Halt::Returned)
                throw std::runtime_error(fact.id +
                                         ": the measured function did not return: " + stop.message);
        }
        std::vector<double> after = cycles();
        for (std::size_t k = 0; k < after.size(); ++k) after[k] -= before[k];
        return after;
    }

    std::uint64_t instructions() const { return instructions_; }

  private:
    std::vector<double> cycles() const {
        std::vector<double> now;
        for (const auto& contender : contenders_)
            now.push_back(static_cast<double>(contender->pipeline->timing().cycles));
        return now;
    }

    std::vector<std::unique_ptr<Contender>> contenders_;
    std::uint64_t instructions_ = 0;
};

sim::Image load_raw(const fs::path& path, std::uint32_t base) {
    sim::Image image;
    image.path = path.string();
    image.segments.push_back({base, traces::read_bytes(path)});
    image.sha256 = traces::sha256(image.segments.front().bytes);
    return image;
}

// Memory regions that touch are one to a program.
void write_across(sim::Machine& machine,
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

void run_raw(CaseResult& result,
             const sim::Image& image,
             const sim::Board& board,
             Contest& contest) {
    const sim::Segment& flash = image.segments.front();
    const auto start = startup_addresses(flash, board);
    if (!start) {
        result.why_not =
            "its start-up code is not of the kind whose addresses are known; use mixq-sim run "
            "--copy";
        return;
    }
    sim::Machine machine(image, board);
    write_across(machine,
                 board,
                 start->data,
                 std::span(flash.bytes)
                     .subspan(start->data_load - flash.address, start->data_end - start->data));
    write_across(
        machine, board, start->bss, std::vector<std::uint8_t>(start->bss_end - start->bss));
    machine.set_register(sim::kSp, start->stack);
    machine.set_instruction_limit(kMostInstructions);
    machine.set_observer(&contest, sim::Watching::Resolved);
    result.simulated =
        contest.second_call(machine, hexadecimal(result.fact.entry, result.fact.id), result.fact);
    result.instructions = contest.instructions();
}

void run_elf(CaseResult& result,
             const sim::Image& image,
             const sim::Board& board,
             Contest& contest) {
    const sim::Symbol* measured = image.find_symbol("run_case");
    const sim::Symbol* empty = image.find_symbol("run_empty");
    if (measured == nullptr || empty == nullptr) {
        result.why_not = image.path + " has no functions run_case and run_empty";
        return;
    }
    sim::Machine machine(image, board);
    machine.set_instruction_limit(kMostInstructions);
    machine.reset();
    machine.set_observer(&contest, sim::Watching::Resolved);
    const std::vector<double> without = contest.second_call(machine, empty->address, result.fact);
    result.simulated = contest.second_call(machine, measured->address, result.fact);
    result.instructions = contest.instructions();
    for (std::size_t k = 0; k < without.size(); ++k) result.simulated[k] -= without[k];
}

}  // namespace

std::vector<BoardCase> read_board_cases(const fs::path& boards) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(boards)) {
        const std::string name = entry.path().filename().string();
        if (name == "mlperf_tiny.csv" || name == "assembly.csv") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<BoardCase> cases;
    for (const fs::path& file : files) {
        const traces::Table table = traces::read_table(file);
        const std::string clock = table.find_metadata("clock").value_or("");
        for (std::size_t row = 0; row < table.rows.size(); ++row) {
            BoardCase fact;
            fact.id = table.text(row, "id");
            fact.board = file.parent_path().filename().string();
            fact.quantity = table.text(row, "quantity");
            fact.cycles = table.real(row, "value");
            if (fact.cycles <= 0)
                throw std::runtime_error(table.where(row) +
                                         ": a measured value must be above zero");
            fact.source = table.text(row, "source");
            fact.conditions = table.text(row, "conditions");
            fact.code = table.text(row, "code");
            fact.base = hexadecimal(table.text(row, "base"), table.where(row));
            fact.entry = table.text(row, "entry");
            fact.calibration = table.text(row, "calibration") == "yes";
            fact.no_wait_states = clock.find("no wait states") != std::string::npos;
            cases.push_back(std::move(fact));
        }
    }
    return cases;
}

CaseResult run_board_case(const BoardCase& fact,
                          const fs::path& images,
                          const std::vector<Variation>& variations) {
    CaseResult result{fact, {}, "", 0, 0};
    if (images.empty()) {
        result.why_not = "needs its program in --images DIR";
        return result;
    }
    const fs::path raw = images / (fact.id + ".bin");
    const fs::path elf = images / (fact.id + ".elf");
    const bool is_elf = !fs::exists(raw);
    if (is_elf && !fs::exists(elf)) {
        result.why_not = "no " + fact.id + ".bin or .elf in '" + images.string() + "'";
        return result;
    }
    const auto begin = std::chrono::steady_clock::now();
    const sim::Board& board = sim::find_board(fact.board);
    Contest contest(board, fact, variations);
    if (is_elf) {
        run_elf(result, sim::read_elf(elf), board, contest);
    } else {
        run_raw(result, load_raw(raw, fact.base), board, contest);
    }
    result.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return result;
}

}  // namespace mixq::tools
