// The way back to an io_context's thread for what other threads have done. Not net::post: that wakes the thread while
// it holds the lock which the thread takes next. Where the system then puts the waker aside for another program, the
// thread waits with it, for tens of milliseconds on a busy machine. Here the lock is free before the thread wakes. (The
// NATS library's few threads still use net::post: theirs have no end that could be counted.)
#pragma once
#include "base/async.hpp"

#include <boost/asio/execution_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace ar {

/// Something that another thread has finished.
class Completion {
 public:
  virtual ~Completion() = default;
  /// On the io thread. The object ends with this call.
  virtual void complete() = 0;
};

/// One for each io_context, made by the first who uses it: `net::use_service<CompletionQueue>(context)`.
class CompletionQueue : public net::execution_context::service {
 public:
  using key_type = CompletionQueue;
  static net::execution_context::id id;

  /// Throws when there is no descriptor left. `context` is an io_context.
  explicit CompletionQueue(net::execution_context& context);
  ~CompletionQueue() override;
  static CompletionQueue& of(Executor const& executor);

  /// io thread only. One completion will come: until it has, the io_context has work.
  void expect();
  /// So many have not come yet.
  std::size_t expected() const { return expected_; }
  /// Any thread, once for each expect().
  void push(std::unique_ptr<Completion> completion);

 private:
  void shutdown() noexcept override;
  void listen();
  void take();

  net::posix::stream_descriptor signal_;  ///< an eventfd
  std::uint64_t signals_ = 0;             ///< what is read from it
  std::size_t expected_ = 0;
  bool listening_ = false;
  std::mutex mutex_{};  ///< for what follows
  bool ended_ = false;  ///< the io_context: nobody is to be woken
  std::vector<std::unique_ptr<Completion>> completions_{};
};

}  // namespace ar
