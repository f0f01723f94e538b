#include "daemon/outputs/stable_copy.hpp"

#include "base/sha256.hpp"
#include "daemon/outputs/open_below.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

namespace ar::daemon {
namespace {

constexpr std::size_t kPart = 256U << 10;
/// Two changes within the kernel's tick have one time.
constexpr std::int64_t kFreshNanos = 50'000'000;

std::int64_t nanos(timespec const& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

Error failed(int why) {
  if (why == ELOOP) return conflict(missing::kNotRegular, "it has become a symbolic link");
  if (why == ENOENT) return conflict(missing::kChanged, "it was removed meanwhile");
  return conflict(missing::kReadFailed, std::strerror(why));
}

Error full(int why) {
  bool const no_room = why == ENOSPC || why == EDQUOT;
  return conflict(no_room ? missing::kCap : missing::kReadFailed, from_errno("it cannot be kept", why).message);
}

Error over(std::int64_t most) {
  return conflict(missing::kCap, "the quota has room for " + std::to_string(most) + " bytes more");
}

Error changed() { return conflict(missing::kChanged, "it was written to while it was read"); }

/// 0: written; else why not.
int write_all(int fd, char const* data, std::size_t size) {
  while (size > 0) {
    auto const n = ::write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return 0;
}

}  // namespace

Result<StableCopy> copy_stable(FoundOutput const& file, int into, std::int64_t most, std::stop_token const& stop) {
  // Should it be a pipe by now, opening it does not wait.
  auto const from = open_below(file.root, file.path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!from) return failed(errno);
  struct stat before{}, after{};
  if (::fstat(from.fd(), &before) != 0) return failed(errno);
  if (!S_ISREG(before.st_mode)) return conflict(missing::kNotRegular, "it is no regular file any more");
  if (before.st_size > most) return over(most);
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  StableCopy copy;
  Sha256 digest;
  std::vector<char> part(static_cast<std::size_t>(std::clamp<std::int64_t>(before.st_size + 1, 4096, kPart)));
  for (;;) {
    if (stop.stop_requested()) return conflict(missing::kReadFailed, "the daemon stops");
    auto const n = ::read(from.fd(), part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno);
    if (n == 0) break;
    copy.bytes += n;
    if (copy.bytes > before.st_size) return changed();
    digest.add({part.data(), static_cast<std::size_t>(n)});
    if (int const why = write_all(into, part.data(), static_cast<std::size_t>(n)); why != 0) return full(why);
  }
  if (::fstat(from.fd(), &after) != 0) return failed(errno);
  if (copy.bytes != before.st_size || stamp_of(before) != stamp_of(after)) return changed();
  bool const is_fresh = nanos(now) - std::max(nanos(after.st_mtim), nanos(after.st_ctim)) < kFreshNanos;
  if (!is_fresh) copy.stamp = stamp_of(after);
  copy.sha256 = digest.hex();
  copy.modified_at = from_millis(nanos(after.st_mtim) / 1'000'000);
  return copy;
}

}  // namespace ar::daemon
