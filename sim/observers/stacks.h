// Cycles by call stack: a tree of who called whom, with what each spent itself and on what.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "sim/observers/call_stack.h"

namespace mixq::sim {

struct StackNode {
    std::size_t parent = 0;  // the root is its own
    std::size_t function = 0;
    std::uint64_t issued = 0;  // cycles in which it issued something
    std::array<std::uint64_t, kStalls> stalls{};
};

class Stacks final : public CallListener {
  public:
    void on_issue(const Issue& issue,
                  const CallStack& stack,
                  std::optional<std::size_t> kept) override;

    // The first one is the root, which has no function and no cycles; parents come before their children.
    const std::vector<StackNode>& nodes() const { return nodes_; }

  private:
    std::vector<StackNode> nodes_{1};
    std::map<std::pair<std::size_t, std::size_t>, std::size_t> children_;
    std::size_t here_ = 0;
};

}  // namespace mixq::sim
