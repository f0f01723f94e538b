// One use of a prepared statement: bound on construction, reset at the end of the scope, because a statement
// left in the middle of its rows keeps the database's snapshot (and the write-ahead log) alive.
#pragma once
#include "base/read_json.hpp"
#include "base/sqlite.hpp"

#include <spdlog/spdlog.h>

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
  WallTime time(int column) const { return time_in(statement_.integer(column)); }
  std::optional<WallTime> maybe_time(int column) const {
    if (is_null(column)) return std::nullopt;
    return time(column);
  }
  /// A JSON column, of `whose` row. A damaged one costs its row at most: nothing, and a line in the log.
  std::optional<json> object(int column, std::string const& whose) const {
    auto value = parse_object(text(column));
    if (!value) return damaged(whose, value.error());
    return std::optional<json>(std::in_place, std::move(*value));
  }
  std::optional<std::vector<std::string>> texts(int column, std::string const& whose) const {
    auto list = read_json(text(column), [](json const& in) { return in.get<std::vector<std::string>>(); });
    if (!list) return damaged(whose, list.error());
    return std::move(*list);
  }

 private:
  static std::nullopt_t damaged(std::string const& whose, Error const& error) {
    spdlog::error("relay: the database's row of {} is damaged: {}", whose, error.message);
    return std::nullopt;
  }
  Statement& statement_;
};

/// Runs one statement to its end.
template <class... Values>
void run(Database& db, char const* sql, Values const&... values) {
  db.prepare(sql).bind(values...).run();
}

}  // namespace ar::relay::embedded
