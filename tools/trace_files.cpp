// Formats: Trace Event Format (Google, "JSON Object Format"; phases X, C, M), and speedscope's
// https://www.speedscope.app/file-format-schema.json.
#include "tools/trace_files.h"

#include <vector>

#include <nlohmann/json.hpp>

#include "tools/console.h"

namespace mixq::tools {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kProcess = 1;
constexpr int kThread = 1;

std::string clock_text(const sim::Board& board) {
    return std::string(board.name) + " at " + fixed(static_cast<double>(board.clock_hz) / 1e6, 0) +
           " MHz";
}

// Events one by one: a whole tree of them would take many times the file's size.
class EventList {
  public:
    void add(const Json& event) {
        text_ += text_.empty() ? "\n" : ",\n";
        text_ += event.dump();
    }

    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

Json name_event(const char* what, const std::string& name) {
    return {{"ph", "M"},
            {"pid", kProcess},
            {"tid", kThread},
            {"name", what},
            {"args", {{"name", name}}}};
}

void add_stalls(EventList& events, const sim::Timeline& timeline) {
    std::uint64_t begin = 0;
    for (const auto& window : timeline.stalls()) {
        Json args = Json::object();
        for (std::size_t k = 0; k < sim::kStalls; ++k)
            args[std::string(sim::name(static_cast<sim::Stall>(k)))] = window[k];
        events.add({{"ph", "C"},
                    {"pid", kProcess},
                    {"tid", kThread},
                    {"ts", begin},
                    {"name", "stalled cycles per " + std::to_string(timeline.window())},
                    {"args", std::move(args)}});
        begin += timeline.window();
    }
}

// Spans as openings and closings, in time order; spans nest and come sorted by their beginning.
void add_calls(EventList& events, const std::vector<sim::Span>& spans) {
    std::vector<const sim::Span*> open;
    const auto close_to = [&](std::size_t depth) {
        while (open.size() > depth) {
            events.add({{"type", "C"}, {"frame", open.back()->function}, {"at", open.back()->end}});
            open.pop_back();
        }
    };
    for (const sim::Span& span : spans) {
        close_to(span.depth);
        events.add({{"type", "O"}, {"frame", span.function}, {"at", span.begin}});
        open.push_back(&span);
    }
    close_to(0);
}

// One sample per stack and cause; the frames after the functions are the causes.
struct Samples {
    Json stacks = Json::array();
    Json weights = Json::array();
    std::uint64_t total = 0;
};

Samples samples_of(const sim::Stacks& stacks, std::size_t functions) {
    Samples samples;
    const auto add = [&](const Json& frames, std::uint64_t weight) {
        if (weight == 0) return;
        samples.stacks.push_back(frames);
        samples.weights.push_back(weight);
        samples.total += weight;
    };
    const std::vector<sim::StackNode>& nodes = stacks.nodes();
    std::vector<Json> paths(nodes.size(), Json::array());
    for (std::size_t k = 1; k < nodes.size(); ++k) {
        paths[k] = paths[nodes[k].parent];
        paths[k].push_back(nodes[k].function);
        add(paths[k], nodes[k].issued);
        for (std::size_t stall = 0; stall < sim::kStalls; ++stall) {
            Json with_cause = paths[k];
            with_cause.push_back(functions + stall);
            add(with_cause, nodes[k].stalls[stall]);
        }
    }
    return samples;
}

}  // namespace

std::string perfetto_json(const sim::Timeline& timeline,
                          const sim::CallStack& stack,
                          const sim::Board& board) {
    EventList events;
    events.add(name_event("process_name", clock_text(board) + ", 1 us here is 1 cycle"));
    events.add(name_event("thread_name", std::string(board.core)));
    for (const sim::Span& span : timeline.spans()) {
        events.add({{"ph", "X"},
                    {"pid", kProcess},
                    {"tid", kThread},
                    {"ts", span.begin},
                    {"dur", span.end - span.begin},
                    {"cat", "function"},
                    {"name", stack.functions()[span.function].name}});
    }
    add_stalls(events, timeline);
    const Json about{{"unit", "cycles"},
                     {"clock_hz", board.clock_hz},
                     {"board", board.name},
                     {"core", board.core},
                     {"cycles", timeline.cycles()},
                     {"calls_left_out", timeline.truncated()},
                     {"tool", tool_version()}};
    return "{\"displayTimeUnit\": \"ns\",\n\"otherData\": " + about.dump() +
           ",\n\"traceEvents\": [" + events.text() + "\n]}\n";
}

std::string speedscope_json(const sim::Timeline& timeline,
                            const sim::Stacks& stacks,
                            const sim::CallStack& stack,
                            const sim::Board& board) {
    Json frames = Json::array();
    for (const sim::CalledFunction& function : stack.functions())
        frames.push_back({{"name", function.name}});
    for (std::size_t k = 0; k < sim::kStalls; ++k)
        frames.push_back(
            {{"name", "stall: " + std::string(sim::name(static_cast<sim::Stall>(k)))}});
    EventList calls;
    add_calls(calls, timeline.spans());
    const Samples samples = samples_of(stacks, stack.functions().size());
    const std::string clock = " in cycles, " + clock_text(board);
    const auto quoted = [](const std::string& text) { return Json(text).dump(); };
    std::string text = "{\"$schema\": \"https://www.speedscope.app/file-format-schema.json\",\n";
    text += "\"exporter\": " + quoted(tool_version()) +
            ",\n\"name\": " + quoted(clock_text(board)) +
            ",\n\"activeProfileIndex\": 0,\n\"shared\": {\"frames\": " + frames.dump() +
            "},\n\"profiles\": [\n";
    text += "{\"type\": \"evented\", \"name\": " +
            quoted("calls" + clock + (timeline.truncated() ? ", inner calls left out" : "")) +
            ", \"unit\": \"none\", \"startValue\": 0, \"endValue\": " +
            std::to_string(timeline.cycles()) + ", \"events\": [" + calls.text() + "\n]},\n";
    text +=
        "{\"type\": \"sampled\", \"name\": " + quoted("stacks and stalls" + clock) +
        ", \"unit\": \"none\", \"startValue\": 0, \"endValue\": " + std::to_string(samples.total) +
        ", \"samples\": " + samples.stacks.dump() + ", \"weights\": " + samples.weights.dump() +
        "}\n]}\n";
    return text;
}

}  // namespace mixq::tools
