#include "base/process/run_program.hpp"

#include "base/process/process.hpp"

#include <boost/asio/readable_pipe.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace ar {
namespace {
struct Running {
  boost::process::v2::process process;
  net::readable_pipe from;
  bool late = false;
};
}  // namespace

awaitable<Result<ProgramOutcome>> run_program(Executor executor, SpawnSpec spec, Clock::duration patience,
                                              std::size_t most_kept) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    co_return from_errno("cannot hear what " + spec.executable.string() + " says", errno);
  net::readable_pipe from(executor, ends[0]);
  spec.out = spec.err = ends[1];
  auto started = spawn(executor, spec);
  ::close(ends[1]);
  if (!started) co_return started.error();
  auto const running = std::make_shared<Running>(Running{std::move(*started), std::move(from)});

  Timer deadline(executor, Clock::now() + patience);
  std::weak_ptr<Running> const weak = running;
  deadline.async_wait([weak](error_code ec) {
    auto const slow = weak.lock();
    if (ec || !slow) return;
    slow->late = true;
    error_code ignored;
    ::kill(-slow->process.id(), SIGKILL);  // and what it has started, such as a hook of git's
    slow->from.close(ignored);             // a child of it may hold the other end
  });
  ProgramOutcome outcome;
  char buffer[1024];
  for (;;) {
    auto const [ec, n] = co_await running->from.async_read_some(net::buffer(buffer), nothrow);
    outcome.said.append(buffer, std::min(n, most_kept - outcome.said.size()));
    if (ec) break;
  }
  Process end(executor, running->process.id());
  while (!end.exited()) co_await end.wait();
  if (running->late) co_return timed_out(spec.executable.string() + " has not ended in time");
  error_code ignored;
  outcome.status = running->process.wait(ignored);
  while (!outcome.said.empty() && (outcome.said.back() == '\n' || outcome.said.back() == ' ')) outcome.said.pop_back();
  co_return outcome;
}

}  // namespace ar
