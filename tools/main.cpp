// The program: the list of verbs, and the only place where an exception becomes a line on stderr
// and an exit code.
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>
#include <poll.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/console.h"

namespace {

using namespace mixq::tools;

constexpr const char* kDescription =
    R"(How fast does a mixed-precision network run on a Cortex-M7, which bit widths should each layer have,
and what is the firmware? Answered without a board.

  kernel --(trace)--> counts and cycles --(fit)--> latency model --(nas)--> bit widths and weights
         --(deploy)--> firmware.elf --(run)--> cycles --(compare)--> error against boards --(report)--> a page

Every arrow leaves a file that you can read and that the next verb starts from.
)";

constexpr const char* kFooter = R"(First steps:
  mixq-sim bench --kernel best --layer conv3x3:32x32@16x16 --bits w4a4   MAC per cycle, simulated
  mixq-sim trace --suite demo -o traces.csv                              one record per kernel, layer, bits
  mixq-sim fit traces.csv -o model.csv                                   cycles = f(instruction counts)
  mixq-sim VERB --help                                                   options and an example of each verb

Tables go to stdout, progress and errors to stderr; --json FILE writes the same figures for machines (- is stdout).
Exit codes: 0 done; 1 failed at run time; 2 wrong usage; 3 a stated limit is not met; 4 output differs from the golden.)";

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kLimit = 3;
constexpr int kDiffers = 4;

// LibTorch appends a stack trace of many lines to its messages.
constexpr std::string_view kTorchTrace = "Exception raised from ";

// Any message as one line: runs of line breaks and blanks become one blank.
std::string one_line(std::string_view message) {
    message = message.substr(0, message.find(kTorchTrace));
    std::string line;
    for (const char c : message) {
        const bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
        if (!blank) {
            line += c;
        } else if (!line.empty() && line.back() != ' ') {
            line += ' ';
        }
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    return line;
}

int fail(int exit_code, std::string_view message) {
    std::fprintf(stderr, "mixq-sim: error: %s\n", one_line(message).c_str());
    return exit_code;
}

std::string verb_names(const CLI::App& app) {
    std::string names;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
        names += (names.empty() ? "" : ", ") + verb->get_name();
    }
    return names;
}

// CLI11 reports an unknown verb as a missing one; say which word was not understood.
int usage_error(const CLI::App& app, const CLI::ParseError& error) {
    const auto verbs = app.get_subcommands();
    if (!verbs.empty()) {
        return fail(
            kUsage,
            std::string(error.what()) + "; see mixq-sim " + verbs.back()->get_name() + " --help");
    }
    const auto rest = app.remaining();
    std::string what = error.what();
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
        what = rest.empty()
                   ? "a verb is missing"
                   : (rest.front().starts_with('-') ? "unknown option '" : "unknown verb '") +
                         rest.front() + "'";
    }
    return fail(kUsage, what + "; verbs: " + verb_names(app) + "; see mixq-sim --help");
}

void add_verbs(CLI::App& app) {
    add_run(app);
    add_trace(app);
    add_fit(app);
    add_predict(app);
    add_nas(app);
    add_deploy(app);
    add_compare(app);
    add_bench(app);
    add_pack(app);
    add_report(app);
    constexpr const char* kQuiet = "No progress on stderr, only errors";
    app.add_flag_callback(
        "-q,--quiet", [] { set_quiet(true); }, kQuiet);
    for (CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
        verb->add_flag_callback(
            "-q,--quiet", [] { set_quiet(true); }, kQuiet);
    }
}

int run(int argc, char** argv) {
    CLI::App app(kDescription, "mixq-sim");
    app.set_version_flag("-V,--version", tool_version(), "Print the version and exit");
    app.get_formatter()->column_width(34);
    app.require_subcommand(1);
    try {
        add_verbs(app);
        app.footer(kFooter);  // after the verbs, or they would inherit it
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
        return usage_error(app, error);
    } catch (const LimitNotMet& error) {
        return fail(kLimit, error.what());
    } catch (const OutputDiffers& error) {
        return fail(kDiffers, error.what());
    } catch (const std::invalid_argument& error) {
        return fail(kUsage, error.what());
    } catch (const std::exception& error) {
        return fail(kFailed, error.what());
    }
}

// A reader that has seen enough (`| head`) is no failure; a full disk is.
bool reader_left() {
    pollfd out{STDOUT_FILENO, POLLOUT, 0};
    return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

bool stdout_written() {
    std::cout.flush();
    const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
    return written || reader_left();
}

}  // namespace

int main(int argc, char** argv) {
    // A write to a closed pipe then fails like any other write, after the files have been written.
    std::signal(SIGPIPE, SIG_IGN);
    const int exit_code = run(argc, argv);
    if (!stdout_written() && exit_code == 0) {
        return fail(kFailed, "cannot write to stdout; is the disk full?");
    }
    return exit_code;
}
