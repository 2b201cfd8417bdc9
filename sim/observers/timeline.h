// When every function ran, and how many cycles stalled in each stretch of time.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/observers/call_stack.h"

namespace mixq::sim {

// One stay on the call stack, callees included. Spans nest.
struct Span {
    std::size_t function = 0;  // index in CallStack::functions()
    std::uint32_t depth = 0;
    std::uint64_t begin = 0;  // cycles
    std::uint64_t end = 0;
};

class Timeline final : public CallListener {
  public:
    // Beyond this many spans the innermost ones are left out, and truncated() says so.
    explicit Timeline(std::size_t most_spans = 500'000) : most_spans_(most_spans) {}

    void on_issue(const Issue& issue,
                  const CallStack& stack,
                  std::optional<std::size_t> kept) override;

    // Ends what is open. In the order they began.
    std::vector<Span> spans() const;

    bool truncated() const { return truncated_; }

    std::uint64_t cycles() const { return now_; }

    // Stalled cycles by kind in successive windows of window() cycles; the last one may be shorter.
    const std::vector<std::array<std::uint64_t, kStalls>>& stalls() const { return stalls_; }

    std::uint64_t window() const { return window_; }

  private:
    void widen();

    std::size_t most_spans_;
    std::vector<Span> spans_;
    std::vector<std::size_t> open_;  // index in spans_, or past the end where it was left out
    bool truncated_ = false;
    std::uint64_t now_ = 0;
    std::uint64_t window_ = 64;
    std::vector<std::array<std::uint64_t, kStalls>> stalls_;
};

}  // namespace mixq::sim
