// Opens what programs have made without being led astray by it: from a folder that one knows, no link is followed.
#pragma once
#include <string>
#include <utility>

namespace ar::daemon {

/// An open file or folder; closed at its end.
class OpenFile {
 public:
  OpenFile() = default;
  explicit OpenFile(int fd) : fd_(fd) {}
  OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OpenFile();
  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// `path`: `root` or below it, both normal and absolute; `flags`: of open(2). None: errno says why; ELOOP: what it
/// names, or a folder on the way from the root, is a symbolic link.
OpenFile open_below(std::string const& root, std::string const& path, int flags);

}  // namespace ar::daemon
