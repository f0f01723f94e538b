// One use of a prepared statement: bound on construction, reset at the end of the scope, because a statement
// left in the middle of its rows keeps the database's snapshot (and the write-ahead log) alive.
#pragma once
#include "base/clock.hpp"
#include "base/sqlite.hpp"

namespace ar::relay::embedded {

class Query {
 public:
  /// `sql` must be a string literal; not to be nested with itself.
  template <class... Values>
  Query(Database& db, char const* sql, Values const&... values) : statement_(db.prepare(sql)) {
    statement_.bind(values...);
  }
  ~Query() { statement_.reset(); }
  Query(Query const&) = delete;
  Query& operator=(Query const&) = delete;

  bool step() { return statement_.step(); }
  std::int64_t integer(int column) const { return statement_.integer(column); }
  bool boolean(int column) const { return statement_.integer(column) != 0; }
  std::string text(int column) const { return statement_.text(column); }
  bool is_null(int column) const { return statement_.is_null(column); }
  std::optional<std::int64_t> maybe_integer(int column) const { return statement_.maybe_integer(column); }
  std::optional<std::string> maybe_text(int column) const { return statement_.maybe_text(column); }
  WallTime time(int column) const { return from_millis(statement_.integer(column)); }
  std::optional<WallTime> maybe_time(int column) const {
    if (is_null(column)) return std::nullopt;
    return time(column);
  }

 private:
  Statement& statement_;
};

/// Runs one statement to its end.
template <class... Values>
void run(Database& db, char const* sql, Values const&... values) {
  db.prepare(sql).bind(values...).run();
}

}  // namespace ar::relay::embedded
