// The daemon's memory on disk (SQLite, numbered migrations): what must survive is here before it has an effect.
//
// Writes are given on the io thread and committed by a worker in the order given, everything that has gathered in one
// transaction (group commit). A write never fails for its giver: while the disk is full, the file locked by somebody
// or the database otherwise out of order they wait, the journal tries again every second, and `committed()` tells those
// who must not go on before their write is safe. A change that is wrong itself, a bug of ours, is dropped alone: what
// was to follow it does not happen, and who waits for it is told.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/sqlite.hpp"
#include "base/worker.hpp"

#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

class Journal {
 public:
  /// Errors: as Database::open. `on_death`: nothing is written any more.
  static Result<std::unique_ptr<Journal>> open(Executor executor, std::filesystem::path const& file,
                                               TaskGroup::OnDeath on_death = {});
  ~Journal();

  using Change = std::function<void(Database&)>;
  /// Queues a change; `after` runs on the io thread once it is on the disk.
  void write(Change change, std::function<void()> after = {});
  /// Returns when everything written so far is on the disk, or with the disk's error while it cannot be (the writes
  /// stay queued). An error as well when a change that it waited for was dropped.
  awaitable<Result<void>> committed();
  /// Runs a query behind all writes given so far (while the disk refuses them, on what is there), beside those that are
  /// given meanwhile: however long it takes, it holds up no commit.
  template <class Query, class Value = std::invoke_result_t<Query&, Database&>>
  awaitable<Value> read(Query query) {
    (void)co_await committed();
    co_return co_await on<Query, Value>(readings_, *reading_, std::move(query));
  }
  /// The same for a job that writes, in transactions of its own, and whose giver must know how that went.
  template <class Job, class Value = std::invoke_result_t<Job&, Database&>>
  awaitable<Value> run(Job job) {
    (void)co_await committed();
    co_return co_await on<Job, Value>(worker_, *database_, std::move(job));
  }
  /// One's own connection to all that is on the disk, for what reads for long: used by one thread at a time, and never
  /// to write. Blocks. Errors: as Database::open.
  static Result<std::unique_ptr<Database>> open_reader(std::filesystem::path const& file);
  /// So much waits, since the disk is full or the file locked, that what nobody needs should not be added.
  bool is_behind() const { return queue_.size() >= 10'000; }
  /// Writes what is queued, then ends. Nothing may be written afterwards.
  awaitable<void> stop();

 private:
  Journal(Executor executor, std::unique_ptr<Database> database, std::unique_ptr<Database> reading);
  template <class Query, class Value>
  static awaitable<Value> on(Worker& worker, Database& database, Query query) {
    auto job = [&database, query = std::move(query)]() mutable -> Value {
      struct Done {
        Database& database;
        ~Done() { database.reset_statements(); }
      } const done{database};
      try {
        return query(database);
      } catch (SqliteError const& e) {
        return e.error;
      } catch (std::exception const& e) {
        return internal("journal_unreadable", std::string("the journal holds what cannot be read: ") + e.what());
      }
    };
    co_return co_await worker.run(std::move(job));
  }
  struct Entry {
    Change change;
    std::function<void()> after;
    bool settled = false;  ///< by itself, after a bug in one of its batch
    std::optional<Error> refused{};
  };
  awaitable<void> keep_committing();
  awaitable<Result<void>> commit(std::shared_ptr<std::vector<Entry>> batch);

  std::unique_ptr<Database> database_;  // worker_ only
  std::unique_ptr<Database> reading_;   // readings_ only; cannot write
  Worker worker_, readings_;
  // io thread only
  std::vector<Entry> queue_;
  std::size_t given_ = 0, done_ = 0;      ///< counts of entries
  std::map<std::size_t, Error> refused_;  ///< the newest that were dropped, by their count
  std::optional<Error> failing_;
  bool stopping_ = false;
  Notifier changed_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
