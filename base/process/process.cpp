#include "base/process/process.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ar {

Process::Process(Executor executor, pid_t pid) : pid_(pid) {
  int const fd = pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1;
  if (fd >= 0) fd_ = std::make_shared<net::posix::stream_descriptor>(std::move(executor), fd);
}

bool Process::exited() const {
  if (!fd_) return true;
  pollfd look{fd_->native_handle(), POLLIN, 0};
  return ::poll(&look, 1, 0) > 0;
}

awaitable<bool> Process::wait(Clock::time_point deadline) {
  auto const fd = fd_;
  Timer timer(co_await net::this_coro::executor, deadline);
  if (deadline != Clock::time_point::max()) {
    std::weak_ptr<net::posix::stream_descriptor> const weak = fd;
    timer.async_wait([weak](error_code ec) {
      if (auto const alive = weak.lock(); alive && !ec) alive->cancel();
    });
  }
  // Another waiter's deadline cancels ours too; hence the loop.
  while (!exited() && Clock::now() < deadline)
    (void)co_await fd->async_wait(net::posix::stream_descriptor::wait_read, nothrow);
  co_return exited();
}

void Process::signal(int number) const {
  if (fd_) (void)::syscall(SYS_pidfd_send_signal, fd_->native_handle(), number, nullptr, 0);
}

}  // namespace ar
