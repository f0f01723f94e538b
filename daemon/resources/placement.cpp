#include "daemon/resources/placement.hpp"

namespace ar::daemon {

json to_json(Placement const& placement) {
  if (placement.by.empty()) return nullptr;
  return {{"by", placement.by},
          {"group", placement.group.string()},
          {"limits", placement.limits},
          {"partly", placement.partly},
          {"notHeld", placement.not_held},
          {"oomKills", placement.oom_kills},
          {"tasksRefused", placement.tasks_refused}};
}

Placement placement_from(json const& stored) {
  Placement placement;
  if (!stored.is_object()) return placement;
  placement.by = stored.value("by", "");
  placement.group = stored.value("group", "");
  placement.limits = stored.value("limits", json::object());
  placement.partly = stored.value("partly", std::vector<std::string>());
  placement.not_held = stored.value("notHeld", std::vector<std::string>());
  placement.oom_kills = stored.value("oomKills", std::int64_t{0});
  placement.tasks_refused = stored.value("tasksRefused", std::int64_t{0});
  return placement;
}

}  // namespace ar::daemon
