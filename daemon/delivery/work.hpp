// What makes an agent busy: active work, and the status that follows from it (docs/architecture.md).
#pragma once
#include "base/clock.hpp"
#include "base/json.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace ar::daemon {

class Work {
 public:
  struct Item {
    std::string kind, id, label{}, role{}, parent_id{};
    WallTime started_at{};
    json metadata = nullptr;        ///< an object, or null
    json provider_state = nullptr;  ///< what its provider is at: an object, or null
  };
  /// Of one that is active already, what is given replaces what was.
  void start(Item item);
  bool is_active(std::string const& kind, std::string const& id) const { return active_.contains({kind, id}); }
  std::size_t count() const { return active_.size(); }
  void finish(std::string const& kind, std::string const& id);
  /// Forgets all work of these kinds: after a restart, or when the provider says so.
  void clear(std::string_view kind);
  /// Its process has ended, and with it all but what outlives one: its tasks and commands.
  void on_process_gone();

  /// offline or error; empty: neither. The next busy, idle or start ends it.
  void set_terminal(std::string status) { terminal_ = std::move(status); }
  void clear_terminal() { terminal_.clear(); }

  /// The terminal status, else busy while any work is active, else idle.
  std::string status() const;
  bool is_ready() const { return terminal_.empty(); }
  /// The kinds of its active work, for people; empty: none.
  std::string busy_with() const;
  /// Of its turn; null: nobody has told of any.
  json provider_state() const;
  /// busyReasons, activeWork, activeSubagents, activeSubagentCount, terminalStatus ("error", else null).
  json meta() const;

 private:
  std::map<std::pair<std::string, std::string>, Item> active_;
  std::string terminal_ = "offline";  // until the first start
};

}  // namespace ar::daemon
