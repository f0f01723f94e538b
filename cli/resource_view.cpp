#include "cli/resource_view.hpp"

#include "cli/text.hpp"

#include <cstdio>

namespace ar::cli {
namespace {

std::string with_limit(std::string used, std::string const& limit) {
  return limit.empty() ? used : std::move(used) + "/" + limit;
}

std::string listed(json const& names) {
  std::string text;
  for (auto const& name : names)
    if (name.is_string()) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text;
}

}  // namespace

std::string memory_text(json const& agent) {
  auto const& resources = object_at(agent, "resources");
  auto const used = number(resources, "memoryBytes");
  auto const bytes = used > 0 ? used : number(agent, "memoryBytes");
  if (bytes <= 0) return {};
  auto const limit = number(object_at(resources, "limits"), "memoryMax");
  return with_limit(size_text(bytes), limit > 0 ? size_text(limit) : "");
}

std::string tasks_text(json const& agent) {
  auto const& resources = object_at(agent, "resources");
  auto const tasks = number(resources, "tasks");
  if (tasks <= 0) return {};
  auto const limit = number(object_at(resources, "limits"), "tasksMax");
  return with_limit(std::to_string(tasks), limit > 0 ? std::to_string(limit) : "");
}

std::string resources_text(json const& agent) {
  auto const& resources = object_at(agent, "resources");
  if (resources.empty()) return {};
  auto text = field(resources, "by");
  std::string used;
  auto const add = [&](std::string const& part) {
    if (!part.empty()) used += (used.empty() ? ": " : ", ") + part;
  };
  if (auto const memory = memory_text(agent); !memory.empty()) add(memory + " memory");
  if (auto const tasks = tasks_text(agent); !tasks.empty()) add(tasks + " tasks");
  if (resources.contains("cpuSeconds") && resources["cpuSeconds"].is_number()) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.1f s", resources["cpuSeconds"].get<double>());
    auto const quota = number(object_at(resources, "limits"), "cpuQuota");
    add(std::string(seconds) + " of processor time" + (quota > 0 ? " at " + std::to_string(quota) + "%" : ""));
  }
  text += used;
  if (auto const names = listed(array(resources, "partly")); !names.empty())
    text += "; held for single processes: " + names;
  if (auto const names = listed(array(resources, "notHeld")); !names.empty()) text += "; nothing holds: " + names;
  return text;
}

}  // namespace ar::cli
