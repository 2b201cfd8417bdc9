// Follows calls by their return addresses, tail calls by the symbols they cross.
#include "sim/observers/call_stack.h"

#include <algorithm>

#include "sim/block.h"
#include "sim/isa/hex.h"

namespace mixq::sim {

namespace {

// Deeper recursion is one frame that changes.
constexpr std::size_t kMaxDepth = 4096;

}  // namespace

std::size_t CallStack::function_at(std::uint32_t address, bool called) {
    const Symbol* symbol = image_->find_function(address);
    // Code without a symbol belongs to whoever runs it, unless it was called.
    if (symbol == nullptr && !called && !frames_.empty()) return frames_.back().function;
    const std::uint32_t entry = symbol != nullptr ? symbol->address : address;
    const auto [known, added] = by_address_.try_emplace(entry, functions_.size());
    if (added) functions_.push_back({symbol != nullptr ? symbol->name : hex(entry), entry});
    return known->second;
}

void CallStack::enter_range(std::uint32_t address) {
    const Symbol* symbol = image_->find_function(address);
    const bool sized = symbol != nullptr && symbol->size != 0;
    range_begin_ = sized ? symbol->address : address;
    range_bytes_ = sized ? symbol->size : 1;
    if (symbol == nullptr && image_->symbols.empty()) {
        range_begin_ = 0;
        range_bytes_ = ~0u;
    }
}

std::optional<std::size_t> CallStack::push(std::uint32_t address, std::uint32_t return_address) {
    const std::size_t function = function_at(address, true);
    enter_range(address);
    if (frames_.size() == kMaxDepth) frames_.pop_back();
    frames_.push_back({function, return_address});
    return frames_.size() - 1;
}

std::optional<std::size_t> CallStack::replace_top(std::uint32_t address) {
    const std::size_t function = function_at(address, false);
    enter_range(address);
    if (function == frames_.back().function) return std::nullopt;
    frames_.back().function = function;
    return frames_.size() - 1;
}

// A return, or a jump that may be one: the innermost call that it returns from, and those inside it, are over.
std::optional<std::size_t> CallStack::leave(std::uint32_t address) {
    const auto frame = std::find_if(frames_.rbegin(), frames_.rend(), [address](const Frame& open) {
        return open.return_address == address;
    });
    if (frame == frames_.rend()) {
        if (last_branch_ != BranchKind::Return || frames_.size() > 1) return replace_top(address);
        // The outermost function has returned, and is called anew.
        frames_.clear();
        return push(address, 0);
    }
    const auto kept = static_cast<std::size_t>(frames_.rend() - frame) - 1;
    if (kept == 0) {
        frames_.clear();
        return push(address, 0);
    }
    frames_.resize(kept);
    enter_range(address);
    const std::size_t function = function_at(address, false);
    if (function == frames_.back().function) return kept;
    frames_.back().function = function;
    return kept - 1;
}

std::optional<std::size_t> CallStack::follow(const Instruction& instruction) {
    const std::uint32_t address = instruction.address;
    const BranchKind branch = last_branch_;
    const bool left = address != last_end_;
    std::optional<std::size_t> kept;
    if (frames_.empty()) {
        kept = push(address, 0);
    } else if (branch == BranchKind::Call && left) {
        kept = push(address, last_end_);
    } else if ((branch == BranchKind::Return || branch == BranchKind::Indirect) && left) {
        kept = leave(address);
    } else if (address - range_begin_ >= range_bytes_) {
        kept = replace_top(address);
    }
    last_branch_ = instruction.branch;
    last_end_ = address + instruction.size;
    return kept;
}

void CallFollower::on_issue(const Issue& issue) {
    const auto kept = stack_.follow(issue.block->instructions[issue.index]);
    for (CallListener* listener : listeners_) listener->on_issue(issue, stack_, kept);
}

}  // namespace mixq::sim
