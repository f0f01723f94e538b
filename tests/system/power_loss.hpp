// The machine loses power, as far as one installation can tell: its daemon, its tmux server and all that runs in it are
// killed at the same moment, and the runtime folder is wiped.
#pragma once
#include "system/installation.hpp"

#include <sqlite3.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace ar::test {

inline std::multimap<pid_t, pid_t> children_by_parent() {
  std::multimap<pid_t, pid_t> children;
  for (auto const& entry : std::filesystem::directory_iterator("/proc")) {
    auto const pid = static_cast<pid_t>(std::atol(entry.path().filename().c_str()));
    if (pid <= 0) continue;
    auto const stat = file_text(entry.path() / "stat");
    auto const name_end = stat.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream rest(stat.substr(name_end + 1));
    std::string state;
    pid_t parent = 0;
    if (rest >> state >> parent) children.emplace(parent, pid);
  }
  return children;
}

/// The daemon, its tmux server, and everything below them.
inline std::set<pid_t> processes_of(Installation& home) {
  std::set<pid_t> all;
  if (auto const daemon = home.daemon_pid()) all.insert(*daemon);
  for (auto const pid : tmux_servers(home.state())) all.insert(pid);
  auto const children = children_by_parent();
  for (bool grown = true; grown;) {
    grown = false;
    for (auto const& [parent, child] : children)
      if (all.contains(parent)) grown = all.insert(child).second || grown;
  }
  return all;
}

inline void lose_power(Installation& home) {
  auto const all = processes_of(home);
  REQUIRE(all.size() >= 2);
  // Nobody sees another one die.
  for (auto const pid : all) ::kill(pid, SIGSTOP);
  for (auto const pid : all) ::kill(pid, SIGKILL);
  for (auto const pid : all) REQUIRE(Installation::eventually([&] { return !Installation::runs(pid); }));
  std::filesystem::remove_all(home.state() / "run");
}

/// The kernel says another boot id than the journal knows. While no daemon runs.
inline void pretend_another_boot(Installation& home) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open((home.state() / "journal.db").c_str(), &database) == SQLITE_OK);
  auto const changed = sqlite3_exec(database, "UPDATE facts SET value = 'another' WHERE name = 'boot'", nullptr,
                                    nullptr, nullptr) == SQLITE_OK &&
                       sqlite3_changes(database) == 1;
  sqlite3_close(database);
  REQUIRE(changed);
}

inline json recovery(Installation& home) { return home.good({"events", "--since-boot", "--json"}).parsed(); }

/// The report, once all agents have come to something.
inline json recovered(Installation& home) {
  json report;
  auto const over = Installation::eventually([&] {
    report = recovery(home);
    return report["state"] == "recovered";
  });
  REQUIRE_MESSAGE(over, report.dump(1));
  return report;
}

inline json agent_in(json const& report, std::string const& agent) {
  for (auto const& row : report["agents"])
    if (row["agent"] == agent) return row;
  return nullptr;
}

}  // namespace ar::test
