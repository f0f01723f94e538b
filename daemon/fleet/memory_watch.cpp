#include "daemon/fleet/memory_watch.hpp"

#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

/// Programs stood still for want of memory for a tenth of 2 s. (Without privileges, windows are multiples of 2 s.)
constexpr std::string_view kTrigger = "some 200000 2000000";
constexpr auto kLook = 10s;           ///< at the agents' use, when it has a limit
constexpr auto kLookForLimit = 1min;  ///< whether it has one now

}  // namespace

MemoryWatch::MemoryWatch(Executor executor, bool pressure, std::function<std::int64_t()> limit,
                         std::function<awaitable<std::int64_t>()> used)
    : limit_(std::move(limit)), used_(std::move(used)) {
  if (!pressure) return;
  int const fd = ::open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  // The kernel wants the terminating zero as well.
  if (::write(fd, kTrigger.data(), kTrigger.size() + 1) < 0)
    ::close(fd);
  else
    kernel_ = std::make_shared<net::posix::stream_descriptor>(std::move(executor), fd);
}

awaitable<std::string> MemoryWatch::tight() {
  for (;;) {
    auto const limit = limit_();
    if (limit > 0) {
      auto const used = co_await used_();
      if (used > limit)
        co_return "the agents use " + std::to_string(used >> 20) + " MiB, more than the " +
            std::to_string(limit >> 20) + " MiB that are configured";
    }
    auto const deadline = Clock::now() + (limit > 0 ? Clock::duration(kLook) : kLookForLimit);
    bool const waiting = co_await pressed(deadline);
    if (waiting) co_return "programs wait for memory";
  }
}

awaitable<bool> MemoryWatch::pressed(Clock::time_point deadline) {
  if (!kernel_) {
    Timer timer(co_await net::this_coro::executor, deadline);
    auto [ec] = co_await timer.async_wait(nothrow);
    if (ec) throw boost::system::system_error(ec);  // cancelled: the task ends
    co_return false;
  }
  Timer timer(kernel_->get_executor(), deadline);
  timer.async_wait([kernel = std::weak_ptr(kernel_)](error_code ec) {
    if (auto const alive = kernel.lock(); alive && !ec) alive->cancel();
  });
  // The signal is POLLPRI, which Asio waits for under this name.
  auto [ec] = co_await kernel_->async_wait(net::posix::stream_descriptor::wait_error, nothrow);
  if (ec && Clock::now() < deadline) throw boost::system::system_error(ec);
  co_return !ec;
}

}  // namespace ar::daemon
