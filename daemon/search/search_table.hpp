// All SQL about the index: rows of text with the words in them, who they are of, and how far their sources are read.
// It is used within a job of SearchIndex.
#pragma once
#include "base/clock.hpp"
#include "base/sqlite.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

std::span<char const* const> search_migrations();

/// What of the bus's messages is no agent's own.
inline constexpr std::string_view kBusOwner;

struct SearchLimits {
  std::int64_t rows = 500'000, bytes = 256 << 20;             ///< of all
  std::int64_t agent_rows = 100'000, agent_bytes = 64 << 20;  ///< of one agent's transcripts
  WallTime oldest{};                                          ///< what was said before is not kept
};

class SearchTable {
 public:
  static constexpr int kBatch = 500;  ///< rows that are removed at once

  explicit SearchTable(Database& db) : db_(db) {}

  /// Where rows come from: the file of a conversation, or a store of the bus.
  struct Source {
    std::int64_t id = 0;
    std::int64_t cursor = 0;  ///< what is before it has been read
  };
  /// One that is met for the first time is noted with cursor 0.
  Source source(std::string const& owner, std::string const& name, std::string const& conversation);
  void move_cursor(Source const& source, std::int64_t cursor);

  struct Row {
    std::string owner{};  ///< an agent in this life of it; kBusOwner: it is a message
    WallTime at{};
    std::int64_t seq = 0;               ///< in the transcript; of a message its number
    std::string role{};                 ///< in the transcript
    std::string sender{}, recipient{};  ///< of a message
    std::string text{};                 ///< searchable()
  };
  void add(Source const& source, Row const& row);

  // What is removed goes in batches, a transaction each: true while there is more.
  bool forget_owner(std::string const& owner);
  /// The messages of other stores than this one.
  bool forget_other_stores(std::string const& store);
  /// The messages whose numbers are not from `first` to `last`.
  bool forget_messages_outside(std::int64_t first, std::int64_t last);
  bool prune(SearchLimits const& limits);
  std::vector<std::string> owners() const;

  struct Query {
    std::string expression{};              ///< match_expression()
    std::string owner{};                   ///< only this agent's and its messages; empty: everything
    std::string agent{};                   ///< its id
    std::vector<std::string> addresses{};  ///< at which messages reach it
    WallTime since{};
    std::int64_t before = 0;  ///< the id that the page before ended with; 0: the first page
    int limit = 100;
  };
  struct Hit : Row {
    std::int64_t id = 0;
    std::string conversation{};
    std::string snippet{};  ///< a part of the text, with ⟦ and ⟧ around what was found
  };
  /// The newest first.
  std::vector<Hit> find(Query const& query) const;

 private:
  bool forget_oldest(std::string const& owner, std::int64_t most_rows, std::int64_t most_bytes);
  Database& db_;
};

}  // namespace ar::daemon
