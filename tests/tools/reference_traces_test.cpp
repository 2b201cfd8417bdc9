// The recorded traces of the demo suite are what kernels, compiler and simulator give today. A
// change of any of them that moves a number is recorded in the same commit:
//   mixq-sim trace --suite demo -o traces/sim/cortex_m7/demo.csv
#include <gtest/gtest.h>

#include "tools/commands.h"
#include "tools/console.h"

namespace mixq::tools {

namespace {

TEST(ReferenceTraces, TheDemoSuiteGivesWhatIsRecorded) {
    set_quiet(true);
    CLI::App app{"test"};
    add_trace(app);
    EXPECT_NO_THROW(app.parse("trace --suite demo --check " MIXQ_REFERENCE_TRACES));
}

}  // namespace

}  // namespace mixq::tools
