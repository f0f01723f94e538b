#include "daemon/outputs/open_below.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace ar::daemon {
namespace {

/// A link is not taken for a missing folder, as O_DIRECTORY does.
OpenFile open_in(int folder, std::string const& name, int flags) {
  OpenFile file(::openat(folder, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
  if (file || errno != ENOTDIR) return file;
  struct stat what{};
  bool const is_link = ::fstatat(folder, name.c_str(), &what, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(what.st_mode);
  errno = is_link ? ELOOP : ENOTDIR;
  return file;
}

}  // namespace

OpenFile::~OpenFile() {
  if (fd_ >= 0) ::close(fd_);
}

OpenFile open_below(std::string const& root, std::string const& path, int flags) {
  auto rest = std::string_view(path).substr(root.size());
  while (rest.starts_with('/')) rest.remove_prefix(1);
  bool const is_root = rest.empty();
  OpenFile folder(::open(root.c_str(), is_root ? flags | O_CLOEXEC : O_PATH | O_DIRECTORY | O_CLOEXEC));
  while (folder && !rest.empty()) {
    auto const end = std::min(rest.find('/'), rest.size());
    bool const is_last = end == rest.size();
    folder = open_in(folder.fd(), std::string(rest.substr(0, end)), is_last ? flags : O_PATH | O_DIRECTORY);
    rest.remove_prefix(is_last ? end : end + 1);
  }
  return folder;
}

}  // namespace ar::daemon
