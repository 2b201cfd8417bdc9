// The verb nas.
#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace mixq::tools {

void add_nas(CLI::App& app) {
    app.add_subcommand("nas");
}

}  // namespace mixq::tools
