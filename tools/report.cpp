// The verb report.
#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace mixq::tools {

void add_report(CLI::App& app) {
    app.add_subcommand("report");
}

}  // namespace mixq::tools
