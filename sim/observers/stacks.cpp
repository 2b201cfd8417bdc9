// Finds the node of the frames that are open and charges it.
#include "sim/observers/stacks.h"

namespace mixq::sim {

void Stacks::on_issue(const Issue& issue, const CallStack& stack, std::optional<std::size_t> kept) {
    if (kept) {
        here_ = 0;
        for (const Frame& frame : stack.frames()) {
            const auto [child, added] =
                children_.try_emplace({here_, frame.function}, nodes_.size());
            if (added) nodes_.push_back({here_, frame.function, 0, {}});
            here_ = child->second;
        }
    }
    StackNode& node = nodes_[here_];
    node.issued += issue.younger ? 0 : 1;
    for (std::size_t k = 0; k < kStalls; ++k) node.stalls[k] += issue.stalls[k];
}

}  // namespace mixq::sim
