// The one event log (docs/events.md): durable, numbered without gaps over all and per agent, read in pages and followed
// live. An event becomes visible when it is on the disk, so a reader never sees one that a crash could take back.
#pragma once
#include "base/json.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/tables/event_table.hpp"
#include "model/event.hpp"

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ar::daemon {

class EventLog {
 public:
  EventLog(Executor executor, Journal& journal);
  /// Reads where the log ended last time. Call once, before append.
  awaitable<Result<void>> load();

  /// What others are to be told of an event is written with it, in one transaction; a change that is empty: nothing.
  using Teller = std::function<Journal::Change(Event const& event, std::string_view type)>;
  /// From the next event on. `told`, on the io thread, when such a change is on the disk.
  void tell(Teller teller, std::function<void()> told) {
    teller_ = std::move(teller);
    told_ = std::move(told);
  }

  /// `agent` empty: about the daemon itself. `type` and `data` as event_types() has them; no secret.
  void append(std::string const& agent, std::string type, json data = json::object());

  /// See control::EventsApi.
  awaitable<Result<std::vector<Event>>> page(std::string agent, std::int64_t cursor, int limit);
  awaitable<bool> wait(std::string agent, std::int64_t cursor, Clock::time_point deadline);
  /// The chain of all that are on the disk, in steps, so that others are served between them.
  awaitable<Result<ChainCheck>> check_chain();
  std::int64_t last() const { return visible_; }
  std::int64_t last(std::string const& agent) const;  ///< its own number; `agent` empty: of all
  /// An agent has come from another daemon, with what the journal has of its log (EventTable::add_brought): its own
  /// numbers go on after `last`. Before anything is appended about it; nothing happens where it is known.
  void go_on(std::string const& agent, std::int64_t last);
  bool knows(std::string const& agent) const { return agents_.contains(agent); }

 private:
  static constexpr std::size_t kRecent = 4096;
  Journal& journal_;
  Notifier grown_;
  Teller teller_{};
  std::function<void()> told_{};
  std::int64_t assigned_ = 0, visible_ = 0;
  struct Numbers {
    std::int64_t assigned = 0, visible = 0;
    bool brought = false;  ///< its log has begun elsewhere, and is whole on the disk only
  };
  std::unordered_map<std::string, Numbers> agents_;
  std::deque<Event> recent_;  ///< the last visible ones, so that followers need no disk
};

}  // namespace ar::daemon
