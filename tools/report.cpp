// The verb report: everything the other verbs left behind, as one page.
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/commands.h"
#include "tools/console.h"
#include "tools/report/page.h"
#include "traces/file.h"

namespace mixq::tools {

namespace {

struct ReportOptions {
    report::Paths paths;
    std::string title;
    std::string output;
};

void run(const ReportOptions& options) {
    report::Inputs inputs = report::read_inputs(options.paths);
    inputs.title = options.title;
    const std::string page = report::render_page(inputs);
    traces::write_file(options.output, page);
    if (options.output != "-") {
        std::printf("%s: %s bytes, from %zu files; open it in any browser\n",
                    options.output.c_str(),
                    grouped(static_cast<std::int64_t>(page.size())).c_str(),
                    inputs.sources.size());
    }
}

}  // namespace

void add_report(CLI::App& app) {
    CLI::App* verb = app.add_subcommand("report", "One self-contained HTML page with the pictures");
    auto options = std::make_shared<ReportOptions>();
    verb->add_option("--traces", options->paths.traces, "Trace records, from mixq-sim trace");
    verb->add_option("--model", options->paths.model, "Latency model, from mixq-sim fit");
    verb->add_option("--nas", options->paths.nas, "Output folder of mixq-sim nas");
    verb->add_option("--deploy", options->paths.deploy, "JSON of mixq-sim deploy");
    verb->add_option("--compare", options->paths.compare, "JSON of mixq-sim compare");
    verb->add_option("--title", options->title, "Heading of the page");
    verb->add_option("-o,--output", options->output, "The page to write (- is stdout)")->required();
    verb->footer(
        R"(Every input is optional: a section without data says which command produces it. The page needs no network, follows
the system's light or dark theme, and names every file it was made of with its SHA-256.

  mixq-sim report --traces traces.csv --model model.csv -o report.html
  mixq-sim report --traces traces.csv --model model.csv --nas nas --deploy deploy.json \
                  --compare compare.json -o report.html)");
    verb->callback([options] { run(*options); });
}

}  // namespace mixq::tools
