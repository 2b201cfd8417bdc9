// The verb fit.
#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace mixq::tools {

void add_fit(CLI::App& app) {
    app.add_subcommand("fit");
}

}  // namespace mixq::tools
