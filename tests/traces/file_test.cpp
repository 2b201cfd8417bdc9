// Whole files: written as a whole or not at all.
#include "traces/file.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace mixq::traces {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
  protected:
    File() {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }

    ~File() override { fs::remove_all(folder_); }

    std::size_t entries() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
    }

    const fs::path folder_ =
        fs::path(testing::TempDir()) /
        (std::string("file_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    const fs::path path_ = folder_ / "out.csv";
};

std::string complaint_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "nothing thrown";
}

// Files of this process can grow to this size only: a disk that fills up half way.
class DiskOf {
  public:
    explicit DiskOf(rlim_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }

    DiskOf(const DiskOf&) = delete;
    DiskOf& operator=(const DiskOf&) = delete;

    ~DiskOf() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

  private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

TEST_F(File, ReadsBackWhatWasWritten) {
    const std::string content("a\0b\r\n\xFF", 6);
    write_file(path_, content);
    EXPECT_EQ(read_text(path_), content);
    write_file(path_, std::string_view());
    EXPECT_EQ(read_text(path_), "");
    EXPECT_EQ(entries(), 1u) << "nothing stays beside it";
}

TEST_F(File, ReadsFilesLargerThanOneReadAndFilesWithoutASize) {
    const std::string content(300'001, 'x');
    write_file(path_, content);
    EXPECT_EQ(read_text(path_), content);
    EXPECT_FALSE(read_text("/proc/self/status").empty());
}

TEST_F(File, ADiskThatFillsUpLeavesTheOldFile) {
    write_file(path_, "old");
    const std::string complaint = [&] {
        const DiskOf disk(4096);
        return complaint_of([&] { write_file(path_, std::string(100'000, 'n')); });
    }();
    EXPECT_EQ(complaint, "cannot write '" + path_.string() + "': File too large");
    EXPECT_EQ(read_text(path_), "old");
    EXPECT_EQ(entries(), 1u) << "the half file is gone";
}

TEST_F(File, ADiskThatFillsUpLeavesNoNewFile) {
    {
        const DiskOf disk(4096);
        EXPECT_THROW(write_file(path_, std::string(100'000, 'n')), std::runtime_error);
    }
    EXPECT_EQ(entries(), 0u);
}

TEST_F(File, AFullDeviceIsNamed) {
    EXPECT_EQ(complaint_of([] { write_file("/dev/full", "text"); }),
              "cannot write '/dev/full': No space left on device");
}

TEST_F(File, AFolderThatIsAFileOrMissingIsNamed) {
    write_file(path_, "old");
    const fs::path below = path_ / "out.csv";
    EXPECT_EQ(complaint_of([&] { write_file(below, "text"); }),
              "cannot write '" + below.string() + "': Not a directory");
    const fs::path nowhere = folder_ / "missing" / "out.csv";
    EXPECT_EQ(complaint_of([&] { write_file(nowhere, "text"); }),
              "cannot write '" + nowhere.string() + "': No such file or directory");
    EXPECT_EQ(complaint_of([&] { write_file(folder_, "text"); }),
              "cannot write '" + folder_.string() + "': Is a directory");
    EXPECT_EQ(read_text(path_), "old");
}

TEST_F(File, WhatCannotBeReadIsNamed) {
    EXPECT_EQ(complaint_of([&] { read_bytes(path_); }),
              "cannot read '" + path_.string() + "': No such file or directory");
    EXPECT_EQ(complaint_of([&] { read_bytes(folder_); }),
              "cannot read '" + folder_.string() + "': Is a directory");
}

TEST_F(File, ALinkStaysALink) {
    const fs::path link = folder_ / "link.csv";
    write_file(path_, "old");
    fs::create_symlink(path_, link);
    write_file(link, "new");
    EXPECT_TRUE(fs::is_symlink(link));
    EXPECT_EQ(read_text(path_), "new");
}

TEST_F(File, ADashIsStandardOutputBehindWhatWasPrinted) {
    testing::internal::CaptureStdout();
    std::fputs("printed, ", stdout);
    write_file("-", "written");
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "printed, written");
    EXPECT_FALSE(fs::exists("-"));
}

// The examples of FIPS 180-2, appendix B.
TEST(Sha256, AgreesWithThePublishedExamples) {
    const auto of = [](std::string_view text) {
        return sha256(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    };
    EXPECT_EQ(of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

}  // namespace
}  // namespace mixq::traces
