// Joins machine and pipeline: follows calls and returns and times what is watched.
//
// The pipeline drains where a watched call begins and ends, so that its cycles depend only on itself and on what the branch
// predictor has learnt. A watched call inside another one therefore costs the outer one a few cycles more than without.
#include "sim/simulate.h"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "sim/cores/core.h"

namespace mixq::sim {

namespace {

// Deeper recursion forgets its outermost calls.
constexpr std::size_t kMaxDepth = 65536;

struct OpenCall {
    std::size_t function;
    std::size_t depth;  // frames when it began, its own included
    traces::Counts counts;
    Timing timing;
};

}  // namespace

struct Simulation::State final : BlockObserver {
    State(const Image& image, const Board& board_description, std::vector<std::string> names);

    void on_block(const BlockRun& run) override;

    void on_exception(std::uint64_t cycles) override { pipeline.take_exception(cycles); }

    struct Seen;
    const Seen& count(const Block& block);
    const traces::Counts& settled();
    void enter(std::size_t function);
    void leave_above(std::size_t depth);
    void follow(const Seen& block, std::uint32_t next_address);
    Stop start(bool timed, const std::function<Stop()>& run, std::uint32_t return_address);
    MemorySettings switched();
    void operate_caches();

    Board board;
    Machine machine;
    Pipeline pipeline;
    std::optional<MemorySystem> memory;        // none: ideal
    std::optional<MemoryOverrides> overrides;  // where memory follows the firmware
    std::vector<CacheOperation> operations;    // by the block that runs, not yet done
    std::vector<std::string> watched;
    std::unordered_map<std::uint32_t, std::size_t> watched_at;
    std::vector<std::uint32_t> frames;  // return addresses of the calls that are open
    std::vector<OpenCall> open;
    bool timing = false;
    bool entering = false;  // the last block ended in a call or a jump: a function may begin
    std::vector<CallTiming> calls;

    // What is asked of a block each time it has run; its counts are added up when somebody wants to know.
    struct Seen {
        std::uint64_t runs = 0;
        BranchKind branch = BranchKind::None;  // at its end
        bool conditional = false;
        std::uint32_t after = 0;  // address
        const Block* block = nullptr;
    };

    std::vector<Seen> blocks;              // by number
    std::vector<std::uint32_t> unsettled;  // of those, the ones whose runs are not yet counted
    traces::Counts counts;                 // of the others
};

Simulation::State::State(const Image& image,
                         const Board& board_description,
                         std::vector<std::string> names)
    : board(board_description),
      machine(image, board),
      pipeline(find_core(board.core), &board),
      watched(std::move(names)) {
    machine.set_clock([this] { return pipeline.cycles(); });
    machine.peripherals().set_cache_listener([this](const CacheOperation& operation) {
        if (!overrides) return;
        operations.push_back(operation);
        if (!timing) operate_caches();
    });
    for (std::size_t k = 0; k < watched.size(); ++k) {
        const Symbol* symbol = image.find_symbol(watched[k]);
        if (symbol == nullptr) {
            throw std::runtime_error(image.path + ": there is no symbol '" + watched[k] + "'");
        }
        watched_at[symbol->address & ~1u] = k;
    }
}

// A block has run. If a watched function begins with it, its call is timed from here.
void Simulation::State::on_block(const BlockRun& run) {
    const Block& block = *run.block;
    if (entering && !watched_at.empty()) {
        if (const auto found = watched_at.find(block.address); found != watched_at.end())
            enter(found->second);
    }
    pipeline.run(run);
    const Seen& known = count(block);
    if (!operations.empty()) operate_caches();
    entering = false;
    if (known.branch != BranchKind::None) follow(known, run.next_address);
}

// Numbers are never given twice, and blocks stay where they are for as long as the machine.
inline const Simulation::State::Seen& Simulation::State::count(const Block& block) {
    if (block.number >= blocks.size())
        blocks.resize(std::max<std::size_t>(block.number + 1, 2 * blocks.size()));
    Seen& known = blocks[block.number];
    if (known.block == nullptr) {
        known.block = &block;
        known.after = block.address + block.size;
        if (!block.instructions.empty()) {
            known.branch = block.instructions.back().branch;
            known.conditional = block.instructions.back().conditional;
        }
    }
    if (known.runs++ == 0) unsettled.push_back(block.number);
    return known;
}

// Of everything that has run.
const traces::Counts& Simulation::State::settled() {
    for (const std::uint32_t number : unsettled) {
        Seen& known = blocks[number];
        const std::uint64_t runs = std::exchange(known.runs, 0);
        for (std::size_t k = 0; k < traces::kInstrClasses; ++k)
            counts.by_class[k] += runs * known.block->counts.by_class[k];
    }
    unsettled.clear();
    return counts;
}

void Simulation::State::enter(std::size_t function) {
    // A jump back to its first instruction is a loop, not a call.
    if (!open.empty() && open.back().function == function && open.back().depth == frames.size())
        return;
    pipeline.drain();
    open.push_back({function, frames.size(), settled(), pipeline.timing()});
}

// Closes the timed calls whose frames are gone.
void Simulation::State::leave_above(std::size_t depth) {
    while (!open.empty() && open.back().depth > depth) {
        pipeline.drain();
        const OpenCall& call = open.back();
        calls.push_back(
            {watched[call.function], settled() - call.counts, pipeline.timing() - call.timing});
        open.pop_back();
    }
}

void Simulation::State::follow(const Seen& block, std::uint32_t next_address) {
    const BranchKind kind = block.branch;
    // A jump to what follows is one too.
    entering = next_address != block.after || !block.conditional;
    if (!entering) return;
    if (kind == BranchKind::Call) {
        if (frames.size() == kMaxDepth) frames.erase(frames.begin());
        frames.push_back(block.after);
        return;
    }
    if (kind != BranchKind::Return && kind != BranchKind::Indirect) return;
    // The innermost call that returns there; a longjmp closes those inside it too.
    const auto frame = std::find(frames.rbegin(), frames.rend(), next_address);
    if (frame == frames.rend()) return;
    frames.resize(static_cast<std::size_t>(frames.rend() - frame) - 1);
    leave_above(frames.size());
    entering = false;
}

Stop Simulation::State::start(bool timed,
                              const std::function<Stop()>& run,
                              std::uint32_t return_address) {
    frames.assign(1, return_address);
    open.clear();
    entering = true;
    pipeline.drain();
    machine.set_observer(timed ? this : nullptr, Watching::Resolved);
    timing = timed;
    const Stop stop = run();
    timing = false;
    operate_caches();
    if (stop.halt == Halt::Returned || stop.halt == Halt::Exited || stop.halt == Halt::Idle)
        leave_above(0);
    open.clear();
    pipeline.drain();
    return stop;
}

// What the registers say.
MemorySettings Simulation::State::switched() {
    const MemorySwitches now = machine.peripherals().switches();
    return overrides->over(
        {now.instruction_cache, now.data_cache, now.art, now.prefetch, now.wait_states});
}

void Simulation::State::operate_caches() {
    for (const CacheOperation& operation : operations) {
        if (operation.kind == CacheOperation::Kind::Switched) {
            memory->set(switched());
            pipeline.set_memory(&*memory);  // what it may remember depends on the caches
        } else {
            memory->maintain(operation, pipeline.cycles());
        }
    }
    operations.clear();
}

MemorySettings MemoryOverrides::over(MemorySettings settings) const {
    settings.instruction_cache = instruction_cache.value_or(settings.instruction_cache);
    settings.data_cache = data_cache.value_or(settings.data_cache);
    settings.art = art.value_or(settings.art);
    settings.prefetch = prefetch.value_or(settings.prefetch);
    settings.wait_states = wait_states.value_or(settings.wait_states);
    return settings;
}

Simulation::Simulation(const Image& image, const Board& board, std::vector<std::string> watched)
    : state_(std::make_unique<State>(image, board, std::move(watched))) {
}

Simulation::~Simulation() = default;

Machine& Simulation::machine() {
    return state_->machine;
}

void Simulation::set_memory(const std::optional<MemorySettings>& settings) {
    state_->pipeline.set_memory(nullptr);
    state_->memory.reset();
    state_->overrides.reset();
    if (!settings) return;
    state_->memory.emplace(state_->board, *settings);
    state_->pipeline.set_memory(&*state_->memory);
}

void Simulation::follow_memory(const MemoryOverrides& overrides) {
    set_memory(MemorySettings{});
    state_->overrides = overrides;
    state_->memory->set(state_->switched());
    state_->pipeline.set_memory(&*state_->memory);
}

std::optional<MemorySettings> Simulation::memory_settings() const {
    if (!state_->memory) return std::nullopt;
    return state_->memory->settings();
}

const MemoryCounts* Simulation::memory_counts() const {
    return state_->memory ? &state_->memory->counts() : nullptr;
}

void Simulation::set_listener(IssueListener* listener) {
    state_->pipeline.set_listener(listener);
}

Stop Simulation::run(bool timed) {
    constexpr std::uint32_t kNowhere = 0xffff'fffe;
    return state_->start(
        timed, [this] { return state_->machine.reset(); }, kNowhere);
}

Stop Simulation::call(std::uint32_t address, std::span<const std::uint32_t> arguments, bool timed) {
    return state_->start(
        timed, [&] { return state_->machine.call(address, arguments); }, Machine::kReturnAddress);
}

const std::vector<CallTiming>& Simulation::calls() const {
    return state_->calls;
}

CallTiming Simulation::total() const {
    return {"", state_->settled(), state_->pipeline.timing()};
}

}  // namespace mixq::sim
