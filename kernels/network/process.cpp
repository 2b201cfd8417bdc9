// Starts programs without a shell and collects what they say.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/network/toolchain.h"

extern char** environ;

namespace mixq::kernels {

namespace {

// Both ends of a pipe; closed when it goes.
struct Pipe {
    int ends[2] = {-1, -1};

    Pipe() {
        if (::pipe2(ends, O_CLOEXEC) != 0) {
            throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
        }
    }

    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    ~Pipe() {
        close_end(0);
        close_end(1);
    }

    void close_end(int end) {
        if (ends[end] >= 0) ::close(ends[end]);
        ends[end] = -1;
    }
};

// Our environment, but messages in English: the first error line is searched for.
std::vector<std::string> child_environment() {
    std::vector<std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        if (!text.starts_with("LC_ALL=") && !text.starts_with("LANG="))
            variables.emplace_back(text);
    }
    variables.emplace_back("LC_ALL=C");
    return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

pid_t spawn(const std::filesystem::path& program,
            const std::vector<std::string>& arguments,
            const Pipe& out,
            const Pipe& err) {
    std::vector<std::string> words = {program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> variables = child_environment();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err.ends[1], STDERR_FILENO);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid,
                                    program.c_str(),
                                    &actions,
                                    nullptr,
                                    pointers(words).data(),
                                    pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        throw std::runtime_error("cannot run '" + program.string() + "': " + std::strerror(error));
    }
    return pid;
}

// Reads what is there; closes the end at end of file.
void drain(Pipe& pipe, std::string& text) {
    char buffer[16384];
    const ssize_t got = ::read(pipe.ends[0], buffer, sizeof buffer);
    if (got > 0) {
        text.append(buffer, static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EINTR) {
        pipe.close_end(0);
    }
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

ProgramRun run_program(const std::filesystem::path& program,
                       const std::vector<std::string>& arguments,
                       std::chrono::milliseconds timeout) {
    Pipe out;
    Pipe err;
    const pid_t pid = spawn(program, arguments, out, err);
    out.close_end(1);
    err.close_end(1);
    ProgramRun run;
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (out.ends[0] >= 0 || err.ends[0] >= 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            run.timed_out = true;
            ::kill(pid, SIGKILL);
            break;
        }
        pollfd ends[2] = {{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}};
        if (::poll(ends, 2, static_cast<int>(std::min<std::int64_t>(left.count(), 1000))) <= 0) {
            continue;
        }
        if (ends[0].revents != 0) drain(out, run.output);
        if (ends[1].revents != 0) drain(err, run.errors);
    }
    run.exit_code = wait_for(pid);
    return run;
}

std::optional<std::filesystem::path> find_program(std::string_view name) {
    const auto runs = [](const std::filesystem::path& path) {
        return ::access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path);
    };
    if (name.find('/') != std::string_view::npos) {
        return runs(name) ? std::optional<std::filesystem::path>(name) : std::nullopt;
    }
    const char* path_variable = std::getenv("PATH");
    std::string_view rest = path_variable != nullptr ? path_variable : "";
    while (!rest.empty()) {
        const std::string_view folder = rest.substr(0, rest.find(':'));
        if (!folder.empty() && runs(std::filesystem::path(folder) / name)) {
            return std::filesystem::path(folder) / name;
        }
        rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    }
    return std::nullopt;
}

}  // namespace mixq::kernels
