// Tells people what needs them (docs/notifications.md), by the rules of the configuration. The event log is what is
// owed: of each rule the journal keeps how far in it people have been told. So nothing is lost with the daemon, and
// what was sent just before its end may be sent once more.
//
// What happens within 10 s is told together, what comes in quiet hours after them, and what could not be told for a day
// is left out and said so.
#pragma once
#include "base/async.hpp"
#include "base/random.hpp"
#include "daemon/notify/notice_sender.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "model/notify_rule.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// io thread only.
class Notifications {
 public:
  /// An agent's tags; none where there is no such agent.
  using TagsOf = std::function<std::vector<std::string>(std::string const& agent)>;

  /// `sender` outlives it. `random`: empty: a real one.
  Notifications(Executor executor, Journal& journal, EventLog& events, NoticeSender& sender, TagsOf tags_of,
                Random random = {});
  /// A rule that is new tells of what happens from now on. `on_death`: nobody is told any more.
  void start(std::vector<NotifyRule> rules, TaskGroup::OnDeath on_death);
  awaitable<void> stop();
  /// The rules of a configuration that was read again.
  void set(std::vector<NotifyRule> rules);

  /// {notify: [{name, to, ..., waiting, sentAt, failingSince, error}]}, in the configuration's order.
  json list() const;
  /// Sends one now, and waits for what becomes of it. Errors: no_such_notify_rule.
  awaitable<Result<json>> test(std::string name);

 private:
  struct Lane {
    NotifyRule rule;
    std::optional<QuietHours> quiet{};
    std::int64_t cursor = -1;  ///< told up to this event; -1: not read from the journal yet
    std::int64_t seen = 0;     ///< looked at up to this one
    std::vector<Notification> waiting{};
    std::int64_t more = 0;  ///< that wait and are only counted
    std::optional<WallTime> sent_at{}, failing_since{};
    int failures = 0;
    Clock::time_point retry_at{};
    std::string error{};
    bool over = false;  ///< its rule is gone or another one
  };
  using LanePtr = std::shared_ptr<Lane>;

  LanePtr begin(NotifyRule rule);
  awaitable<void> run(LanePtr lane);
  awaitable<bool> find_cursor(Lane& lane);
  awaitable<bool> look(Lane& lane);
  bool wants(Lane const& lane, Notification const& told) const;
  /// When what waits may be told; nothing: nothing waits.
  std::optional<Clock::time_point> due(Lane const& lane) const;
  awaitable<void> tell(Lane& lane);
  void advance(Lane& lane);

  Journal& journal_;
  EventLog& events_;
  NoticeSender& sender_;
  TagsOf const tags_of_;
  Random const random_;
  TaskGroup::OnDeath on_death_{};
  std::vector<LanePtr> lanes_{};  ///< in the configuration's order
  TaskGroup tasks_;
};

}  // namespace ar::daemon
