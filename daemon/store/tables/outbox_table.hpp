#pragma once
#include "daemon/store/tables/table.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// What receivers are to be told, and were; each attempt at it. Every receiver has an order of its own.
class OutboxTable {
 public:
  /// Of a receiver's that are over, so many are kept.
  static constexpr int kKept = 1000;
  /// Of one's attempts, so many.
  static constexpr int kAttempts = 50;

  explicit OutboxTable(Database& db) : db_(db) {}

  struct Entry {
    std::int64_t number = 0;
    std::string id;  ///< as the receiver sees it
    std::string receiver;
    std::string type;
    std::int64_t event = 0;  ///< its number; 0: it is about none
    std::string state{};     ///< waiting, delivered, gave_up
    WallTime created_at;
    std::string body{};  ///< empty in pages
  };
  struct Attempt {
    WallTime at;
    std::int64_t status = 0;  ///< 0: there was no answer
    std::int64_t ms = 0;
    std::string error{};  ///< empty: it was taken
  };
  struct Size {
    std::int64_t entries = 0, bytes = 0;
    Size& operator+=(Size const& more) {
      entries += more.entries;
      bytes += more.bytes;
      return *this;
    }
    Size& operator-=(Size const& less) {
      entries -= less.entries;
      bytes -= less.bytes;
      return *this;
    }
  };

  /// The last in its receiver's order. Nothing happens where the receiver is gone.
  void add(Entry const& entry);
  /// The first of a receiver that waits.
  std::optional<Entry> first_waiting(std::string const& receiver) const;
  /// Of all receivers that are owed something.
  std::map<std::string, Size> waiting() const;
  void note(std::int64_t number, Attempt const& attempt);
  /// It waits no more; what is over for longest goes.
  void settle(std::string const& receiver, std::int64_t number, char const* state);
  /// Those that wait and were asked for at that time or before are given up.
  Size give_up(std::string const& receiver, WallTime until);
  /// One that is over waits again, as the last: its size. Nothing: it is not over, or there is none.
  std::optional<Size> ask_again(std::string const& receiver, std::string const& id, WallTime now);

  /// Its state; nothing: there is none.
  std::optional<std::string> state_of(std::string const& receiver, std::string const& id) const;
  /// From the newest down; `before`: below that number, 0: all.
  std::vector<Entry> page(std::string const& receiver, std::int64_t before, int limit) const;
  /// The newest, in their order.
  std::vector<Attempt> attempts(std::int64_t number) const;
  /// Those that are over and older.
  void prune(Walk& walk, WallTime oldest);

 private:
  void drop_oldest(std::string const& receiver);

  Database& db_;
};

}  // namespace ar::daemon
