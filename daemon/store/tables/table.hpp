// What the tables of the daemon's database share. Each table is one class here: all SQL about it, and nothing else
// knows its columns. They live within a job of the journal (see store/journal.hpp), on whose thread they are used, and
// change within its transaction; what they throw is the journal's to handle. Its columns: store/schema.cpp.
#pragma once
#include "base/clock.hpp"
#include "base/sqlite.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ar::daemon {

/// The first column of the first row; 0: there is none.
template <class... Values>
std::int64_t integer_of(Database& db, char const* query, Values const&... values) {
  auto& row = db.prepare(query).bind(values...);
  auto const number = row.step() ? row.integer(0) : 0;
  row.reset();
  return number;
}

/// A table's id and a record that its owner reads: it may be damaged (see store/journal_row.hpp).
using Record = std::pair<std::int64_t, std::string>;

/// Of rows that were asked for with one more than a page has: leaves the page. The last number of it, where the next
/// one goes on; nothing: it is the last.
inline std::optional<std::int64_t> cut_to_page(std::vector<Record>& rows, int limit) {
  if (std::cmp_less_equal(rows.size(), limit)) return std::nullopt;
  rows.resize(static_cast<std::size_t>(limit));
  return rows.back().first;
}

/// What is over and older than `oldest`, or not among the newest `most`, need not be kept.
struct Kept {
  WallTime oldest;
  std::int64_t most;
};
/// A walk from the oldest on, in batches that are a transaction each.
struct Walk {
  std::int64_t after = 0;
  bool done = false;
};
inline constexpr int kBatch = 200;

}  // namespace ar::daemon
