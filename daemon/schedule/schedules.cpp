#include "daemon/schedule/schedules.hpp"

#include "base/ids.hpp"
#include "daemon/services.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/tables/agent_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr Clock::duration kLookAgain = 30s;  ///< at the system's clock
constexpr Clock::duration kTryAgain = 5s;    ///< where the journal, or what is needed to carry something out, is away
constexpr Clock::duration kLongestTry = 5min;
constexpr auto kGivenUpAfter = 24h;
constexpr Clock::duration kRunPatience = 30s;  ///< of who asks for one by hand
constexpr int kAtOnce = 100;

ScheduleTable::Row row_of(Schedule const& schedule, WallTime now) {
  ScheduleTable::Row row{schedule.id, schedule.owner, to_text(to_journal(schedule))};
  row.under_way = schedule.firing.has_value();
  if (!row.under_way) row.next = schedule.next;
  if (schedule.is_over()) row.over = now;
  return row;
}

std::optional<Schedule> schedule_in(ScheduleTable::Row const& row) {
  auto const read = [&](json const& kept) { return schedule_from_journal(row.id, row.owner, kept); };
  return read_row(row.record, "schedule " + row.id, read);
}

Error no_such_schedule(std::string const& id) {
  return not_found("no_such_schedule",
                   "there is no schedule \"" + id.substr(0, 80) + "\"; `agent-runner schedule list` lists them");
}

/// Of another's schedules an owner learns nothing.
Result<Schedule> find_in(Database& db, std::string const& id, std::string const& owner) {
  auto const row = ScheduleTable(db).find(id);
  if (!row || (!owner.empty() && row->owner != owner)) return no_such_schedule(id);
  auto schedule = schedule_in(*row);
  if (!schedule) return internal("schedule_damaged", "the journal's row of schedule " + id + " cannot be read");
  return std::move(*schedule);
}

Result<DueWork> look_in(Database& db, std::string const& id, std::string const& owner) {
  auto schedule = find_in(db, id, owner);
  if (!schedule) return schedule.error();
  auto what = parse_object(ScheduleTable(db).what(id));
  if (!what) return internal("schedule_damaged", "what schedule " + id + " is to do cannot be read");
  return DueWork{std::move(*schedule), std::move(*what)};
}

/// Changes one in a transaction; `change` says whether there is something to write.
template <class Change>
Result<Schedule> changed_in(Database& db, std::string const& id, std::string const& owner, WallTime now,
                            Change change) {
  Transaction transaction(db);
  auto schedule = find_in(db, id, owner);
  if (!schedule) return schedule;
  Result<bool> const written = change(*schedule);
  if (!written) return written.error();
  if (*written) ScheduleTable(db).change(row_of(*schedule, now));
  transaction.commit();
  return schedule;
}

Result<void> check_room(Database& db, std::string const& owner, std::int64_t bytes, ScheduleLimits const& limits) {
  ScheduleTable const table(db);
  auto const too_many = [](std::int64_t count) {
    return conflict("too_many_schedules", "there are " + std::to_string(count) +
                                              " schedules, and there may be no more; remove one that is not needed");
  };
  auto const all = table.size_of("");
  if (all.schedules >= limits.schedules) return too_many(all.schedules);
  if (all.bytes + bytes > limits.bytes)
    return Error{ErrorKind::too_large, "quota",
                 "what the schedules are to do may have " + std::to_string(limits.bytes) + " bytes together, and has " +
                     std::to_string(all.bytes) + "; remove one that is not needed"};
  if (owner == kOperator) return {};
  if (!AgentTable(db).contains(owner))  // it goes with its agent, so there must be one
    return not_found("no_such_agent", "there is no agent \"" + owner + "\" any more");
  auto const own = table.size_of(owner);
  return own.schedules >= limits.of_agent ? too_many(own.schedules) : Result<void>();
}

Clock::duration wait_after(int failures) {
  return std::min<Clock::duration>(kTryAgain * (1 << std::clamp(failures, 0, 10)), kLongestTry);
}

}  // namespace

Schedules::Schedules(Executor executor, Journal& journal, EventLog& events, ScheduleLimits limits, Now now)
    : journal_(journal),
      events_(events),
      limits_(limits),
      now_(std::move(now)),
      wake_(executor),
      tasks_(executor, "schedules") {}

void Schedules::start(CarryOut carry_out, TaskGroup::OnDeath on_death) {
  carry_out_ = std::move(carry_out);
  tasks_.spawn_vital("run", run(), std::move(on_death));
}

awaitable<void> Schedules::stop() { co_await tasks_.stop(); }

// ---- carrying out ----

awaitable<void> Schedules::run() {
  bool taken_up = false;
  for (;;) {
    auto const seen = changes_;
    Result<void> good{};
    if (!taken_up) good = co_await take_up();
    taken_up = taken_up || good.has_value();
    auto look = good ? co_await take() : Result<Look>(good.error());
    Clock::duration wait = kTryAgain;
    if (look) {
      next_ = look->next;
      for (auto const& [schedule, missed] : look->taken) {
        if (missed)
          announce(schedule, "schedule.late",
                   {{"dueAt", to_iso8601(missed->until)},
                    {"since", to_iso8601(missed->since)},
                    {"outcome", !schedule.firing     ? "skipped"
                                : missed->is_made_up ? "late"
                                                     : "on_time"}});
        if (schedule.firing) begin(schedule.id);
      }
      if (look->next) wait = std::clamp<Clock::duration>(*look->next - now_(), 0s, kLookAgain);
    } else if (failures_.should_log("journal", look.error().message)) {
      spdlog::error("what is due cannot be taken from the journal now: {}", look.error().message);
    }
    if (changes_ != seen) continue;
    (void)co_await wake_.wait(look && !look->next ? Clock::time_point::max() : Clock::now() + wait);
  }
}

/// What a daemon before this one has begun and not seen the end of.
awaitable<Result<void>> Schedules::take_up() {
  auto query = [](Database& db) -> Result<std::vector<std::string>> { return ScheduleTable(db).under_way(); };
  auto const begun = co_await journal_.read(std::move(query));
  if (!begun) co_return begun.error();
  for (auto const& id : *begun) begin(id);
  co_return Result<void>();
}

awaitable<Result<Schedules::Look>> Schedules::take() {
  auto job = [now = now_()](Database& db) -> Result<Look> {
    Transaction transaction(db);
    ScheduleTable table(db);
    Look look;
    for (auto& row : table.due(now, kAtOnce)) {
      auto schedule = schedule_in(row);
      if (!schedule) {
        row.next.reset();  // or it would be due for ever
        table.change(row);
        continue;
      }
      auto missed = take_due(*schedule, now);
      table.change(row_of(*schedule, now));
      look.taken.push_back({std::move(*schedule), std::move(missed)});
    }
    look.next = table.next();
    transaction.commit();
    return look;
  };
  co_return co_await journal_.run(std::move(job));
}

void Schedules::begin(std::string const& id) {
  // What is asked for by hand may be found as begun, too, when a daemon starts.
  if (at_work_.insert(id).second) tasks_.spawn("carry out " + id, carry_out(id));
}

awaitable<void> Schedules::carry_out(std::string id) {
  struct AtWork {
    std::set<std::string>& all;
    std::string const& one;
    ~AtWork() { all.erase(one); }
  } const at_work{at_work_, id};
  for (int failures = 0;; ++failures) {
    auto query = [id](Database& db) -> Result<DueWork> { return look_in(db, id, ""); };
    auto work = co_await journal_.read(std::move(query));
    if (!work && work.error().code == "no_such_schedule") co_return;  // it was removed meanwhile
    Result<json> done = work ? ok(nullptr) : Result<json>(work.error());
    if (work) {
      if (!work->schedule.firing) co_return;
      done = co_await carry_out_(*work);
      bool const given_up = now_() - work->schedule.firing->begun > kGivenUpAfter;
      if (done || given_up || !is_transient(done.error())) {
        settle(work->schedule, done);
        co_return;
      }
    }
    if (failures_.should_log(id, done.error().message))
      spdlog::warn("schedule {} is tried again: {}", id, done.error().message);
    bool const slept = co_await sleep_for(wait_after(failures));
    if (!slept) co_return;
  }
}

/// The journal has the change and the event that tells of it in one transaction.
void Schedules::settle(Schedule const& schedule, Result<json> const& done) {
  (void)failures_.recovered(schedule.id);
  auto const now = now_();
  json const more = done ? *done : json{{"reason", done.error().message}};
  auto const outcome = done ? "done" : "failed";
  auto change = [=, id = schedule.id](Database& db) {
    auto const row = ScheduleTable(db).find(id);
    auto current = row ? schedule_in(*row) : std::nullopt;
    if (!current) return;
    daemon::settle(*current, outcome, now, more);
    ScheduleTable(db).change(row_of(*current, now));
  };
  journal_.write(std::move(change), [this] { changed(); });
  json told = {{"dueAt", to_iso8601(schedule.firing->due)}, {"late", schedule.firing->late}};
  told.update(more);
  announce(schedule, done ? "schedule.fired" : "schedule.failed", std::move(told));
  if (!done) spdlog::warn("schedule {} has failed: {}", schedule.id, done.error().message);
}

void Schedules::announce(Schedule const& schedule, char const* type, json more) {
  more["schedule"] = schedule.id;
  events_.append(schedule.owner == kOperator ? "" : schedule.owner, type, std::move(more));
}

void Schedules::changed() {
  ++changes_;
  wake_.notify_all();
}

// ---- the schedules ----

awaitable<Result<Schedule>> Schedules::add(Schedule schedule, json request, json what) {
  auto text = to_text(what);
  auto const bytes = static_cast<std::int64_t>(text.size());
  if (bytes > limits_.bytes_of_one)
    co_return Error{ErrorKind::too_large, "too_large",
                    "what it is to do has " + std::to_string(bytes) + " bytes as JSON; at most " +
                        std::to_string(limits_.bytes_of_one) + " are kept, so name a file",
                    schedule.does};
  if (schedule.id.empty()) schedule.id = "sch_" + random_hex(8);
  schedule.created_at = now_();
  struct Added {
    Schedule schedule;
    bool is_new = true;
  };
  auto job = [fresh = std::move(schedule), request = std::move(request), text = std::move(text), bytes,
              limits = limits_](Database& db) -> Result<Added> {
    auto const now = fresh.created_at;
    auto timing = timing_from(request, now, limits.least_interval);
    if (!timing) return timing.error();
    auto made = fresh;
    made.timing = std::move(*timing);
    made.next = made.timing.first ? made.timing.first : next_due(made.timing, now);
    Transaction transaction(db);
    if (ScheduleTable(db).find(made.id)) {
      auto there = find_in(db, made.id, made.owner);
      if (!there) return there.error();
      return Added{std::move(*there), false};
    }
    if (auto room = check_room(db, made.owner, bytes, limits); !room) return room.error();
    ScheduleTable(db).add(row_of(made, now), text);
    transaction.commit();
    return Added{std::move(made)};
  };
  auto added = co_await journal_.run(std::move(job));
  if (!added) co_return added.error();
  auto const& made = added->schedule;
  if (added->is_new) {
    announce(made, "schedule.created", {{"owner", made.owner}, {"does", made.does}});
    changed();
  }
  co_return made;
}

awaitable<Result<Schedule>> Schedules::find(std::string id, std::string owner) {
  auto query = [id, owner](Database& db) { return find_in(db, id, owner); };
  co_return co_await journal_.read(std::move(query));
}

awaitable<Result<DueWork>> Schedules::look(std::string id, std::string owner) {
  auto query = [id, owner](Database& db) { return look_in(db, id, owner); };
  co_return co_await journal_.read(std::move(query));
}

awaitable<Result<std::vector<Schedule>>> Schedules::page(std::string owner, std::string after, int limit) {
  auto query = [owner, after, limit](Database& db) -> Result<std::vector<Schedule>> {
    std::vector<Schedule> found;
    for (auto const& row : ScheduleTable(db).page(owner, after, limit))
      if (auto schedule = schedule_in(row)) found.push_back(std::move(*schedule));
    return found;
  };
  co_return co_await journal_.read(std::move(query));
}

awaitable<Result<Schedule>> Schedules::set_paused(std::string id, std::string owner, bool paused) {
  struct Changed {
    Schedule schedule;
    bool is_new = false;
  };
  auto job = [id, owner, paused, now = now_()](Database& db) -> Result<Changed> {
    bool is_new = false;
    auto const change = [&](Schedule& schedule) -> Result<bool> {
      is_new = daemon::set_paused(schedule, paused, now);
      return is_new;
    };
    auto schedule = changed_in(db, id, owner, now, change);
    if (!schedule) return schedule.error();
    return Changed{std::move(*schedule), is_new};
  };
  auto const done = co_await journal_.run(std::move(job));
  if (!done) co_return done.error();
  if (done->is_new) {
    announce(done->schedule, paused ? "schedule.paused" : "schedule.resumed");
    changed();
  }
  co_return done->schedule;
}

awaitable<Result<void>> Schedules::remove(std::string id, std::string owner) {
  auto job = [id, owner](Database& db) -> Result<Schedule> {
    Transaction transaction(db);
    auto schedule = find_in(db, id, owner);
    if (!schedule && schedule.error().code == "no_such_schedule") return schedule;
    ScheduleTable(db).erase(id);  // a damaged one too
    transaction.commit();
    if (!schedule) return Schedule{.id = id, .owner = owner.empty() ? kOperator : owner, .does = {}};
    return schedule;
  };
  auto const removed = co_await journal_.run(std::move(job));
  if (!removed) co_return removed.error();
  announce(*removed, "schedule.removed");
  co_return Result<void>();
}

awaitable<Result<Schedule>> Schedules::run_now(std::string id, std::string owner) {
  auto job = [id, owner, now = now_(), key = id + "." + random_hex(8)](Database& db) -> Result<Schedule> {
    auto const change = [&](Schedule& schedule) -> Result<bool> {
      if (schedule.firing) return conflict("schedule_under_way", "schedule " + id + " is being carried out just now");
      take_by_hand(schedule, now, key);
      return true;
    };
    return changed_in(db, id, owner, now, change);
  };
  auto begun = co_await journal_.run(std::move(job));
  if (!begun) co_return begun;
  auto const key = begun->firing->key;
  begin(id);
  for (auto const until = Clock::now() + kRunPatience;;) {
    auto const seen = changes_;
    auto const now = co_await find(id, owner);
    if (!now) co_return now.error();
    if (!now->firing || now->firing->key != key || Clock::now() >= until) co_return *now;
    if (changes_ == seen) (void)co_await wake_.wait(until);
  }
}

}  // namespace ar::daemon
