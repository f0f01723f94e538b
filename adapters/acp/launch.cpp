#include "adapters/acp/launch.hpp"

#include "adapters/acp/record.hpp"
#include "adapters/relay_tools.hpp"
#include "base/paths.hpp"

#include <sys/un.h>

namespace ar::adapters::acp {
namespace {

json named_values(json const& object) {
  json list = json::array();
  if (object.is_object())
    for (auto const& [name, value] : object.items()) list.push_back({{"name", name}, {"value", value}});
  return list;
}

}  // namespace

std::map<std::string, std::string> launch_environment(LaunchRequest const& request, Options const& options) {
  auto environment = request.environment;
  for (auto const& [name, value] : options.environment) environment[name] = value;
  return environment;
}

Result<LaunchPlan> plan_launch(std::string const& name, LaunchRequest const& request, Options const& options) {
  LaunchPlan plan;
  plan.environment = launch_environment(request, options);
  auto const path = plan.environment.find("PATH");
  auto const found =
      find_executable(options.command.front(), path == plan.environment.end() ? std::string() : path->second);
  if (!found)
    return Error{ErrorKind::not_found, "cli_missing",
                 name + " is not installed: " + found.error().message + " (" +
                     (options.install.empty() ? "install it" : options.install) + ", or set providers.acp." + name +
                     ".command)"};
  auto const files = files_of(request.agent_dir);
  if (files.socket.string().size() >= sizeof(sockaddr_un::sun_path))
    return invalid("state directory",
                   "the path " + files.socket.string() +
                       " is too long for a unix socket; choose a shorter state directory or agent name");
  if (auto made = make_private_dir(files.dir); !made) return made.error();
  std::error_code ec;
  // What an earlier process said is not to be taken for this one's words.
  std::filesystem::remove(files.log, ec);
  auto const host = request.hook_client.parent_path() / "agent-runner-acp";
  plan.argv = {host.string(), files.dir.string(), name, found->string()};
  plan.argv.insert(plan.argv.end(), options.command.begin() + 1, options.command.end());
  plan.session_id = request.resume_session;
  plan.resumes = !request.resume_session.empty();
  return plan;
}

json mcp_servers(LaunchRequest const& request, Options const& options, bool http) {
  json servers = json::array();
  if (has_relay_tools(request, options.relay_tools)) {
    auto server = relay_server(request);
    server["name"] = kRelayServer;
    json variables = json::object();
    // Agents give their servers few variables unless told.
    for (auto const* name : {"AGENT_RELAY_ID", "AGENT_RELAY_TOKEN", "AGENT_RUNNER_SOCKET", "PATH", "HOME"})
      if (auto const it = request.environment.find(name); it != request.environment.end()) variables[name] = it->second;
    server["env"] = named_values(variables);
    servers.push_back(std::move(server));
  }
  if (!request.profile) return servers;
  for (auto const& [name, described] : request.profile->mcp_servers.items()) {
    json server{{"name", name}};
    if (auto const url = text_at(described, "url"); !url.empty()) {
      if (!http) continue;
      server["type"] = "http";
      server["url"] = url;
      server["headers"] = named_values(object_at(described, "headers"));
    } else {
      server["command"] = text_at(described, "command");
      server["args"] = described.value("args", json::array());
      server["env"] = named_values(object_at(described, "env"));
    }
    servers.push_back(std::move(server));
  }
  return servers;
}

ProjectionReport projection(LaunchRequest const& request) {
  ProjectionReport report;
  if (!request.profile) return report;
  auto const& profile = *request.profile;
  if (profile.host)
    report.applied("base", "the person's own");
  else
    report.not_possible("base", "ACP has no word for a home of the agent's own; it sees the person's");
  report.applied("relay.context");
  if (!profile.append.empty()) report.approximated("instructions.append", "said before its first message");
  if (!profile.system.empty())
    report.not_possible("instructions.system", "ACP has no system prompt; it is said before the first message");
  if (!profile.repo_instructions)
    report.not_possible("instructions.repoInstructions", "the agent reads the repository's instructions by itself");
  if (!profile.skills.empty()) report.not_possible("skills", "ACP hands over no skills");
  if (!profile.plugins.empty()) report.not_possible("plugins", "ACP hands over no plugins");
  if (!profile.mcp_servers.empty())
    report.approximated("mcp.servers", "those with a command; those with a URL where the agent takes them");
  if (profile.mcp != Reach::host) report.not_possible("mcp.mode", "the agent reads the person's own servers by itself");
  if (profile.hooks != Reach::host) report.not_possible("hooks.mode", "the agent reads the person's hooks by itself");
  for (auto const& [field, rules] : {std::pair{"permissions.allow", &profile.allow},
                                     {"permissions.ask", &profile.ask},
                                     {"permissions.deny", &profile.deny}})
    if (!rules->empty()) report.not_possible(field, "ACP has no rules; see the approval rules of the configuration");
  if (!profile.approval_mode.empty())
    report.approximated("permissions.mode",
                        "guarded asks, full allows all that is asked for; else a mode of the agent's");
  return report;
}

}  // namespace ar::adapters::acp
