// Commands and agents, as their feeds tell of them. io thread only.
#pragma once
#include "relay/bus.hpp"

#include <map>
#include <unordered_map>

namespace ar::relay::nats {

/// A command and its steps lie on one subject, in order: the subject's last sequence is what the next step must follow.
class CommandView {
 public:
  struct Entry {
    Command command;
    std::uint64_t last = 0;
  };
  /// True: a new command.
  bool take(std::string_view nonce, std::string_view data, std::uint64_t sequence);
  void clear();
  Entry const* find(std::int64_t id) const;
  Entry const* find(std::string_view nonce) const;
  std::string const* nonce(std::int64_t id) const;
  std::vector<std::int64_t> open(std::vector<std::string> const& targets, WallTime now) const;
  /// Those that ended longer ago than `keep` (or expired so).
  std::vector<std::int64_t> forgettable(milliseconds keep, WallTime now) const;
  void forget(std::int64_t id);

 private:
  std::map<std::string, Entry, std::less<>> by_nonce_;
  std::map<std::int64_t, std::string> nonces_;
};

bool is_end(CommandStatus status);
/// The command as it is at `now`: one that was not running in time has expired.
Command settled(Command command, WallTime now);
std::string command_text(Command const& command);
std::string step_text(CommandStep const& step);

class PresenceView {
 public:
  struct Entry {
    Presence presence;
    std::uint64_t revision = 0;
  };
  void take(std::string_view data, std::string_view key, std::uint64_t sequence, bool gone);
  void clear() { agents_.clear(); }
  Entry const* find(std::string const& agent_id, WallTime now) const;
  /// By id; `stale` is decided by `now`.
  std::vector<Presence> all(WallTime now) const;
  /// The agents that `address` reaches.
  std::vector<std::string> members(std::string const& address, WallTime now) const;

 private:
  std::map<std::string, Entry> agents_;  ///< by key
};

std::string presence_text(Presence const& presence);

}  // namespace ar::relay::nats
