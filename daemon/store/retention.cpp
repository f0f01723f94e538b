#include "daemon/store/retention.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "daemon/delivery/message_files.hpp"

#include <spdlog/spdlog.h>

#include <string>
#include <vector>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr Clock::duration kFirst = 1min;  ///< the start has other things to do
constexpr Clock::duration kPeriod = 1h;
constexpr int kBatch = 200;
constexpr std::size_t kFilesAtOnce = 1000;
constexpr auto kFileLeft = 24h;  ///< since it was last written: nobody has to find its message in the journal yet
/// The newest approvals are also in memory: see Approvals.
constexpr std::int64_t kApprovalsKept = 200;

using Walk = Retention::Walk;

std::int64_t number_in(Database& db, char const* query) {
  auto& row = db.prepare(query).bind();
  auto const number = row.step() ? row.integer(0) : 0;
  row.reset();
  return number;
}
std::int64_t number_in(Database& db, char const* query, std::string const& agent) {
  auto& row = db.prepare(query).bind(agent);
  auto const number = row.step() ? row.integer(0) : 0;
  row.reset();
  return number;
}

/// Numbers and times grow together, so the walk ends at the first event that stays for its age.
void prune_events(Database& db, Walk& walk, WallTime oldest, std::int64_t most) {
  auto const last = number_in(db, "SELECT coalesce(max(number), 0) FROM events");
  struct Row {
    std::int64_t number, agent_number;
    std::string agent;
  };
  std::vector<Row> over;
  auto& rows =
      db.prepare("SELECT number, agent_number, agent, at FROM events WHERE number > ?1 ORDER BY number LIMIT ?2")
          .bind(walk.after, kBatch);
  walk.done = true;
  while (rows.step()) {
    walk.after = rows.integer(0);
    walk.done = walk.after == last || (from_millis(rows.integer(3)) >= oldest && walk.after > last - most);
    if (walk.done) break;
    over.push_back({walk.after, rows.integer(1), rows.text(2)});
  }
  rows.reset();
  for (auto const& row : over) {
    bool const newest_of_agent =
        row.agent_number > 0 &&
        row.agent_number == number_in(db, "SELECT max(agent_number) FROM events WHERE agent = ?1", row.agent) &&
        number_in(db, "SELECT count(*) FROM agents WHERE id = ?1", row.agent) > 0;
    if (!newest_of_agent) db.prepare("DELETE FROM events WHERE number = ?1").bind(row.number).run();
  }
}

void prune_approvals(Database& db, Walk& walk, WallTime oldest, std::int64_t most) {
  auto const last = number_in(db, "SELECT coalesce(max(id), 0) FROM approvals");
  std::vector<std::int64_t> over;
  auto& rows =
      db.prepare("SELECT id, status, created_at FROM approvals WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3")
          .bind(walk.after, last - kApprovalsKept, kBatch);
  walk.done = true;
  while (rows.step()) {
    walk.after = rows.integer(0);
    walk.done = from_millis(rows.integer(2)) >= oldest && walk.after > last - most;
    if (walk.done) break;
    if (rows.text(1) != "pending") over.push_back(walk.after);
  }
  rows.reset();
  for (auto const id : over) db.prepare("DELETE FROM approvals WHERE id = ?1").bind(id).run();
}

/// When it ended, or began; a damaged one is from long ago.
WallTime time_of_turn(std::string const& record) {
  auto const turn = parse_object(record);
  auto const text = turn ? text_at(*turn, turn->contains("endedAt") ? "endedAt" : "startedAt") : std::string();
  return from_iso8601(text).value_or(WallTime());
}

void prune_turns(Database& db, std::string const& agent, Walk& walk, WallTime oldest, std::int64_t most) {
  auto const last = number_in(db, "SELECT coalesce(max(number), 0) FROM turns WHERE agent = ?1", agent);
  std::vector<std::int64_t> over;
  auto& rows = db.prepare(
                     "SELECT number, record FROM turns WHERE agent = ?1 AND number > ?2 AND number < ?3 "
                     "ORDER BY number LIMIT ?4")
                   .bind(agent, walk.after, last, kBatch);
  walk.done = true;
  while (rows.step()) {
    walk.after = rows.integer(0);
    walk.done = walk.after > last - most && time_of_turn(rows.text(1)) >= oldest;
    if (walk.done) break;
    over.push_back(walk.after);
  }
  rows.reset();
  for (auto const number : over)
    db.prepare("DELETE FROM turns WHERE agent = ?1 AND number = ?2").bind(agent, number).run();
}

/// When its last step was.
WallTime time_of_delivery(std::string const& record) {
  auto const delivery = parse_object(record);
  if (!delivery) return {};
  auto const steps = delivery->find("steps");
  if (steps == delivery->end() || !steps->is_array() || steps->empty()) return {};
  auto const& last = steps->back();
  return last.is_array() && last.size() == 2 && last[1].is_number_integer() ? from_millis(last[1].get<std::int64_t>())
                                                                            : WallTime();
}

/// In the order in which they were taken up. Those that are left as numbers only have no correlation id any more.
void prune_deliveries(Database& db, std::string const& agent, Walk& walk, WallTime oldest, std::int64_t most) {
  auto surplus =
      number_in(db, "SELECT count(*) FROM deliveries WHERE agent = ?1 AND open = 0 AND correlation_id <> ''", agent) -
      most;
  struct Row {
    std::int64_t row, message;
    std::string state;
  };
  std::vector<Row> over;
  auto& rows = db.prepare(
                     "SELECT rowid, message, state, record FROM deliveries "
                     "WHERE agent = ?1 AND open = 0 AND correlation_id <> '' AND rowid > ?2 ORDER BY rowid LIMIT ?3")
                   .bind(agent, walk.after, kBatch);
  walk.done = true;
  while (rows.step()) {
    walk.after = rows.integer(0);
    walk.done = surplus-- <= 0 && time_of_delivery(rows.text(3)) >= oldest;
    if (walk.done) break;
    over.push_back({walk.after, rows.integer(1), rows.text(2)});
  }
  rows.reset();
  for (auto const& row : over) {
    json const left = {{"message", row.message}, {"state", row.state}, {"acknowledged", true}, {"reported", true}};
    db.prepare("UPDATE deliveries SET correlation_id = '', record = ?2 WHERE rowid = ?1")
        .bind(row.row, to_text(left))
        .run();
  }
}

}  // namespace

Retention::Retention(Executor executor, Journal& journal, Worker& files, Folder folder, RetentionLimits limits,
                     Random random)
    : journal_(journal),
      files_(files),
      folder_(std::move(folder)),
      limits_(limits),
      random_(random ? std::move(random) : real_random()),
      tasks_(std::move(executor), "retention") {}

void Retention::start(TaskGroup::OnDeath on_death) { tasks_.spawn_vital("prune", run(), std::move(on_death)); }

awaitable<void> Retention::stop() { co_await tasks_.stop(); }

awaitable<void> Retention::run() {
  // Not all daemons of a machine at the same moment.
  auto const about = [this](Clock::duration time) {
    return std::chrono::duration_cast<Clock::duration>(time * (0.9 + 0.2 * random_()));
  };
  bool slept = co_await sleep_for(about(kFirst));
  while (slept) {
    auto const pruned = co_await prune();
    if (!pruned && failures_.should_log("prune", pruned.error().message))
      spdlog::warn("what is old cannot be removed from the journal now: {}", pruned.error().message);
    slept = co_await sleep_for(about(kPeriod));
  }
}

/// One transaction after the other, until the walk is done.
awaitable<Result<void>> Retention::prune_all(Batch batch) {
  for (Walk walk; !walk.done;) {
    auto job = [batch, walk](Database& db) -> Result<Walk> {
      auto next = walk;
      Transaction transaction(db);
      batch(db, next);
      transaction.commit();
      return next;
    };
    auto const next = co_await journal_.run(std::move(job));
    if (!next) co_return next.error();
    walk = *next;
  }
  co_return Result<void>();
}

awaitable<Result<void>> Retention::prune() {
  auto const events_from = wall_now() - limits_.events;
  auto const history_from = wall_now() - limits_.history;
  auto find = [](Database& db) -> Result<std::vector<std::string>> {
    std::vector<std::string> found;
    auto& rows = db.prepare("SELECT id FROM agents").bind();
    while (rows.step()) found.push_back(rows.text(0));
    return found;
  };
  auto const found = co_await journal_.read(std::move(find));
  if (!found) co_return found.error();
  auto const most_events = limits_.most_events, most_history = limits_.most_history;
  std::vector<Batch> tables{
      [=](Database& db, Walk& walk) { prune_events(db, walk, events_from, most_events); },
      [=](Database& db, Walk& walk) { prune_approvals(db, walk, events_from, most_events); },
  };
  for (auto const& agent : *found) {
    tables.push_back([=](Database& db, Walk& walk) { prune_turns(db, agent, walk, history_from, most_history); });
    tables.push_back([=](Database& db, Walk& walk) { prune_deliveries(db, agent, walk, history_from, most_history); });
  }
  for (auto& table : tables) {
    auto const done = co_await prune_all(std::move(table));
    if (!done) co_return done.error();
  }
  for (auto const& agent : *found) {
    auto const done = co_await prune_files(agent);
    if (!done) co_return done.error();
  }
  co_return Result<void>();
}

/// Also what a daemon before this one has left.
awaitable<Result<void>> Retention::prune_files(std::string agent) {
  auto query = [agent](Database& db) -> Result<std::set<MessageId>> { return messages_with_files(db, agent); };
  auto const kept = co_await journal_.read(std::move(query));
  if (!kept) co_return kept.error();
  auto const until = std::filesystem::file_time_type::clock::now() - kFileLeft;
  for (bool more = true; more;) {
    auto job = [folder = folder_(agent), kept = *kept, until] {
      return remove_message_files(folder, kept, until, kFilesAtOnce);
    };
    more = co_await files_.run(std::move(job));
  }
  co_return Result<void>();
}

}  // namespace ar::daemon
