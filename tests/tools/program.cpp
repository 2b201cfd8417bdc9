// Starts mixq-sim through posix_spawn and collects what it wrote.
#include "tests/tools/program.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "traces/file.h"

namespace mixq::tools {

namespace {

namespace fs = std::filesystem;

void check(int error, const char* what) {
    if (error != 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(error));
}

// What the child starts with: its folder and its three streams.
class Streams {
  public:
    explicit Streams(const fs::path& folder, const fs::path& input = "/dev/null") {
        check(posix_spawn_file_actions_init(&actions_), "file actions");
        check(posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str()), "chdir");
        open(STDIN_FILENO, input, O_RDONLY);
    }

    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;

    ~Streams() { posix_spawn_file_actions_destroy(&actions_); }

    void open(int stream, const fs::path& path, int flags) {
        check(posix_spawn_file_actions_addopen(&actions_, stream, path.c_str(), flags, 0600),
              path.c_str());
    }

    void use(int stream, int descriptor) {
        check(posix_spawn_file_actions_adddup2(&actions_, descriptor, stream), "dup2");
    }

    // Exit code, or 128 + signal.
    int run(const std::vector<std::string>& arguments) {
        std::vector<std::string> words = {MIXQ_SIM_PROGRAM};
        words.insert(words.end(), arguments.begin(), arguments.end());
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        pid_t child = 0;
        check(posix_spawn(&child, MIXQ_SIM_PROGRAM, &actions_, nullptr, argv.data(), environ),
              MIXQ_SIM_PROGRAM);
        int status = 0;
        while (::waitpid(child, &status, 0) < 0) {
            if (errno != EINTR) check(errno, "waitpid");
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

  private:
    posix_spawn_file_actions_t actions_{};
};

constexpr int kNewFile = O_WRONLY | O_CREAT | O_TRUNC;

}  // namespace

bool Outcome::is_one_error_line() const {
    return err.starts_with("mixq-sim: error: ") && std::count(err.begin(), err.end(), '\n') == 1 &&
           err.back() == '\n';
}

Outcome run_program(const std::vector<std::string>& arguments, const fs::path& folder) {
    return run_program_reading("/dev/null", arguments, folder);
}

Outcome run_program_reading(const fs::path& input,
                            const std::vector<std::string>& arguments,
                            const fs::path& folder) {
    const TestFolder streams_folder;
    const std::string out = streams_folder.file("out");
    const std::string err = streams_folder.file("err");
    Streams streams(folder, input);
    streams.open(STDOUT_FILENO, out, kNewFile);
    streams.open(STDERR_FILENO, err, kNewFile);
    Outcome outcome;
    outcome.exit_code = streams.run(arguments);
    outcome.out = traces::read_text(out);
    outcome.err = traces::read_text(err);
    return outcome;
}

Outcome run_program_onto(const fs::path& device,
                         const std::vector<std::string>& arguments,
                         const fs::path& folder) {
    const TestFolder streams_folder;
    const std::string err = streams_folder.file("err");
    Streams streams(folder);
    streams.open(STDOUT_FILENO, device, O_WRONLY);
    streams.open(STDERR_FILENO, err, kNewFile);
    Outcome outcome;
    outcome.exit_code = streams.run(arguments);
    outcome.err = traces::read_text(err);
    return outcome;
}

Outcome run_program_unread(const std::vector<std::string>& arguments, const fs::path& folder) {
    const TestFolder streams_folder;
    const std::string err = streams_folder.file("err");
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) check(errno, "pipe");
    ::close(ends[0]);
    Streams streams(folder);
    streams.use(STDOUT_FILENO, ends[1]);
    streams.open(STDERR_FILENO, err, kNewFile);
    Outcome outcome;
    outcome.exit_code = streams.run(arguments);
    ::close(ends[1]);
    outcome.err = traces::read_text(err);
    return outcome;
}

TestFolder::TestFolder() {
    std::string name = testing::TempDir() + "mixq-sim-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) check(errno, name.c_str());
    path_ = name;
}

TestFolder::~TestFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::vector<std::string> TestFolder::entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) {
        names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace mixq::tools
