// The verb predict.
#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace mixq::tools {

void add_predict(CLI::App& app) {
    app.add_subcommand("predict");
}

}  // namespace mixq::tools
