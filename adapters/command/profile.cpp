// An agent profile with a program of one's own: what concerns the bus is kept, the rest is said to be not possible.
#include "adapters/command/command_adapter.hpp"

namespace ar::adapters {

ProjectionReport CommandAdapter::projection(LaunchRequest const& request) const {
  ProjectionReport report;
  if (!request.profile) return report;
  auto const& profile = *request.profile;
  constexpr auto why = "agent-runner does not know how this program is told";
  report.applied("relay.context");
  if (profile.host)
    report.applied("base", "the program runs as it is");
  else
    report.not_possible("base", "agent-runner does not know where this program keeps its configuration");
  auto const unless = [&](bool absent, char const* field) {
    if (!absent) report.not_possible(field, why);
  };
  unless(profile.repo_instructions, "instructions.repoInstructions");
  unless(profile.append.empty(), "instructions.append");
  unless(profile.system.empty(), "instructions.system");
  unless(profile.skills.empty(), "skills");
  unless(profile.plugins.empty(), "plugins");
  unless(profile.mcp_servers.empty(), "mcp.servers");
  unless(profile.allow.empty(), "permissions.allow");
  unless(profile.ask.empty(), "permissions.ask");
  unless(profile.deny.empty(), "permissions.deny");
  if (!profile.approval_mode.empty())
    report.approximated("permissions.mode", "it finds it in AGENT_RELAY_APPROVAL, and does with it what it wants");
  return report;
}

}  // namespace ar::adapters
