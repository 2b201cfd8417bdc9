// Two-bit counters, last targets and a return stack.
#include "sim/branch_predictor.h"

#include <algorithm>

namespace mixq::sim {

BranchPredictor::BranchPredictor(const Parameters& parameters)
    : return_stack_entries_(static_cast<std::size_t>(parameters.return_stack_entries)),
      btac_(static_cast<std::size_t>(parameters.btac_entries), 0) {
}

std::uint32_t BranchPredictor::site(std::uint32_t address) {
    const auto [entry, added] =
        sites_by_address_.try_emplace(address, static_cast<std::uint32_t>(sites_.size()));
    if (added) {
        const std::size_t entries = std::max<std::size_t>(btac_.size(), 1);
        sites_.push_back({address, 0, static_cast<std::uint32_t>((address >> 1) % entries), -1});
    }
    return entry->second;
}

std::uint8_t BranchPredictor::direction(const Compiled& code, Site& site, bool taken) {
    bool known = site.counter >= 0;
    if (known && !btac_.empty()) known = btac_[site.entry] == site.address;
    // Static prediction: backward taken, forward and indirect not.
    const bool backward = code.target != 0 && code.target <= site.address;
    if (!known) site.counter = backward ? 2 : 1;
    const bool predicted = site.counter >= 2;
    site.counter = static_cast<std::int8_t>(taken ? std::min(3, site.counter + 1)
                                                  : std::max(0, site.counter - 1));
    if (!btac_.empty() && taken) btac_[site.entry] = site.address;
    std::uint8_t outcome = predicted == taken ? 0 : kWrongDirection;
    if (!known && taken && predicted) outcome |= kStaticallyTaken;
    return outcome;
}

bool BranchPredictor::target_known(const Compiled& code, Site& site, std::uint32_t target) {
    bool right = true;
    if (code.branch == BranchKind::Return) {
        right = !return_stack_.empty() && return_stack_.back() == target;
        if (!return_stack_.empty()) return_stack_.pop_back();
    } else if (code.target == 0) {
        right = site.last_target == target;
        site.last_target = target;
    }
    if (code.branch == BranchKind::Call) {
        return_stack_.push_back(code.fall_through);
        if (return_stack_.size() > return_stack_entries_)
            return_stack_.erase(return_stack_.begin());
    }
    return right;
}

std::uint8_t BranchPredictor::outcome(const Compiled& code,
                                      std::uint32_t next_address,
                                      bool executed) {
    Site& site = sites_[code.site];
    const bool taken = executed && (next_address != code.fall_through || !code.conditional);
    std::uint8_t outcome = taken ? kTaken : 0;
    if (code.conditional) outcome |= direction(code, site, taken);
    if (taken && !target_known(code, site, next_address)) outcome |= kWrongTarget;
    return outcome;
}

}  // namespace mixq::sim
