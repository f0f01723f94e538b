// A thin owner of SQLite handles: statements that bind and read typed values, transactions, numbered migrations.
// One connection is used by one thread at a time (the caller's Worker).
//
// Errors: SqliteError is thrown inside a database job and turned into a Result at its edge by `guarded` below, so that
// the SQL itself stays readable. Codes, of what may pass (kind unavailable): disk_full, disk_error, database_busy,
// database_closed, no_memory; of what does not: database_damaged, database_newer; and database_error: a bug of ours.
#pragma once
#include "base/error.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace ar {

struct SqliteError : std::runtime_error {
  explicit SqliteError(Error e) : std::runtime_error(e.message), error(std::move(e)) {}
  Error error;
};

class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql);
  ~Statement();
  Statement(Statement const&) = delete;
  Statement& operator=(Statement const&) = delete;

  /// Binds to ?1, ?2, ... in order. Text and blobs are copied.
  template <class... Values>
  Statement& bind(Values const&... values) {
    reset();
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  /// True while there is a row. Step a RETURNING statement to its end before it is reset.
  bool step();
  /// Runs to the end, ignoring rows.
  void run();
  void reset();

  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;
  std::optional<std::int64_t> maybe_integer(int column) const;
  std::optional<std::string> maybe_text(int column) const;

 private:
  void bind_one(int index, std::int64_t value);
  void bind_one(int index, int value) { bind_one(index, static_cast<std::int64_t>(value)); }
  void bind_one(int index, bool value) { bind_one(index, static_cast<std::int64_t>(value)); }
  void bind_one(int index, double value);
  void bind_one(int index, std::string_view value);
  void bind_one(int index, std::string const& value) { bind_one(index, std::string_view(value)); }
  void bind_one(int index, char const* value) { bind_one(index, std::string_view(value)); }
  void bind_one(int index, std::nullptr_t);
  template <class T>
  void bind_one(int index, std::optional<T> const& value) {
    if (value)
      bind_one(index, *value);
    else
      bind_one(index, nullptr);
  }
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
};

class Database {
 public:
  /// `migrations[i]` brings a database from version i to i+1; each runs in one transaction at opening. The file and
  /// its folder are created (0600 and 0700). A database of a newer version, or a damaged one, is refused unchanged.
  /// `durable`: every commit is on the disk before it returns (synchronous=FULL).
  static Result<std::unique_ptr<Database>> open(std::filesystem::path const& file,
                                                std::span<char const* const> migrations, bool durable);
  ~Database();
  Database(Database const&) = delete;
  Database& operator=(Database const&) = delete;

  /// The prepared statement for this SQL, kept for the next call. `sql` must be a string literal.
  Statement& prepare(char const* sql);
  void execute(std::string const& sql);
  /// Ends what was left in the middle of its rows: that would keep the state of before for all that is read after it.
  void reset_statements();
  bool in_transaction() const;  ///< also false when an error of the disk has rolled it back
  int changes() const;
  std::int64_t total_changes() const;  ///< rows changed since the opening: moves with every write
  std::int64_t last_insert_id() const;

 private:
  explicit Database(sqlite3* db) : db_(db) {}
  sqlite3* db_;
  std::unordered_map<void const*, std::unique_ptr<Statement>> prepared_;
};

/// Rolls back unless committed. One inside another is a part of it: rolled back alone, on the disk with the other.
class Transaction {
 public:
  /// `later`: in a durable database, this commit need not be on the disk before the next one is.
  enum class Durability { at_once, later };
  explicit Transaction(Database& db, Durability durability = Durability::at_once);
  ~Transaction();
  Transaction(Transaction const&) = delete;
  Transaction& operator=(Transaction const&) = delete;
  void commit();

 private:
  Database& db_;
  Durability const durability_;
  bool const inner_;
  bool open_ = true;
};

/// Several reads of one state, for which the file is locked once. Inside a transaction it is a part of that.
class Reading {
 public:
  explicit Reading(Database& db);
  ~Reading();
  Reading(Reading const&) = delete;
  Reading& operator=(Reading const&) = delete;

 private:
  Database& db_;
  bool const inner_;
};

/// Runs a database job that returns Result<T>, turning a SqliteError into its Error.
template <class Job>
auto guarded(Job&& job) -> decltype(job()) {
  try {
    return job();
  } catch (SqliteError const& e) {
    return e.error;
  }
}

}  // namespace ar
