#include "e2e/offline.hpp"

#include "base/paths.hpp"
#include "support/namespaces.hpp"

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ar::test {
namespace {

bool loopback_up() {
  int const fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  bool up = ::ioctl(fd, SIOCGIFFLAGS, &request) == 0;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  up = up && ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  ::close(fd);
  return up;
}

/// Trust, but look: any other interface means that this is not our namespace.
bool only_loopback() {
  auto* const all = ::if_nameindex();
  if (!all) return false;
  bool only = true;
  for (auto* one = all; one->if_index != 0; ++one) {
    // A new namespace may bring tunnel devices of the kernel's own (sit0, ...), which are down.
    int const fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strncpy(request.ifr_name, one->if_name, IFNAMSIZ - 1);
    if (std::string(one->if_name) != "lo" && ::ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP))
      only = false;
    ::close(fd);
  }
  ::if_freenameindex(all);
  return only;
}

/// Empty when this process is offline; else why it cannot be.
std::string go_offline() {
  static bool done = false;
  if (done) return {};
  if (!enter_namespace(CLONE_NEWNET))
    return std::string("cannot make a network namespace (run as root, or allow unprivileged user namespaces): ") +
           std::strerror(errno);
  if (!loopback_up()) return std::string("cannot bring loopback up: ") + std::strerror(errno);
  if (!only_loopback()) return "the network namespace has more than loopback";
  done = true;
  return {};
}

[[noreturn]] void skip(std::string const& why) {
  std::printf("SKIPPED: %s\n", why.c_str());
  std::fflush(stdout);
  std::_Exit(77);
}

}  // namespace

namespace {

std::string cli_offline(std::string const& variable, std::string const& name, std::string const& folder = {}) {
  auto const* const named = std::getenv(variable.c_str());
  std::string const path =
      named && *named ? named : std::string(AR_BIN_DIR) + "/../clis/" + folder + "node_modules/.bin/" + name;
  if (::access(path.c_str(), X_OK) != 0)
    skip("no CLI at " + path + "; run scripts/install-clis BUILD/clis, or set " + variable);
  if (!find_executable("node", "/usr/local/bin:/usr/bin:/bin"))
    skip("node is missing; the stub of the model API needs it");
  if (auto const why = go_offline(); !why.empty()) skip(why);
  return path;
}

}  // namespace

std::string claude_offline() { return cli_offline("AR_CLAUDE", "claude"); }
std::string codex_offline() { return cli_offline("AR_CODEX", "codex"); }
std::string acp_offline(std::string const& name) {
  std::string variable = "AR_";
  for (char const c : name) variable += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return cli_offline(variable, name, "acp/");
}

}  // namespace ar::test
