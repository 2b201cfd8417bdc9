// The verb compare.
#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace mixq::tools {

void add_compare(CLI::App& app) {
    app.add_subcommand("compare");
}

}  // namespace mixq::tools
