// How a program of ours lives and ends: it serves until it fails or is told to stop, and then it has ended within a
// deadline, whatever throws or hangs.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>

namespace ar::daemon {

/// What live() runs. io thread only.
class Program {
 public:
  explicit Program(Executor executor) : changed_(std::move(executor)) {}
  virtual ~Program() = default;

  /// Starts and serves. Returns when it was told to stop, or with the reason why it cannot start or go on.
  virtual awaitable<Result<void>> serve() = 0;
  /// Ends, in order, what serve() has begun, also when that threw.
  virtual awaitable<void> end(bool served_well) = 0;
  /// After which it is cut off.
  virtual Clock::duration longest_end() const = 0;

  /// SIGHUP: it reads its configuration again, where it can.
  virtual void reload() {}
  void ask_to_stop();
  /// It cannot go on: it stops, and the first such reason is the one that counts.
  void fail(Error why);
  /// For TaskGroup::spawn_vital: without that part it cannot go on.
  TaskGroup::OnDeath on_death_of(std::string part);

 protected:
  /// What serve() waits for once it has started.
  awaitable<Result<void>> until_stopped();

 private:
  Notifier changed_;
  bool stopping_ = false;
  Result<void> fault_{};
};

using MakeProgram = std::function<std::unique_ptr<Program>(boost::asio::io_context&)>;
/// Runs it on this thread. SIGTERM and SIGINT tell it to stop; a second one ends the process at once. SIGHUP
/// tells it to reload. When it cannot be
/// ended in order, `last_words` gets the reason and the process exits with 1.
Result<void> live(MakeProgram const& make, std::function<void(Error const&)> const& last_words);

}  // namespace ar::daemon
