// What generated code costs, by the engine that times programs.
#pragma once

#include <vector>

#include "kernels/generate/schedule.h"
#include "sim/pipeline_engine.h"

namespace mixq::kernels::generate {

class Judge {
  public:
    // For code that ends, and begins, like this one.
    explicit Judge(const Straight& straight);

    // Of one pass. Code that repeats is in its steady state, averaged over passes that touch both banks alike.
    double cycles(const std::vector<Insn>& code);

  private:
    Straight like_;
    sim::Engine engine_;
};

// BNE over a distance in bytes, from its own address.
std::uint32_t branch_not_equal(int distance);

}  // namespace mixq::kernels::generate
