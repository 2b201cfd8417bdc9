// The file of a trace while it grows: what of it still holds, and how it is written so that an interrupted run can go on.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tools/measure.h"
#include "traces/record.h"

namespace mixq::tools {

// Records of an earlier run on one board with one seed. Safe to ask from several threads.
class RecordedRuns {
  public:
    // From a file that need not be there. Throws std::runtime_error if it is there and cannot be read.
    RecordedRuns(const std::string& path, const std::string& board, std::uint64_t seed);

    // Made by the simulator, the kernels and the compiler of now: nothing has to be built to know it.
    std::optional<traces::Record> unchanged(const KernelRun& run) const;

    // Made by this simulator of an image that is the same bit for bit.
    std::optional<traces::Record> same_image(const KernelRun& run,
                                             const std::string& elf_sha256) const;

  private:
    std::map<std::string, traces::Record> records_;  // by to_string(KernelRun)
};

// The records so far, in the order asked for, written beside and renamed every few seconds.
class RecordsFile {
  public:
    // An empty path keeps them in memory; "-" is written at the end.
    RecordsFile(std::size_t count, std::string path) : records_(count), path_(std::move(path)) {}

    // What an earlier run left: written with the next that is added.
    void keep(std::size_t index, traces::Record record) { records_[index] = std::move(record); }

    void add(std::size_t index, traces::Record record);
    std::vector<traces::Record> finish();

  private:
    std::vector<traces::Record> present() const;

    std::mutex mutex_;
    std::vector<std::optional<traces::Record>> records_;
    std::string path_;
    std::chrono::steady_clock::time_point written_ = std::chrono::steady_clock::now();
};

}  // namespace mixq::tools
