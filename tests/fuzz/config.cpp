// The configuration file.
#include "daemon/config/config.hpp"

#include "fuzz/fuzz.hpp"

#include <sys/mman.h>
#include <unistd.h>

using namespace ar;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  int const file = ::memfd_create("config.toml", MFD_CLOEXEC);
  fuzz::must(file >= 0 && ::write(file, data, size) == static_cast<ssize_t>(size), "there is memory");
  auto const config = daemon::Config::load("/proc/self/fd/" + std::to_string(file));
  ::close(file);
  if (!config) fuzz::must(!config.error().message.empty(), "an error says something");
  return 0;
}
