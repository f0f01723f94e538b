// The file of the index (search.db) and its two connections: one that writes, and one that reads beside it. It is a
// cache: what is damaged, or of a newer program, is thrown away and made again from the transcripts and the bus. It is
// not in the journal, so that no commit there waits for it.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/sqlite.hpp"
#include "base/worker.hpp"

#include <atomic>
#include <filesystem>
#include <memory>
#include <type_traits>
#include <utility>

namespace ar::daemon {

class SearchIndex {
 public:
  /// The file is opened by the first job.
  explicit SearchIndex(std::filesystem::path file) : file_(std::move(file)) {}

  /// Runs `job(Database&)`, which returns a Result, on the thread that writes. Errors: as Database's.
  template <class Job, class Value = std::invoke_result_t<Job&, Database&>>
  awaitable<Value> write(Job job) {
    auto on_thread = [this, job = std::move(job)]() mutable -> Value {
      auto opened = open_writing();
      if (!opened) return opened.error();
      auto done = guarded([&] { return job(*writing_); });
      writing_->reset_statements();
      if (!done && is_damage(done.error())) throw_away();
      return done;
    };
    co_return co_await writer_.run(std::move(on_thread));
  }
  /// The same for a query, on the thread that reads, behind the writes given so far.
  template <class Query, class Value = std::invoke_result_t<Query&, Database&>>
  awaitable<Value> read(Query query) {
    auto nothing = [](Database&) -> Result<bool> { return true; };  // makes the file, where there is none
    auto const there = co_await write(std::move(nothing));
    if (!there) co_return there.error();
    auto on_thread = [this, query = std::move(query)]() mutable -> Value {
      auto opened = open_reading();
      if (!opened) return opened.error();
      auto found = guarded([&] { return query(*reading_); });
      reading_->reset_statements();
      if (!found && is_damage(found.error())) damaged_ = true;
      return found;
    };
    co_return co_await reader_.run(std::move(on_thread));
  }

 private:
  static bool is_damage(Error const& error) { return error.code == "database_damaged"; }
  Result<void> open_writing();
  Result<void> open_reading();
  void throw_away();

  std::filesystem::path const file_;
  std::atomic<int> made_ = 0;          ///< how often it was begun anew
  std::atomic<bool> damaged_ = false;  ///< as the reader has found
  std::unique_ptr<Database> writing_;  // writer_ only
  std::unique_ptr<Database> reading_;  // reader_ only
  int read_made_ = 0;                  // reader_ only: the one that is open
  Worker writer_, reader_;
};

}  // namespace ar::daemon
