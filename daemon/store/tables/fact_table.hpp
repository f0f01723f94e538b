#pragma once
#include "daemon/store/tables/table.hpp"

#include <string>
#include <utility>
#include <vector>

namespace ar::daemon {

/// Single values by name.
class FactTable {
 public:
  static constexpr char kStore[] = "store";               ///< of the bus, whose numbers the deliveries have
  static constexpr char kControlPort[] = "control_port";  ///< the last one
  static constexpr char kRelayPort[] = "relay_port";      ///< the last one, for agents
  static constexpr char kBoot[] = "boot";                 ///< of the machine, at the daemon's last start
  static constexpr char kRecovery[] = "recovery";         ///< the newest report (docs/recovery.md)
  static constexpr char kPause[] = "pause";               ///< of the runtime; not there: it runs
  static constexpr char kAccountSalt[] = "account_salt";  ///< of the names of accounts, where they come of a secret
  static constexpr char kNotified[] = "notified ";        ///< up to which event; the rule's name follows
  static constexpr char kWorktree[] = "worktree of ";     ///< of a spawn that is under way; the agent's id follows

  explicit FactTable(Database& db) : db_(db) {}
  /// Empty: it is not known.
  std::string get(std::string const& name) const;
  void put(std::string const& name, std::string const& value);
  void erase(std::string const& name);
  /// What follows the prefix, and the value.
  std::vector<std::pair<std::string, std::string>> with_prefix(std::string const& prefix) const;
  /// Those about agents that there are.
  void erase_of_agents(std::string const& prefix);

 private:
  Database& db_;
};

}  // namespace ar::daemon
