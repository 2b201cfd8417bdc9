// The verb run.
#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace mixq::tools {

void add_run(CLI::App& app) {
    app.add_subcommand("run");
}

}  // namespace mixq::tools
