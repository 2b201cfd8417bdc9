// Attaches the observers that options ask for, and writes what they saw.
#include "tools/run_observers.h"

#include "sim/observers/hotspots.h"
#include "sim/observers/stacks.h"
#include "sim/observers/timeline.h"
#include "sim/source_lines.h"
#include "tools/hotspot_tables.h"
#include "tools/trace_files.h"
#include "traces/file.h"

namespace mixq::tools {

struct RunObservers::State {
    State(const ObserverOptions& asked, const sim::Image& program, const sim::Board& where)
        : options(asked), image(program), board(where), follower(program) {}

    ObserverOptions options;
    const sim::Image& image;
    const sim::Board& board;
    sim::CallFollower follower;
    sim::Hotspots hotspots;
    sim::Timeline timeline;
    sim::Stacks stacks;
};

void add_observer_options(CLI::App& command, ObserverOptions& options) {
    const std::string group = "Why";
    command
        .add_flag(
            "--hotspots", options.hotspots, "Cycles and stalls by function and line of source")
        ->group(group);
    command
        .add_option_function<std::vector<std::string>>(
            "--annotate",
            [&options](const std::vector<std::string>& function) {
                options.annotate = true;
                options.annotated = function.empty() ? "" : function.front();
            },
            "Each instruction of this function (without: of the most expensive one) with its slot, "
            "cycles and stalls")
        ->expected(0, 1)
        ->option_text("[FUNCTION]")
        ->group(group);
    command
        .add_option(
            "--perfetto", options.perfetto, "Write a trace for ui.perfetto.dev to this file")
        ->group(group);
    command
        .add_option(
            "--speedscope", options.speedscope, "Write a profile for speedscope.app to this file")
        ->group(group);
}

RunObservers::RunObservers(const ObserverOptions& options,
                           const sim::Image& image,
                           const sim::Board& board)
    : state_(std::make_unique<State>(options, image, board)) {
    State& state = *state_;
    if (options.hotspots || options.annotate) state.follower.add(state.hotspots);
    if (!options.perfetto.empty() || !options.speedscope.empty())
        state.follower.add(state.timeline);
    if (!options.speedscope.empty()) state.follower.add(state.stacks);
}

RunObservers::~RunObservers() = default;

void RunObservers::attach(sim::Simulation& simulation) {
    const ObserverOptions& options = state_->options;
    const bool asked = options.hotspots || options.annotate || !options.perfetto.empty() ||
                       !options.speedscope.empty();
    if (asked) simulation.set_listener(&state_->follower);
}

void RunObservers::report(std::FILE* out) const {
    const State& state = *state_;
    const ObserverOptions& options = state.options;
    const sim::CallStack& stack = state.follower.stack();
    if (!options.perfetto.empty()) {
        traces::write_file(options.perfetto, perfetto_json(state.timeline, stack, state.board));
    }
    if (!options.speedscope.empty()) {
        traces::write_file(options.speedscope,
                           speedscope_json(state.timeline, state.stacks, stack, state.board));
    }
    if (out == nullptr || !(options.hotspots || options.annotate)) return;
    const sim::SourceLines lines = sim::SourceLines::read(state.image.path);
    if (options.hotspots)
        std::fprintf(out, "\n%s", hotspot_tables(state.hotspots, stack, lines).c_str());
    if (options.annotate) {
        std::fprintf(
            out, "\n%s", annotated(options.annotated, state.hotspots, stack, lines).c_str());
    }
}

}  // namespace mixq::tools
