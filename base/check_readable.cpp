#include "base/check_readable.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ar {

Result<void> check_readable(std::filesystem::path const& file, std::size_t limit) {
  auto const path = file.string();
  struct stat info{};
  int const failed = ::stat(path.c_str(), &info) == 0 ? 0 : errno;
  if (failed == ENOENT || failed == ENOTDIR) return not_found("file_not_found", path + " does not exist");
  if (failed != 0) return invalid("", path + " cannot be reached: " + std::strerror(failed));
  if (!S_ISREG(info.st_mode)) return conflict("not_a_file", path + " is no regular file");
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0)
    return invalid("", path + " cannot be read: " + std::strerror(errno));
  if (std::cmp_greater(info.st_size, limit))
    return Error{ErrorKind::too_large, "too_large", path + " is larger than " + std::to_string(limit) + " bytes"};
  return {};
}

}  // namespace ar
