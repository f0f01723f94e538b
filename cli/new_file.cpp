#include "cli/new_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace ar::cli {

Result<NewFile> NewFile::create(std::filesystem::path file) {
  int const fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) return conflict("file_exists", file.string() + " exists already; name another place");
  if (fd < 0) return from_errno("cannot write " + file.string(), errno);
  return NewFile(std::move(file), fd);
}

NewFile::NewFile(NewFile&& other) noexcept
    : file_(std::move(other.file_)), fd_(std::exchange(other.fd_, -1)), kept_(other.kept_) {}

NewFile::~NewFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (!kept_) ::unlink(file_.c_str());
}

Result<void> NewFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    auto const n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return from_errno("cannot write " + file_.string(), errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace ar::cli
