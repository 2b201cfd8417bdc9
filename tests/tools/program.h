// Runs the built mixq-sim as a user does: arguments in; exit code, stdout and stderr out.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace mixq::tools {

struct Outcome {
    int exit_code = -1;  // 128 + signal if one ended it
    std::string out;
    std::string err;

    // "mixq-sim: error: ..." and nothing else on stderr.
    bool is_one_error_line() const;
};

// Runs in `folder`, stdin empty. Throws std::runtime_error if it cannot be started.
Outcome run_program(const std::vector<std::string>& arguments, const std::filesystem::path& folder);

// The same with a file on stdin.
Outcome run_program_reading(const std::filesystem::path& input,
                            const std::vector<std::string>& arguments,
                            const std::filesystem::path& folder);

// The same with stdout going to a device, such as /dev/full.
Outcome run_program_onto(const std::filesystem::path& device,
                         const std::vector<std::string>& arguments,
                         const std::filesystem::path& folder);

// The same with stdout being a pipe that nobody reads any more.
Outcome run_program_unread(const std::vector<std::string>& arguments,
                           const std::filesystem::path& folder);

// A folder of its own for one test, removed at the end.
class TestFolder {
  public:
    TestFolder();
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    ~TestFolder();

    const std::filesystem::path& path() const { return path_; }

    std::string file(const std::string& name) const { return (path_ / name).string(); }

    // Names of everything in it, sorted.
    std::vector<std::string> entries() const;

  private:
    std::filesystem::path path_;
};

}  // namespace mixq::tools
