// The verb trace.
#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace mixq::tools {

void add_trace(CLI::App& app) {
    app.add_subcommand("trace");
}

}  // namespace mixq::tools
