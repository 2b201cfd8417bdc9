// Opens and closes spans as frames come and go.
#include "sim/observers/timeline.h"

#include <algorithm>

namespace mixq::sim {

namespace {

constexpr std::size_t kMostWindows = 4096;  // a screen shows fewer

}  // namespace

void Timeline::on_issue(const Issue& issue,
                        const CallStack& stack,
                        std::optional<std::size_t> kept) {
    if (kept) {
        for (std::size_t depth = *kept; depth < open_.size(); ++depth) {
            if (open_[depth] < spans_.size()) spans_[open_[depth]].end = now_;
        }
        open_.resize(std::min(*kept, open_.size()));
        for (std::size_t depth = open_.size(); depth < stack.frames().size(); ++depth) {
            if (spans_.size() >= most_spans_) {
                truncated_ = true;
                open_.push_back(~std::size_t{0});
                continue;
            }
            open_.push_back(spans_.size());
            spans_.push_back(
                {stack.frames()[depth].function, static_cast<std::uint32_t>(depth), now_, now_});
        }
    }
    now_ = issue.end;
    // A stall belongs to the window it ends in.
    while (now_ / window_ >= stalls_.size()) {
        if (stalls_.size() == kMostWindows) widen();
        stalls_.emplace_back();
    }
    for (std::size_t k = 0; k < kStalls; ++k) stalls_[now_ / window_][k] += issue.stalls[k];
}

void Timeline::widen() {
    for (std::size_t k = 0; 2 * k < stalls_.size(); ++k) {
        auto sum = stalls_[2 * k];
        for (std::size_t s = 0; s < kStalls && 2 * k + 1 < stalls_.size(); ++s)
            sum[s] += stalls_[2 * k + 1][s];
        stalls_[k] = sum;
    }
    stalls_.resize((stalls_.size() + 1) / 2);
    window_ *= 2;
}

std::vector<Span> Timeline::spans() const {
    std::vector<Span> closed = spans_;
    for (const std::size_t index : open_) {
        if (index < closed.size()) closed[index].end = now_;
    }
    return closed;
}

}  // namespace mixq::sim
