#include "adapters/tmux/run_program.hpp"
#include "adapters/tmux/tmux_host.hpp"
#include "base/paths.hpp"

#include <cstdio>

namespace ar::adapters {
namespace {
constexpr int kLeastMajor = 3, kLeastMinor = 2;
}

awaitable<Result<std::string>> tmux_version(Executor executor, std::string tmux) {
  auto program = find_executable(tmux);
  if (!program)
    co_return unavailable("tmux_missing", "tmux is not installed (" + program.error().message +
                                              "); install it, for example: apt install tmux");
  SpawnSpec spec;
  spec.executable = *program;
  spec.arguments.push_back("-V");
  spec.environment.push_back("PATH=/usr/local/bin:/usr/bin:/bin");
  auto ran = co_await run_program(executor, std::move(spec), std::chrono::seconds(10));
  if (!ran) co_return ran.error();
  auto const& answer = ran->said;

  // "tmux 3.3a", "tmux next-3.5", "tmux openbsd-7.4"
  auto const version = answer.substr(answer.rfind(' ') + 1);
  auto const digits = version.find_first_of("0123456789");
  int major = 0, minor = 0;
  if (digits == std::string::npos || std::sscanf(version.c_str() + digits, "%d.%d", &major, &minor) != 2)
    co_return unavailable("tmux_failed", program->string() + " -V said \"" + answer + "\" instead of a version");
  if (major < kLeastMajor || (major == kLeastMajor && minor < kLeastMinor))
    co_return unavailable("tmux_too_old",
                          program->string() + " is tmux " + version +
                              "; 3.2 or newer is needed: install one, or name its path in the configuration");
  co_return version;
}

}  // namespace ar::adapters
