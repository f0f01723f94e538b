// Where one process of an agent was put, and what limits it there: kept in the journal with its start.
#pragma once
#include "base/json.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace ar::daemon {

struct Placement {
  std::string by{};                     ///< scope, cgroup or rlimits; empty: nothing was started yet
  std::filesystem::path group{};        ///< of its own; empty: none
  json limits = json::object();         ///< those in force, as in ResourceLimits
  std::vector<std::string> partly{};    ///< of these, those that only single processes are held to
  std::vector<std::string> not_held{};  ///< those that nothing holds here
  // What has been told of already.
  std::int64_t oom_kills = 0, tasks_refused = 0;
};

/// The journal's form; empty and `null` are the same.
json to_json(Placement const& placement);
Placement placement_from(json const& stored);

}  // namespace ar::daemon
