// The verbs of mixq-sim. Each adds its subcommand with options and help; its callback does the work
// and throws on failure.
#pragma once

#include <CLI/CLI.hpp>

namespace mixq::tools {

constexpr const char* kNasDescription =
    "Search bit widths under a latency model, then train them and write the plan";

void add_run(CLI::App& app);
void add_trace(CLI::App& app);
void add_fit(CLI::App& app);
void add_predict(CLI::App& app);
void add_nas(CLI::App& app);
void add_deploy(CLI::App& app);
void add_pack(CLI::App& app);
void add_compare(CLI::App& app);
void add_bench(CLI::App& app);
void add_report(CLI::App& app);

}  // namespace mixq::tools
