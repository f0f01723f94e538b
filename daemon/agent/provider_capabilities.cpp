#include "daemon/agent/provider_capabilities.hpp"

namespace ar::daemon {

json millis_or_null(WallTime at) { return at == WallTime() ? json(nullptr) : json(to_millis(at)); }

json provider_capabilities(json facts, AgentSpec const& spec, AgentRecord const& record, json const& context_use) {
  // All that can change comes with a new process.
  json const told = {
      {"source", "runtime"}, {"confidence", "reported"}, {"lastUpdatedAt", millis_or_null(record.started_at)}};
  json all = facts.is_object() ? std::move(facts) : json::object();
  all.update(told);

  auto& model = all["model"] = told;
  model["provider"] = spec.provider;
  auto const& alias = spec.model.empty() ? record.model : spec.model;
  if (!alias.empty()) {
    model["alias"] = alias;
    model["id"] = record.model.empty() ? spec.model : record.model;
  } else {
    model["confidence"] = "unknown";
  }
  if (spec.model.empty() && !record.model.empty()) model["source"] = "provider";
  if (!spec.effort.empty()) model["effort"] = spec.effort;

  auto& session = all["session"];
  session.update(told);
  session["approvalMode"] = spec.approval_mode;
  if (spec.approval_mode == "read-only")
    for (auto const* changes : {"fileWrite", "shell"})
      if (session.contains(changes)) session[changes] = false;

  auto context = object_at(all, "context");
  context.erase("stats");
  if (!context_use.is_null())
    context["stats"] = {{"source", context_use["source"]}, {"confidence", context_use["confidence"]}};
  all["context"] = std::move(context);

  // Whatever the provider: it runs in a terminal of tmux.
  all["terminal"] = {{"live", {{"read", true}, {"write", true}}},
                     {"attach", {{"create", true}, {"read", true}, {"write", true}, {"detach", true}}}};
  return all;
}

}  // namespace ar::daemon
