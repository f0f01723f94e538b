#include "terminal/tmux/scope.hpp"

#include "base/ids.hpp"
#include "base/paths.hpp"
#include "base/process/process_info.hpp"
#include "base/process/run_program.hpp"

#include <cstdlib>

namespace ar::terminal {
namespace {

/// A bus that does not answer must not hold up the daemon's start.
constexpr std::chrono::seconds kPatience{3};

}  // namespace

awaitable<Result<void>> start_server_in_scope(Executor executor, ScopeSpec scope) {
  if (listener_at(scope.socket) != 0) co_return Result<void>();
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

}  // namespace ar::terminal
