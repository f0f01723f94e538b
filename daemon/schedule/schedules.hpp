// Carries out what is due (docs/schedules.md). The journal has the schedules; nothing of them is in memory but what is
// just being carried out.
//
// A due time is carried out once: it is taken in one transaction that also moves the schedule on, and is then done
// under a key that is made of it. A daemon that dies in between does it again under the same key, by which the bus and
// the supervisor know it. The system's clock decides what is due. It may be set, and the machine may sleep: it is
// looked at every half minute while something is scheduled. A clock that is set back makes nothing due that was taken
// before.
#pragma once
#include "base/async.hpp"
#include "base/log.hpp"
#include "daemon/schedule/schedule.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/tables/schedule_table.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ar::daemon {

struct ScheduleLimits {
  std::int64_t schedules = 1000, of_agent = 50;  ///< that are not over
  std::int64_t bytes_of_one = 256 << 10, bytes = 64 << 20;
  milliseconds least_interval = std::chrono::seconds(10);
};

/// One due time, and what is to be done.
struct DueWork {
  Schedule schedule;  ///< with its `firing`
  json what;          ///< the request's `message`, `agent` or `session`
};

/// io thread only.
class Schedules {
 public:
  using Now = std::function<WallTime()>;
  /// Does it with its owner's right. The value says what was made: {message} or {agent}. It is asked again, with the
  /// same key, after an error that may pass.
  using CarryOut = std::function<awaitable<Result<json>>(DueWork work)>;

  Schedules(Executor executor, Journal& journal, EventLog& events, ScheduleLimits limits = {}, Now now = wall_now);
  /// Goes on with what was under way, and carries out what is due from now on. `on_death`: nothing is any more.
  void start(CarryOut carry_out, TaskGroup::OnDeath on_death);
  awaitable<void> stop();

  /// `request` says when (see timing_from); `schedule` who, and what in short. Errors: invalid fields, too_large,
  /// quota, too_many_schedules; no_such_agent where its owner is gone. Without an id it gets one; of an owner's that is
  /// there already nothing is changed, and that is returned.
  awaitable<Result<Schedule>> add(Schedule schedule, json request, json what);
  /// Errors: no_such_schedule, also of another owner's. `owner` empty: anybody's.
  awaitable<Result<Schedule>> find(std::string id, std::string owner);
  /// The same, and what it is to do.
  awaitable<Result<DueWork>> look(std::string id, std::string owner);
  /// In the order of their ids, after that one.
  awaitable<Result<std::vector<Schedule>>> page(std::string owner, std::string after, int limit);
  awaitable<Result<Schedule>> set_paused(std::string id, std::string owner, bool paused);
  awaitable<Result<void>> remove(std::string id, std::string owner);
  /// Carries it out now, and waits a while for what becomes of it. Error: schedule_under_way.
  awaitable<Result<Schedule>> run_now(std::string id, std::string owner);
  /// Of all that are not paused; nothing: nothing is due any more. As of the last look.
  std::optional<WallTime> next_time() const { return next_; }

 private:
  struct Taken {
    Schedule schedule;
    std::optional<Missed> missed{};
  };
  struct Look {
    std::vector<Taken> taken{};
    std::optional<WallTime> next{};
  };
  awaitable<void> run();
  awaitable<Result<void>> take_up();
  awaitable<Result<Look>> take();
  void begin(std::string const& id);
  awaitable<void> carry_out(std::string id);
  void settle(Schedule const& schedule, Result<json> const& done);
  void announce(Schedule const& schedule, char const* type, json more = json::object());
  void changed();

  Journal& journal_;
  EventLog& events_;
  ScheduleLimits const limits_;
  Now const now_;
  CarryOut carry_out_{};
  std::set<std::string> at_work_{};  ///< those that are being carried out
  std::uint64_t changes_ = 0;
  std::optional<WallTime> next_{};
  Notifier wake_;
  LogThrottle failures_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
