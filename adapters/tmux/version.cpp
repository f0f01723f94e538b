#include "adapters/tmux/process.hpp"
#include "adapters/tmux/tmux_host.hpp"
#include "base/paths.hpp"
#include "base/spawn.hpp"

#include <boost/asio/readable_pipe.hpp>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace ar::adapters {
namespace {
constexpr int kLeastMajor = 3, kLeastMinor = 2;
}

awaitable<Result<std::string>> tmux_version(Executor executor, std::string tmux) {
  auto program = find_executable(tmux);
  if (!program)
    co_return unavailable("tmux_missing", "tmux is not installed (" + program.error().message +
                                              "); install it, for example: apt install tmux");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) co_return from_errno("cannot ask tmux for its version", errno);
  net::readable_pipe from(executor, ends[0]);
  SpawnSpec spec;
  spec.executable = *program;
  spec.arguments.push_back("-V");
  spec.environment.push_back("PATH=/usr/local/bin:/usr/bin:/bin");
  spec.out = ends[1];
  auto asked = spawn(executor, spec);
  ::close(ends[1]);
  if (!asked) co_return asked.error();
  auto const process = std::make_shared<boost::process::v2::process>(std::move(*asked));

  Timer deadline(executor, Clock::now() + std::chrono::seconds(10));
  std::weak_ptr<boost::process::v2::process> const weak = process;
  deadline.async_wait([weak](error_code ec) {
    boost::system::error_code ignored;
    if (auto const late = weak.lock(); late && !ec) late->terminate(ignored);
  });
  std::string answer;
  char buffer[256];
  for (;;) {
    auto const [ec, n] = co_await from.async_read_some(net::buffer(buffer), nothrow);
    answer.append(buffer, n);
    if (ec || answer.size() > 4096) break;
  }
  Process end(executor, process->id());
  while (!end.exited()) co_await end.wait();

  // "tmux 3.3a", "tmux next-3.5", "tmux openbsd-7.4"
  while (!answer.empty() && (answer.back() == '\n' || answer.back() == ' ')) answer.pop_back();
  auto const version = answer.substr(answer.rfind(' ') + 1);
  auto const digits = version.find_first_of("0123456789");
  int major = 0, minor = 0;
  if (digits == std::string::npos || std::sscanf(version.c_str() + digits, "%d.%d", &major, &minor) != 2)
    co_return unavailable("tmux_failed",
                          program->string() + " -V said \"" + answer + "\" instead of a version");
  if (major < kLeastMajor || (major == kLeastMajor && minor < kLeastMinor))
    co_return unavailable("tmux_too_old",
                          program->string() + " is tmux " + version +
                              "; 3.2 or newer is needed: install one, or name its path in the configuration");
  co_return version;
}

}  // namespace ar::adapters
