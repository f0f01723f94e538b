#include "adapters/registry.hpp"

#include "adapters/acp/acp_adapter.hpp"
#include "adapters/claude/claude_adapter.hpp"
#include "adapters/codex/codex_adapter.hpp"
#include "adapters/command/command_adapter.hpp"
#include "base/ids.hpp"
#include "model/provider.hpp"

#include <array>

namespace ar::adapters {
namespace {

/// In the order of kProviders.
constexpr std::array<std::shared_ptr<Adapter const> (*)(), kProviders.size()> kMake{
    make_claude_adapter,
    make_codex_adapter,
    make_command_adapter,
    make_acp_adapter,
};

}  // namespace

Adapters make_adapters(std::map<std::string, json> const& tables) {
  Adapters all;
  auto const add = [&](std::shared_ptr<Adapter const> adapter) {
    auto const name = adapter->facts().name;
    all.emplace(name, std::move(adapter));
  };
  for (auto* const make : kMake) add(make());
  for (auto const& agent : kAcpAgents) add(make_acp_adapter(std::string(agent.name)));
  if (auto const acp = tables.find("acp"); acp != tables.end() && acp->second.is_object())
    for (auto const& [name, table] : acp->second.items())
      if (is_safe_name(name)) add(make_acp_adapter(name));  // one that is there already stays
  return all;
}

json provider_table(std::map<std::string, json> const& tables, std::string const& provider) {
  if (provider == "acp") return json::object();  // its table holds those of the agents
  if (auto const own = tables.find(provider); own != tables.end()) return own->second;
  auto const acp = tables.find("acp");
  return acp == tables.end() ? json::object() : object_at(acp->second, provider.c_str());
}

}  // namespace ar::adapters
