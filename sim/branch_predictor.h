// Direction and target prediction: outside the pipeline's own state, because it remembers for longer.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sim/pipeline_code.h"

namespace mixq::sim {

class BranchPredictor {
  public:
    explicit BranchPredictor(const Parameters& parameters);

    // The place where the branch at an address keeps what it has learnt.
    std::uint32_t site(std::uint32_t address);
    // Of the branch that ends a block; learns it. `executed`: its condition held, or it has none in an IT block.
    std::uint8_t outcome(const Compiled& code, std::uint32_t next_address, bool executed);

  private:
    struct Site {
        std::uint32_t address = 0;
        std::uint32_t last_target = 0;
        std::uint32_t entry = 0;   // of the BTAC
        std::int8_t counter = -1;  // two bits; -1: not met yet
    };

    std::uint8_t direction(const Compiled& code, Site& site, bool taken);
    bool target_known(const Compiled& code, Site& site, std::uint32_t target);

    const std::size_t return_stack_entries_;
    std::unordered_map<std::uint32_t, std::uint32_t> sites_by_address_;
    std::vector<Site> sites_;
    std::vector<std::uint32_t> btac_;  // branch addresses, direct-mapped; empty: unlimited
    std::vector<std::uint32_t> return_stack_;
};

}  // namespace mixq::sim
