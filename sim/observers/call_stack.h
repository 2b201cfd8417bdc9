// Which functions are open at every instruction, followed through calls, returns and jumps.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/image.h"
#include "sim/issue.h"

namespace mixq::sim {

// Of the image's symbols; where there are none, named after the address it was called at.
struct CalledFunction {
    std::string name;
    std::uint32_t address = 0;
};

struct Frame {
    std::size_t function = 0;  // index in CallStack::functions()
    std::uint32_t return_address = 0;
};

class CallStack {
  public:
    explicit CallStack(const Image& image) : image_(&image) {}

    // To be told of every instruction. Where it opened or closed frames: how many of the outermost stayed.
    std::optional<std::size_t> follow(const Instruction& instruction);

    // Outermost first; not empty once the first instruction has been followed.
    std::span<const Frame> frames() const { return frames_; }

    const std::vector<CalledFunction>& functions() const { return functions_; }

  private:
    std::size_t function_at(std::uint32_t address, bool called);
    std::optional<std::size_t> replace_top(std::uint32_t address);
    std::optional<std::size_t> leave(std::uint32_t address);
    std::optional<std::size_t> push(std::uint32_t address, std::uint32_t return_address);
    void enter_range(std::uint32_t address);

    const Image* image_;
    std::vector<CalledFunction> functions_;
    std::unordered_map<std::uint32_t, std::size_t> by_address_;
    std::vector<Frame> frames_;
    // Addresses certainly of the innermost function.
    std::uint32_t range_begin_ = 0;
    std::uint32_t range_bytes_ = 0;
    BranchKind last_branch_ = BranchKind::None;
    std::uint32_t last_end_ = 0;
};

// Hears of every instruction together with the frames it runs in.
class CallListener {
  public:
    virtual ~CallListener() = default;
    // `kept`: as CallStack::follow returned for this instruction.
    virtual void on_issue(const Issue& issue,
                          const CallStack& stack,
                          std::optional<std::size_t> kept) = 0;
};

// Follows the calls once for any number of listeners.
class CallFollower final : public IssueListener {
  public:
    explicit CallFollower(const Image& image) : stack_(image) {}

    void add(CallListener& listener) { listeners_.push_back(&listener); }

    void on_issue(const Issue& issue) override;

    const CallStack& stack() const { return stack_; }

  private:
    CallStack stack_;
    std::vector<CallListener*> listeners_;
};

}  // namespace mixq::sim
