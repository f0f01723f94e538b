#include "base/completion_queue.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>

#include <cerrno>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace ar {

net::execution_context::id CompletionQueue::id;

namespace {

int make_eventfd() {
  int const fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

}  // namespace

CompletionQueue::CompletionQueue(net::execution_context& context)
    : service(context), signal_(static_cast<net::io_context&>(context), make_eventfd()) {}

CompletionQueue::~CompletionQueue() = default;

CompletionQueue& CompletionQueue::of(Executor const& executor) {
  return net::use_service<CompletionQueue>(net::query(executor, net::execution::context_as<net::execution_context&>));
}

void CompletionQueue::expect() {
  ++expected_;
  if (!listening_) listen();
}

void CompletionQueue::push(std::unique_ptr<Completion> completion) {
  bool first = false;
  {
    std::lock_guard const lock(mutex_);
    first = completions_.empty() && !ended_;
    completions_.push_back(std::move(completion));
  }
  // A full counter (the only way to fail) has woken the thread already.
  std::uint64_t const one = 1;
  if (first) (void)!::write(signal_.native_handle(), &one, sizeof one);
}

void CompletionQueue::listen() {
  listening_ = true;
  signal_.async_read_some(net::buffer(&signals_, sizeof signals_), [this](error_code ec, std::size_t) {
    listening_ = false;
    if (!ec) take();
  });
}

void CompletionQueue::take() {
  std::vector<std::unique_ptr<Completion>> taken;
  {
    std::lock_guard const lock(mutex_);
    taken.swap(completions_);
  }
  expected_ -= taken.size();
  if (expected_ > 0) listen();
  // Each is a handler of its own: one that throws holds up no other, and others have their turn between two.
  for (auto& completion : taken)
    net::post(signal_.get_executor(), [completion = std::move(completion)] { completion->complete(); });
}

void CompletionQueue::shutdown() noexcept {
  for (std::vector<std::unique_ptr<Completion>> left;; left.clear()) {
    std::lock_guard const lock(mutex_);
    ended_ = true;
    left.swap(completions_);
    if (left.empty()) return;
  }  // with the coroutines that wait for them, whose workers may finish a job now
}

}  // namespace ar
