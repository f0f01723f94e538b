#include "daemon/store/journal.hpp"

#include "base/log.hpp"

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

/// Append only: a released migration is never edited.
constexpr char const* kMigrations[] = {
    R"sql(
CREATE TABLE agents(
  id TEXT PRIMARY KEY,
  spec TEXT NOT NULL,               -- AgentSpec as JSON
  state TEXT NOT NULL,
  record TEXT NOT NULL              -- AgentRecord as JSON: session, process, counters
) STRICT;
CREATE TABLE deliveries(
  agent TEXT NOT NULL,
  message INTEGER NOT NULL,         -- negative: not from the bus (initial prompt, injected context)
  state TEXT NOT NULL,
  nonce TEXT NOT NULL,
  record TEXT NOT NULL,             -- Delivery as JSON
  open INTEGER NOT NULL,            -- 1 while something is still to be done about it
  PRIMARY KEY(agent, message)
) STRICT;
CREATE INDEX deliveries_open ON deliveries(agent) WHERE open = 1;
CREATE INDEX deliveries_message ON deliveries(message);
CREATE TABLE turns(
  agent TEXT NOT NULL,
  number INTEGER NOT NULL,
  record TEXT NOT NULL,             -- Turn as JSON
  PRIMARY KEY(agent, number)
) STRICT;
CREATE TABLE events(
  number INTEGER PRIMARY KEY,       -- gapless over the whole log
  agent TEXT NOT NULL,
  agent_number INTEGER NOT NULL,    -- gapless within its agent; 0: not about an agent
  at INTEGER NOT NULL,
  text TEXT NOT NULL                -- the event as it is sent
) STRICT;
CREATE UNIQUE INDEX events_agent ON events(agent, agent_number) WHERE agent_number > 0;
CREATE TABLE spawn_keys(
  key TEXT PRIMARY KEY,
  body_hash TEXT NOT NULL,
  agent TEXT NOT NULL
) STRICT;
CREATE TABLE facts(                 -- single values: the last control port
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
)sql",
    R"sql(
CREATE TABLE approvals(
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  record TEXT NOT NULL              -- Approval as JSON
) STRICT;
CREATE INDEX approvals_agent ON approvals(agent, id);
CREATE INDEX approvals_pending ON approvals(status) WHERE status = 'pending';
)sql",
    // A message's number is its own in one store of the bus only.
    R"sql(
CREATE TABLE deliveries_of_stores(
  agent TEXT NOT NULL,
  store TEXT NOT NULL DEFAULT '',   -- whose number it is; empty: of none (negative), or nobody could tell
  message INTEGER NOT NULL,
  state TEXT NOT NULL,
  nonce TEXT NOT NULL,
  record TEXT NOT NULL,
  open INTEGER NOT NULL,
  PRIMARY KEY(agent, store, message)
) STRICT;
INSERT INTO deliveries_of_stores(agent, message, state, nonce, record, open)
  SELECT agent, message, state, nonce, record, open FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_of_stores RENAME TO deliveries;
CREATE INDEX deliveries_open ON deliveries(agent) WHERE open = 1;
CREATE INDEX deliveries_message ON deliveries(message);
)sql",
    // Settled ones that still hold more than their number: see Retention.
    R"sql(
CREATE INDEX deliveries_kept ON deliveries(agent) WHERE open = 0 AND nonce <> '';
)sql",
    // What is still to be said to those who asked for a reply on a bus that is gone.
    R"sql(
CREATE TABLE words_owed(
  agent TEXT NOT NULL,
  key TEXT NOT NULL,                -- idempotency key of the message
  word TEXT NOT NULL,               -- NewMessage as JSON
  PRIMARY KEY(agent, key)
) STRICT;
)sql",
    // The words of docs/glossary.md.
    R"sql(
ALTER TABLE deliveries RENAME COLUMN nonce TO correlation_id;
UPDATE deliveries SET state = 'submitted' WHERE state = 'handed';
UPDATE deliveries SET record = replace(replace(replace(replace(record, '"nonce":', '"correlationId":'),
                                                       '["submitted",', '["entered",'),
                                               '["handed",', '["submitted",'),
                                       '"state":"handed"', '"state":"submitted"')
  WHERE record LIKE '%"nonce":%';
UPDATE events SET text = replace(text, '"type":"message.handed"', '"type":"message.submitted"')
  WHERE text LIKE '%"type":"message.handed"%';
UPDATE events SET text = replace(text, '"type":"message.witness"', '"type":"message.looked_up"')
  WHERE text LIKE '%"type":"message.witness"%';
UPDATE agents SET spec = json_set(spec, '$.options.proof.pattern',
                                  replace(json_extract(spec, '$.options.proof.pattern'), '{nonce}', '{correlation_id}'))
  WHERE CASE WHEN json_valid(spec) THEN json_extract(spec, '$.options.proof.pattern') END LIKE '%{nonce}%';
)sql",
};

constexpr std::size_t kRefusedKept = 1000;  ///< more than ever come while somebody waits for one

/// The change itself is wrong, and would be for ever. Everything else is the database's trouble, and may pass.
bool is_bug(Error const& error) { return error.code == "database_error"; }

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(Executor executor, std::filesystem::path const& file,
                                               TaskGroup::OnDeath on_death) {
  auto database = Database::open(file, kMigrations, true);
  if (!database) return database.error();
  auto reading = Database::open(file, kMigrations, true);
  if (!reading) return reading.error();
  (*reading)->execute("PRAGMA query_only=ON");
  std::unique_ptr<Journal> journal(new Journal(std::move(executor), std::move(*database), std::move(*reading)));
  auto died = [raw = journal.get(), on_death = std::move(on_death)](std::string const& why) {
    raw->failing_ = internal("journal_died", "the journal writes no more: " + why);
    raw->changed_.notify_all();
    if (on_death) on_death(why);
  };
  journal->tasks_.spawn_vital("commit", journal->keep_committing(), std::move(died));
  return journal;
}

Journal::Journal(Executor executor, std::unique_ptr<Database> database, std::unique_ptr<Database> reading)
    : database_(std::move(database)), reading_(std::move(reading)), changed_(executor), tasks_(executor, "journal") {}
Journal::~Journal() = default;

void Journal::write(Change change, std::function<void()> after) {
  queue_.push_back({std::move(change), std::move(after)});
  ++given_;
  if (queue_.size() == 1) changed_.notify_all();
}

awaitable<Result<void>> Journal::committed() {
  auto const from = done_;
  auto const target = given_;
  while (done_ < target) {
    if (failing_) co_return *failing_;
    co_await changed_.wait();
  }
  auto const refused = refused_.upper_bound(from);
  if (refused != refused_.end() && refused->first <= target) co_return refused->second;
  co_return Result<void>();
}

awaitable<Result<void>> Journal::commit(std::shared_ptr<std::vector<Entry>> batch) {
  auto job = [this, batch]() -> Result<void> {
    auto const all = [&]() -> Result<void> {
      Transaction transaction(*database_);
      for (auto& entry : *batch)
        if (!entry.settled) entry.change(*database_);
      transaction.commit();
      return {};
    };
    auto result = guarded(all);
    if (result || !is_bug(result.error())) return result;
    // One change is a bug of ours; the others must not suffer for it.
    for (auto& entry : *batch) {
      if (entry.settled) continue;
      auto const one = [&]() -> Result<void> {
        Transaction transaction(*database_);
        entry.change(*database_);
        transaction.commit();
        return {};
      };
      if (auto alone = guarded(one); !alone) {
        if (!is_bug(alone.error())) return alone;
        spdlog::critical("bug: the journal refuses a change: {}", alone.error().message);
        entry.refused = alone.error();
      }
      entry.settled = true;
    }
    return {};
  };
  co_return co_await worker_.run(std::move(job));
}

awaitable<void> Journal::keep_committing() {
  LogThrottle gate;
  for (;;) {
    while (queue_.empty() && !stopping_) co_await changed_.wait();
    if (queue_.empty()) co_return;
    // What the same events make others write right now goes into this transaction instead of waiting for it.
    co_await net::post(net::use_awaitable);
    auto batch = std::make_shared<std::vector<Entry>>(std::exchange(queue_, {}));
    for (;;) {
      auto result = co_await commit(batch);
      if (result) break;
      if (gate.should_log("journal", result.error().message))
        spdlog::error("the journal cannot write, deliveries wait: {}", result.error().message);
      failing_ = result.error();
      changed_.notify_all();
      if (stopping_) co_return;                   // what is lost had no effect yet: effects wait for committed()
      co_await changed_.wait(Clock::now() + 1s);  // stop() ends the wait early
    }
    if (gate.recovered("journal")) spdlog::info("the journal can write again");
    failing_.reset();
    for (auto const& entry : *batch) {
      ++done_;
      if (entry.refused) refused_.emplace(done_, *entry.refused);
      if (refused_.size() > kRefusedKept) refused_.erase(refused_.begin());
    }
    for (auto& entry : *batch)
      if (entry.after && !entry.refused) entry.after();
    changed_.notify_all();
  }
}

awaitable<void> Journal::stop() {
  stopping_ = true;
  changed_.notify_all();
  co_await tasks_.join();
}

}  // namespace ar::daemon
