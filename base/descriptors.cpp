#include "base/descriptors.hpp"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace ar {
namespace {

std::size_t inherited = 0;  ///< 0: the limit has not been raised

}  // namespace

std::optional<Descriptors> descriptors_of(pid_t process) {
  rlimit64 limit{};
  std::error_code ec;
  fs::directory_iterator entries("/proc/" + std::to_string(process) + "/fd", ec);
  if (ec || ::prlimit64(process, RLIMIT_NOFILE, nullptr, &limit) != 0) return std::nullopt;
  Descriptors found;
  found.limit = static_cast<std::size_t>(limit.rlim_cur);
  for (; !ec && entries != fs::directory_iterator(); entries.increment(ec)) ++found.open;
  if (process == ::getpid() && found.open > 0) --found.open;  // that of this look
  return found;
}

void raise_descriptor_limit(pid_t process) {
  rlimit64 limit{};
  if (::prlimit64(process, RLIMIT_NOFILE, nullptr, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::prlimit64(process, RLIMIT_NOFILE, &limit, nullptr);
}

void raise_descriptor_limit() {
  inherited = inherited_descriptor_limit();
  raise_descriptor_limit(::getpid());
}

void make_room_for_descriptors() {
  constexpr rlim64_t enough = 4096;  // a thousand agents; 32 kB in the kernel
  rlimit64 limit{};
  if (::getrlimit64(RLIMIT_NOFILE, &limit) != 0) return;
  int const any = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (any < 0) return;
  int const highest = ::fcntl(any, F_DUPFD_CLOEXEC, static_cast<int>(std::min(enough, limit.rlim_cur)) - 1);
  ::close(any);
  if (highest >= 0) ::close(highest);
}

std::size_t inherited_descriptor_limit() {
  if (inherited > 0) return inherited;
  rlimit64 limit{};
  return ::getrlimit64(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) : 1024;
}

}  // namespace ar
