#include "adapters/tmux/scope.hpp"

#include "adapters/tmux/run_program.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ar::adapters {
namespace {

/// A bus that does not answer must not hold up the daemon's start.
constexpr std::chrono::seconds kPatience{3};

bool somebody_listens(std::filesystem::path const& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto const path = socket.string();
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  bool const refused = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
                       (errno == ENOENT || errno == ECONNREFUSED);
  ::close(fd);
  return !refused;
}

}  // namespace

awaitable<Result<void>> start_server_in_scope(Executor executor, ScopeSpec scope) {
  if (somebody_listens(scope.socket)) co_return Result<void>();
  auto const program = find_executable(scope.systemd_run);
  if (!program) co_return program.error();

  SpawnSpec spec;
  spec.executable = *program;
  spec.directory = "/";
  spec.environment = scope.environment;
  // Where the user's manager listens.
  for (char const* name : {"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"})
    if (char const* const value = std::getenv(name)) spec.environment.push_back(std::string(name) + "=" + value);
  // A name that no scope of an earlier server can still have, because something that it started lives on.
  // Before: at the user's last logout the daemon ends first, and does not take the agents' ends for crashes.
  spec.arguments = {"--user",
                    "--scope",
                    "--quiet",
                    "--collect",
                    "--unit=agent-runner-tmux-" + random_hex(4) + ".scope",
                    "--description=The terminals of agent-runner's agents",
                    "--property=Before=agent-runner.service",
                    "--",
                    "/usr/bin/env",
                    "-i"};
  spec.arguments.insert(spec.arguments.end(), scope.environment.begin(), scope.environment.end());
  spec.arguments.insert(spec.arguments.end(), scope.starter.begin(), scope.starter.end());
  auto ran = co_await run_program(executor, std::move(spec), kPatience);
  if (!ran) co_return ran.error();
  if (ran->status != 0)
    co_return unavailable("no_scope",
                          program->string() + " failed (" + std::to_string(ran->status) + "): " + ran->said);
  co_return Result<void>();
}

}  // namespace ar::adapters
