// Reads and writes whole files through the system's own calls, so that every failure has its
// reason.
#include "traces/file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mixq::traces {

namespace {

[[noreturn]] void fail(const char* doing, const std::filesystem::path& path, int error) {
    throw std::runtime_error(std::string("cannot ") + doing + " '" + path.string() +
                             "': " + std::strerror(error));
}

// A file descriptor that closes itself.
class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}

    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }

    int get() const { return fd_; }

    int close() {
        const int result = ::close(fd_);
        fd_ = -1;
        return result;
    }

  private:
    int fd_;
};

// Returns 0, or the error that stopped it.
int write_all(int fd, std::span<const std::uint8_t> content) {
    while (!content.empty()) {
        const ssize_t written = ::write(fd, content.data(), content.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        content = content.subspan(static_cast<std::size_t>(written));
    }
    return 0;
}

}  // namespace

std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) fail("read", path, errno);

    struct stat status {};

    if (::fstat(file.get(), &status) != 0) fail("read", path, errno);
    if (S_ISDIR(status.st_mode)) fail("read", path, EISDIR);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(status.st_size));
    std::size_t filled = 0;
    for (;;) {
        if (filled == bytes.size()) bytes.resize(bytes.size() + 65536);
        const ssize_t got = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
        if (got < 0) {
            if (errno == EINTR) continue;
            fail("read", path, errno);
        }
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    bytes.resize(filled);
    return bytes;
}

std::string read_text(const std::filesystem::path& path) {
    const std::vector<std::uint8_t> bytes = read_bytes(path);
    return {bytes.begin(), bytes.end()};
}

void write_file(const std::filesystem::path& path, std::string_view content) {
    write_file(path,
               std::span(reinterpret_cast<const std::uint8_t*>(content.data()), content.size()));
}

void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> content) {
    if (path == "-") {
        std::fflush(stdout);  // what was printed before stays before
        const int error = write_all(STDOUT_FILENO, content);
        // A reader that has seen enough and left is no failure.
        if (error != 0 && error != EPIPE) fail("write to", "stdout", error);
        return;
    }

    // A device or pipe (/dev/stdout, /dev/full) cannot be replaced by a rename: write into it.
    struct stat status {};

    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
        if (file.get() < 0) fail("write", path, errno);
        if (const int error = write_all(file.get(), content)) fail("write", path, error);
        if (file.close() != 0) fail("write", path, errno);
        return;
    }
    // A link is kept: the file it names is replaced.
    std::error_code unresolved;
    std::filesystem::path target = std::filesystem::weakly_canonical(path, unresolved);
    if (unresolved) target = path;
    const std::filesystem::path beside = target.string() + ".tmp" + std::to_string(::getpid());
    Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.get() < 0) fail("write", path, errno);
    int error = write_all(file.get(), content);
    if (file.close() != 0 && error == 0) error = errno;
    if (error == 0 && ::rename(beside.c_str(), target.c_str()) != 0) error = errno;
    if (error != 0) {
        ::unlink(beside.c_str());
        fail("write", path, error);
    }
}

std::string sha256(std::span<const std::uint8_t> bytes) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(bytes.data(), bytes.size(), digest);
    constexpr char kHex[] = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : digest) {
        text += kHex[byte >> 4];
        text += kHex[byte & 15];
    }
    return text;
}

}  // namespace mixq::traces
