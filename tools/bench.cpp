// The verb bench.
#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace mixq::tools {

void add_bench(CLI::App& app) {
    app.add_subcommand("bench");
}

}  // namespace mixq::tools
