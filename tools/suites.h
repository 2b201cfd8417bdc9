// Named lists of runs that `mixq-sim trace --suite` records.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/measure.h"

namespace mixq::tools {

struct Suite {
    std::string_view name;
    std::string_view summary;
    std::vector<KernelRun> runs;
};

// Designing a suite takes a moment: it is made when it is asked for.
struct NamedSuite {
    std::string_view name;
    Suite (*make)();
};

const std::vector<NamedSuite>& all_suites();
// Throws std::invalid_argument listing the suites there are.
Suite find_suite(std::string_view name);

// Every kernel on every layer at every precision, layers slowest.
std::vector<KernelRun> cross(const std::vector<std::string>& kernels,
                             const std::vector<std::string>& layers,
                             const std::vector<std::string>& precisions);

}  // namespace mixq::tools
