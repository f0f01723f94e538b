// Keeps one note for each held account on the bus (docs/limits.md), so that what one daemon finds out about a limit
// holds the account's agents on every machine, and one message in the whole fleet shows when it is over.
//
// Who wants to try a message writes himself into the note by compare and set: one daemon succeeds. He repeats it while
// he is at it; whoever has not seen it repeated for the lease's time, by his own steady clock, may take it. Without a
// bus, or with one that keeps no notes, each daemon works by itself.
#pragma once
#include "base/async.hpp"
#include "base/log.hpp"
#include "daemon/limits/accounts.hpp"
#include "relay/bus.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>

namespace ar::daemon {

/// io thread only. The accounts and the bus outlive it.
class AccountNotes {
 public:
  struct Times {
    milliseconds lease = std::chrono::seconds(60);  ///< of a probe; it is repeated three times as often
    milliseconds look = std::chrono::seconds(60);   ///< at all notes again, should a hint be missing
    milliseconds retry = std::chrono::seconds(5);   ///< after a failure, and before a probe that was given back
  };
  /// `host`: this machine, for people.
  AccountNotes(Executor executor, Accounts& accounts, relay::Bus& bus, std::string host);
  AccountNotes(Executor executor, Accounts& accounts, relay::Bus& bus, std::string host, Times times);
  /// Once the accounts are loaded; the first look is under way then.
  void start(TaskGroup::OnDeath on_death = {});
  awaitable<void> stop();

 private:
  struct Known {
    AccountNote note{};
    std::int64_t revision = 0;
    Clock::time_point seen_at{};  ///< this revision, for the first time
  };

  awaitable<void> run();
  awaitable<Clock::time_point> look();
  Clock::time_point give_up(Error const& error);
  void take(std::vector<relay::Note> const& notes);
  std::map<std::string, AccountNote> told() const;
  bool is_ours(AccountNote const& note) const { return note.probe && note.probe->daemon == id_; }
  bool is_others(Known const& known, Clock::time_point now) const;

  Accounts& accounts_;
  relay::Bus& bus_;
  std::string const id_, host_;
  Times const times_;
  std::map<std::string, Known> known_;                   ///< by account: what the bus has
  std::set<std::string> probing_;                        ///< accounts that a message of ours tries
  std::map<std::string, Clock::time_point> given_back_;  ///< until when others go first
  bool due_ = true;
  int conflicts_ = 0;  ///< notes in a row that others had changed
  LogThrottle failures_;
  std::unique_ptr<relay::Subscription> watch_{};
  Notifier changed_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
