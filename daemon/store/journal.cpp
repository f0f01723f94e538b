#include "daemon/store/journal.hpp"

#include "base/log.hpp"
#include "daemon/store/schema.hpp"

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr char kDied[] = "journal_died";
constexpr std::size_t kRefusedKept = 1000;  ///< more than ever come while somebody waits for one

/// The change itself is wrong, and would be for ever. Everything else is the database's trouble, and may pass.
bool is_bug(Error const& error) { return error.code == "database_error"; }

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(Executor executor, std::filesystem::path const& file,
                                               TaskGroup::OnDeath on_death) {
  auto database = Database::open(file, journal_migrations(), true);
  if (!database) return database.error();
  auto reading = open_reader(file);
  if (!reading) return reading.error();
  std::unique_ptr<Journal> journal(new Journal(std::move(executor), std::move(*database), std::move(*reading)));
  auto died = [raw = journal.get(), on_death = std::move(on_death)](std::string const& why) {
    raw->failing_ = internal(kDied, "the journal writes no more: " + why);
    raw->changed_.notify_all();
    if (on_death) on_death(why);
  };
  journal->tasks_.spawn_vital("commit", journal->keep_committing(), std::move(died));
  return journal;
}

Result<std::unique_ptr<Database>> Journal::open_reader(std::filesystem::path const& file) {
  auto reading = Database::open(file, journal_migrations(), true);
  if (reading) (*reading)->execute("PRAGMA query_only=ON");
  return reading;
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
  // What kept it from writing may have passed: who asks now is told how it is now.
  bool const may_be_tried = failing_ && failing_->code != kDied && !stopping_;
  if (may_be_tried && done_ < target) {
    failing_.reset();
    changed_.notify_all();
  }
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
