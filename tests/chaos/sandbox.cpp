#include "chaos/sandbox.hpp"

#include "support/namespaces.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace ar::chaos {

std::string mount_small_disk(std::filesystem::path const& dir, std::size_t bytes) {
  auto const why = [](char const* what) { return std::string(what) + ": " + std::strerror(errno); };
  if (!test::enter_namespace(CLONE_NEWNS)) return why("no mount namespace of its own");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return why("the namespace cannot be made private");
  auto const options = "mode=0700,size=" + std::to_string(bytes);
  if (::mount("tmpfs", dir.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) return why("no tmpfs");
  return {};
}

DiskFull::DiskFull(std::filesystem::path const& dir, std::size_t left)
    : file_(dir / "filler"), fd_(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  // Halving steps down to a page: what others free meanwhile is not worth the trouble.
  struct statvfs disk{};
  if (fd_ < 0 || ::fstatvfs(fd_, &disk) != 0) return;
  off_t size = 0;
  auto const room = static_cast<off_t>(disk.f_bavail * disk.f_frsize) - static_cast<off_t>(left);
  for (auto step = room; step >= 4096 && (left == 0 || size < room);)
    if (::posix_fallocate(fd_, size, step) == 0)
      size += step;
    else
      step /= 2;
}

DiskFull::~DiskFull() {
  if (fd_ >= 0) ::close(fd_);
  ::unlink(file_.c_str());
}

}  // namespace ar::chaos
