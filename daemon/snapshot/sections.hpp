// The sections of a snapshot as data: a further one is a row of the table in sections.cpp. What its rows look like is
// its own matter; a change that an older agent-runner cannot read is another version.
#pragma once
#include "adapters/adapter.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/sqlite.hpp"
#include "daemon/delivery/turn.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

class RowSpool;
class RowWriter;

/// An agent of which a snapshot is taken, and how its provider's files are found.
struct AgentSource {
  std::string id;
  std::shared_ptr<adapters::Adapter const> adapter;
  adapters::LaunchRequest request;
};

/// What a snapshot is taken of. A Worker's.
struct SnapshotSource {
  Database& journal;    ///< all of it as it was at one moment
  RowSpool const& bus;  ///< by the agents' ids, the queue's rows that only the bus has
  std::vector<AgentSource> const& agents;
  std::filesystem::path skills;  ///< where their files are
  bool history = false;
};

/// Where an agent's rows are brought to, or what is nobody's: the journal, in a transaction.
struct SnapshotTarget {
  Database& journal;
  std::string owner;            ///< an agent's id; empty: nobody's
  std::int64_t next_approval;   ///< the id of the next one that is written
  bool history = false;         ///< it is asked for
  std::int64_t last_event = 0;  ///< up to which the agent's own log is brought; 0: it has one here
  WallTime now{};
};

struct Section {
  std::string_view name;
  std::string_view version;  ///< of its rows: MAJOR.MINOR.PATCH
  void (*write)(SnapshotSource const& source, RowWriter& out);
  /// Checks a row that somebody else may have written: whose it is, empty for nobody's. May throw json::exception.
  Result<std::string> (*owner)(json const& row);
  /// Brings a row that was found good. False: it is not asked for, or something is there in its place already. Null:
  /// what the section needs is more than the journal (restore.cpp).
  bool (*bring)(SnapshotTarget& target, json const& row) = nullptr;
  bool afterwards = false;  ///< an agent's rows are brought once it is here, some at a time
};

/// In the order of the document.
std::span<Section const> sections();
Section const* find_section(std::string_view name);

// shared_rows.cpp
extern Section const kSkillsSection, kHooksSection;

// sections_of_agents.cpp
/// Those that run, by an agent's row. Older documents have none. May throw json::exception.
std::vector<Turn> turns_in(json const& row);
extern Section const kAgentsSection, kSessionsSection, kQueueSection, kApprovalsSection, kHistorySection;

}  // namespace ar::daemon
