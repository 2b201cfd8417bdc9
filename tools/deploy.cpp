// The verb deploy.
#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace mixq::tools {

void add_deploy(CLI::App& app) {
    app.add_subcommand("deploy");
}

}  // namespace mixq::tools
