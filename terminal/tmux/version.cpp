#include "terminal/tmux/version.hpp"

#include "base/paths.hpp"
#include "base/process/run_program.hpp"

#include <cstdio>

namespace ar::terminal {
namespace {
constexpr int kLeastMajor = 3, kLeastMinor = 2;
}

Result<std::filesystem::path> find_tmux(std::string const& name) {
  auto program = find_executable(name);
  if (program) return *program;
  return unavailable("tmux_missing", "tmux is not installed (" + program.error().message +
                                         "); install it, for example: apt install tmux");
}

Result<void> check_tmux_version(std::filesystem::path const& program, std::string const& version) {
  auto const digits = version.find_first_of("0123456789");
  int major = 0, minor = 0;
  if (digits == std::string::npos || std::sscanf(version.c_str() + digits, "%d.%d", &major, &minor) != 2)
    return unavailable("tmux_failed", program.string() + " says \"" + version + "\" instead of a version");
  if (major < kLeastMajor || (major == kLeastMajor && minor < kLeastMinor))
    return unavailable("tmux_too_old",
                       program.string() + " is tmux " + version +
                           "; 3.2 or newer is needed: install one, or name its path in the configuration");
  return {};
}

awaitable<Result<std::string>> tmux_version(Executor executor, std::string tmux) {
  auto const program = find_tmux(tmux);
  if (!program) co_return program.error();
  SpawnSpec spec;
  spec.executable = *program;
  spec.arguments.push_back("-V");
  spec.environment.push_back("PATH=/usr/local/bin:/usr/bin:/bin");
  auto ran = co_await run_program(executor, std::move(spec), std::chrono::seconds(10));
  if (!ran) co_return ran.error();
  auto version = ran->said.substr(ran->said.rfind(' ') + 1);  // "tmux 3.3a"
  auto const usable = check_tmux_version(*program, version);
  if (!usable) co_return usable.error();
  co_return version;
}

}  // namespace ar::terminal
