// The verb nas, for the program without LibTorch: it goes on as the program beside it that has it. Loading that library takes
// most of a second, which no other verb has a use for.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "tools/commands.h"

namespace mixq::tools {

namespace {

constexpr const char* kProgram = "mixq-sim-nas";

// This process's own, which CLI11 does not keep as they were.
std::vector<std::string> arguments() {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> found;
    for (std::string argument; std::getline(file, argument, '\0');) found.push_back(argument);
    return found;
}

[[noreturn]] void go_on_as_search() {
    const std::filesystem::path program =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / kProgram;
    if (!std::filesystem::exists(program)) {
        throw std::runtime_error(
            "this build has no search (" + program.string() +
            "): install libtorch-dev and configure with -DMIXQ_BUILD_NAS=ON (the preset release "
            "does)");
    }
    std::vector<std::string> words = arguments();
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    ::execv(program.c_str(), pointers.data());
    throw std::runtime_error(program.string() + " cannot be started: " + std::strerror(errno));
}

}  // namespace

void add_nas(CLI::App& app) {
    CLI::App* nas = app.add_subcommand("nas", kNasDescription);
    nas->set_help_flag();  // the other program's, like all options
    nas->prefix_command();
    nas->callback([] { go_on_as_search(); });
}

}  // namespace mixq::tools
