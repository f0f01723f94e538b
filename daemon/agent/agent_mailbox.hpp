// What happened to one agent and waits to be taken, one at a time. Of a provider that says more than is read, notes are
// left out first: they are for the event log only.
#pragma once
#include "adapters/provider_event.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "terminal/terminal.hpp"

#include <cstddef>
#include <deque>
#include <string>
#include <variant>

namespace ar::daemon {

struct ProcessExit {
  terminal::ExitStatus status;
  std::string provider_session;  ///< whose exit: that of an earlier process is stale
};
using Mail = std::variant<adapters::ProviderEvent, ProcessExit>;

/// io thread only.
class AgentMailbox {
 public:
  explicit AgentMailbox(Executor executor) : came_(executor), dealt_with_(std::move(executor)) {}

  void put(Mail mail);
  bool empty() const { return mail_.empty(); }
  /// Until there is some: what is there already is taken without waiting, also by a task that has been cancelled.
  awaitable<bool> wait() { return came_.wait(); }
  Mail take();
  /// What was taken has been dealt with, or could not be.
  void done();
  /// Until what is in it now has been dealt with; false: not by the deadline. An order waits for that: it is meant for
  /// the agent that people see, and to them all that has come has happened.
  awaitable<bool> wait_until_caught_up(Clock::time_point deadline);
  std::deque<Mail> const& waiting() const { return mail_; }

  void leave_out_note() { ++left_out_; }
  /// So many notes since this was asked last.
  std::size_t take_left_out() { return std::exchange(left_out_, 0); }
  bool has_left_out() const { return left_out_ > 0; }

 private:
  std::deque<Mail> mail_{};
  std::size_t put_ = 0, done_ = 0;  ///< how many ever were
  std::size_t left_out_ = 0;
  Notifier came_, dealt_with_;
};

}  // namespace ar::daemon
