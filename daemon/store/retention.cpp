#include "daemon/store/retention.hpp"

#include "daemon/store/message_files.hpp"
#include "daemon/store/tables/agent_table.hpp"
#include "daemon/store/tables/approval_table.hpp"
#include "daemon/store/tables/delivery_table.hpp"
#include "daemon/store/tables/event_table.hpp"
#include "daemon/store/tables/kept_answer_table.hpp"
#include "daemon/store/tables/outbox_table.hpp"
#include "daemon/store/tables/output_table.hpp"
#include "daemon/store/tables/removed_table.hpp"
#include "daemon/store/tables/schedule_table.hpp"
#include "daemon/store/tables/spawn_key_table.hpp"
#include "daemon/store/tables/turn_table.hpp"
#include "daemon/store/tables/usage_table.hpp"

#include <spdlog/spdlog.h>

#include <string>
#include <vector>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr Clock::duration kFirst = 1min;  ///< the start has other things to do
constexpr Clock::duration kPeriod = 1h;
constexpr std::size_t kFilesAtOnce = 1000;
constexpr auto kKeysKept = 24h;  ///< of requests, and what those were answered, after what they made is gone
constexpr auto kFileLeft = 24h;  ///< since it was last written: nobody has to find its message in the journal yet

/// The messages whose files somebody may still read: those of deliveries that are open or whose record is whole, and of
/// turns that run. A number may be of any store.
std::set<MessageId> messages_with_files(Database& db, std::string const& agent) {
  auto found = DeliveryTable(db).whole_of(agent);
  found.merge(TurnTable(db).messages_of_running(agent));
  return found;
}

}  // namespace

Retention::Retention(Executor executor, Journal& journal, Worker& files, Folder folder, RetentionLimits limits,
                     Random random, Pruned pruned)
    : journal_(journal),
      files_(files),
      folder_(std::move(folder)),
      limits_(limits),
      random_(random ? std::move(random) : real_random()),
      pruned_(std::move(pruned)),
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
  Kept const events{wall_now() - limits_.events, limits_.most_events};
  Kept const history{wall_now() - limits_.history, limits_.most_history};
  auto find = [](Database& db) -> Result<std::vector<std::string>> { return AgentTable(db).ids(); };
  auto const found = co_await journal_.read(std::move(find));
  if (!found) co_return found.error();
  std::vector<Batch> tables{
      [=](Database& db, Walk& walk) { EventTable(db).prune(walk, events); },
      [=](Database& db, Walk& walk) { ApprovalTable(db).prune(walk, events); },
      [until = wall_now() - kKeysKept](Database& db, Walk& walk) { KeptAnswerTable(db).prune(walk, until); },
      [until = wall_now() - kKeysKept](Database& db, Walk& walk) { SpawnKeyTable(db).prune(walk, until); },
      [=](Database& db, Walk& walk) { RemovedTable(db).prune(walk, history.oldest); },
      [=](Database& db, Walk& walk) { OutboxTable(db).prune(walk, history.oldest); },
      [=](Database& db, Walk& walk) { ScheduleTable(db).prune(walk, history.oldest); },
      // A day of the zone may begin before that of UTC: the date is a day's worth of room.
      [first = to_iso8601(history.oldest).substr(0, 10)](Database& db, Walk& walk) {
        UsageTable(db).prune(walk, first);
      },
  };
  for (auto const& agent : *found) {
    tables.push_back([=](Database& db, Walk& walk) { TurnTable(db).prune(agent, walk, history); });
    tables.push_back([=](Database& db, Walk& walk) { DeliveryTable(db).prune(agent, walk, history); });
    tables.push_back([=](Database& db, Walk& walk) { OutputTable(db).prune(agent, walk, history.oldest); });
  }
  for (auto& table : tables) {
    auto const done = co_await prune_all(std::move(table));
    if (!done) co_return done.error();
  }
  for (auto const& agent : *found) {
    auto const done = co_await prune_files(agent);
    if (!done) co_return done.error();
    if (pruned_) pruned_(agent);
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
