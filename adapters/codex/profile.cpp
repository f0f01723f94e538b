#include "adapters/codex/profile.hpp"

#include "adapters/codex/launch.hpp"
#include "adapters/relay_tools.hpp"
#include "base/paths.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace ar::adapters::codex {
namespace {
namespace fs = std::filesystem;

struct Mode {
  std::string_view name, approval, sandbox;
};
/// The approval modes of every provider, then Codex's own names. `untrusted` asks before every command that is not
/// known to only look.
constexpr std::array kModes{Mode{"read-only", "on-request", "read-only"},
                            Mode{"guarded", "untrusted", "workspace-write"},
                            Mode{"auto", "on-request", "workspace-write"},
                            Mode{"full", "never", "danger-full-access"},
                            Mode{"workspace-write", "on-request", "workspace-write"},
                            Mode{"danger-full-access", "on-request", "danger-full-access"}};

constexpr char kServerKey[] = "mcp_servers.agent-runner";
constexpr std::size_t kMostSettings = 4U << 20;

fs::path home_of(LaunchRequest const& request) { return request.agent_dir / "codex" / "home"; }
fs::path person_of(LaunchRequest const& request) { return request.agent_dir / "codex" / "person"; }
fs::path skills_of(LaunchRequest const& request) { return request.agent_dir / "codex" / "skills"; }

bool is_isolated(LaunchRequest const& request) { return request.profile && !request.profile->host; }

fs::path host_home(LaunchRequest const& request, Options const& options) {
  auto plain = request;
  plain.profile.reset();
  return codex_home(launch_environment(plain, options));
}

std::string quoted(std::string const& text) { return to_text(json(text)); }  // JSON's strings are TOML's and Starlark's

std::string prefix_rule(std::vector<std::string> const& words, char const* decision) {
  std::string list;
  for (auto const& word : words) list += (list.empty() ? "" : ", ") + quoted(word);
  return "prefix_rule(pattern=[" + list + "], decision=\"" + decision + "\")\n";
}

/// Lets an agent answer from inside Codex's sandboxes: these verbs reach agent-runner with the agent's own token and
/// write nothing but to it.
std::string rules_of(LaunchRequest const& request) {
  std::string rules;
  for (auto const* verb : {"reply", "react", "read", "inbox"})
    rules += prefix_rule({cli_command(request), verb}, "allow");
  auto const& profile = *request.profile;
  for (auto const& [list, decision] :
       {std::pair{&profile.allow, "allow"}, {&profile.ask, "prompt"}, {&profile.deny, "forbidden"}})
    for (auto const& rule : *list)
      if (auto const words = command_rule(rule); !words.empty()) rules += prefix_rule(words, decision);
  return rules;
}

/// An empty table when there is no file.
Result<toml::table> read_settings(fs::path const& home) {
  auto const file = home / "config.toml";
  auto const text = read_file(file, kMostSettings);
  if (!text) return text.error().code == "file_not_found" ? Result<toml::table>(toml::table()) : text.error();
  try {
    return toml::parse(*text);
  } catch (toml::parse_error const& e) {
    return invalid("host", file.string() + ":" + std::to_string(e.source().begin.line) + ":" +
                               std::to_string(e.source().begin.column) + ": " + std::string(e.description()));
  }
}

/// The person's settings without what a profile decides by itself.
Result<std::string> settings_of(fs::path const& host, Profile const& profile) {
  auto read = read_settings(host);
  if (!read) return read.error();
  auto& table = *read;
  for (auto const* key : {"projects", "notify", "plugins", "marketplaces", "skills", "tui", "instructions",
                          "developer_instructions", "model_instructions_file", "experimental_instructions_file"})
    table.erase(key);
  if (profile.mcp != Reach::host) table.erase("mcp_servers");
  if (profile.hooks != Reach::host) table.erase("hooks");
  if (!profile.host_settings) {
    toml::table kept;
    for (auto const* key : {"mcp_servers", "hooks"})
      if (auto const* node = table.get(key)) node->visit([&](auto const& value) { kept.insert(key, value); });
    table = std::move(kept);
  }
  std::ostringstream out;
  out << table << "\n";
  return out.str();
}

/// The repository's own configuration comes with its trust.
bool trusts_project(Profile const& profile) { return profile.mcp != Reach::none || profile.hooks != Reach::none; }

/// What Codex would read as a folder's instructions.
std::string instructions_in(fs::path const& dir) {
  constexpr std::size_t most = 256U << 10;
  for (auto const* name : {"AGENTS.override.md", "AGENTS.md"})
    if (auto text = read_file(dir / name, most)) return *text;
  return {};
}

/// The home's AGENTS.md: the person's, and the repository's where Codex would not read it by itself.
Result<void> write_instructions(LaunchRequest const& request, fs::path const& host) {
  auto const& profile = *request.profile;
  std::string all;
  auto const add = [&](std::string const& text) {
    if (!text.empty()) all += (all.empty() ? "" : "\n\n") + text;
  };
  if (profile.global_instructions) add(instructions_in(host));
  if (profile.repo_instructions && !trusts_project(profile))
    for (auto const& dir : repository_chain(request.cwd)) add(instructions_in(dir));
  return write_file(home_of(request) / "AGENTS.md", all);
}

Result<void> write_home(LaunchRequest const& request, Options const& options) {
  auto const& profile = *request.profile;
  auto const home = home_of(request), host = host_home(request, options);
  for (auto const& dir : {home, home / "rules", person_of(request)})
    if (auto made = make_private_dir(dir); !made) return made;
  auto settings = std::string();
  if (profile.host_settings || profile.mcp == Reach::host || profile.hooks == Reach::host) {
    auto const read = settings_of(host, profile);
    if (!read) return read.error();
    settings = *read;
  }
  // Codex notes a project's trust in it too; ours holds again from the next start on.
  bool const trusted = trusts_project(profile);
  std::vector<std::string> places{request.cwd.string()};
  if (auto root = repository_chain(request.cwd).front().string(); root != places[0]) places.push_back(std::move(root));
  for (auto const& place : places)
    settings += "[projects." + quoted(place) + "]\ntrust_level = \"" + (trusted ? "trusted" : "untrusted") + "\"\n";
  if (auto written = write_file(home / "config.toml", settings); !written) return written;
  if (auto written = write_file(home / "rules" / "agent-runner.rules", rules_of(request)); !written) return written;
  struct Link {
    char const* name;
    bool wanted;
  };
  for (auto const& link : {Link{"auth.json", profile.host_login}, Link{".env", profile.host_env},
                           Link{"hooks.json", profile.hooks == Reach::host}})
    if (auto kept = keep_link(link.wanted, host / link.name, home / link.name); !kept) return kept;
  return write_instructions(request, host);
}

/// The skills that the person sees in the bundle, with the tool's path in place of the variable.
Result<void> write_relay_skills(LaunchRequest const& request, fs::path const& into) {
  std::error_code ec;
  constexpr std::string_view variable = "\"$AGENT_RUNNER_CLI\"";
  auto const command = cli_command(request);
  for (auto const& skill : fs::directory_iterator(request.plugin_dir / "skills", ec)) {
    auto text = read_file(skill.path() / "SKILL.md", 1U << 20);
    if (!text) continue;
    for (auto at = text->find(variable); at != std::string::npos; at = text->find(variable, at + command.size()))
      text->replace(at, variable.size(), command);
    auto const folder = into / skill.path().filename();
    fs::create_directories(folder, ec);
    if (auto written = write_file(folder / "SKILL.md", *text); !written) return written;
  }
  return {};
}

void project_permissions(Profile const& profile, ProjectionReport& report) {
  for (auto const& [name, rules] :
       {std::pair{"allow", &profile.allow}, {"ask", &profile.ask}, {"deny", &profile.deny}}) {
    if (rules->empty()) continue;
    auto const field = std::string("permissions.") + name;
    auto const known = std::ranges::count_if(*rules, [](auto const& rule) { return !command_rule(rule).empty(); });
    auto const of = std::to_string(known) + " of " + std::to_string(rules->size());
    if (profile.host)
      report.not_possible(field, "Codex's rules stand in the home that base \"host\" takes as it is");
    else if (known == 0)
      report.not_possible(field, "Codex has rules for commands only: Bash(WORDS:*)");
    else
      report.approximated(field, of + " as exec policy rules, by the command's first words; what they allow runs " +
                                     "outside the sandbox");
  }
  if (profile.approval_mode.empty()) return;
  if (auto const mode = permission(profile.approval_mode))
    report.applied("permissions.mode", mode->approval + ", " + mode->sandbox);
  else
    report.not_possible("permissions.mode", "\"" + profile.approval_mode + "\" is no mode of Codex");
}

void project_reach(Profile const& profile, Options const& options, Projection& out) {
  auto& report = out.report;
  for (auto const& [name, server] : profile.mcp_servers.items()) {
    json config = server;
    if (config.contains("headers")) {
      config["http_headers"] = config["headers"];
      config.erase("headers");
    }
    out.thread_config["mcp_servers." + name] = std::move(config);
  }
  if (!profile.mcp_servers.empty()) report.applied("mcp.servers");
  if (profile.host && profile.mcp != Reach::host)
    report.not_possible("mcp.mode", "the person's servers stand in the home that base \"host\" takes as it is");
  else
    report.applied("mcp.mode");
  if (profile.hooks == Reach::none) {
    // With tool hooks all but ours are turned off one by one, in the thread (tool_use.hpp).
    if (!options.tool_hooks) out.overrides.emplace_back("features.hooks=false");
    report.applied("hooks.mode");
  } else if (profile.host) {
    report.applied("hooks.mode");
  } else {
    report.approximated("hooks.mode", "Codex runs them only once a person has trusted them at its terminal");
  }
}

/// Codex gives its servers few variables unless told, and ends a call after a minute.
json codex_relay_server(LaunchRequest const& request) {
  auto server = relay_server(request);
  server["env_vars"] = {"AGENT_RELAY_ID", "AGENT_RELAY_TOKEN", "AGENT_RUNNER_SOCKET"};
  server["tool_timeout_sec"] = kLongestToolCall.count();
  for (auto const tool : kUnaskedTools) server["tools"][std::string(tool)] = {{"approval_mode", "approve"}};
  return server;
}

void project_skills(LaunchRequest const& request, Projection& out) {
  auto const& profile = *request.profile;
  if (!profile.skills.empty()) out.report.applied("skills");
  std::vector<std::string> without;
  std::error_code ec;
  for (auto const& plugin : profile.plugins) {
    auto const skills = fs::path(plugin) / "skills";
    if (fs::is_directory(skills, ec))
      out.skill_roots.push_back(skills.string());
    else
      without.push_back(fs::path(plugin).filename().string());
  }
  if (profile.plugins.empty()) return;
  if (without.empty())
    out.report.approximated("plugins", "their skills; Codex takes the rest of a plugin from a marketplace only");
  else
    out.report.not_possible("plugins", "Codex takes plugins from a marketplace only, and " + without[0] +
                                           " has no skills to offer in its place");
}

}  // namespace

std::optional<Permission> permission(std::string const& approval_mode) {
  if (approval_mode.empty()) return Permission{};
  for (auto const& mode : kModes)
    if (mode.name == approval_mode) return Permission{std::string(mode.approval), std::string(mode.sandbox)};
  return std::nullopt;
}

std::string cli_command(LaunchRequest const& request) {
  auto const cli = (request.hook_client.parent_path() / "agent-runner").string();
  bool const plain = std::ranges::all_of(cli, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+").find(c) != std::string_view::npos;
  });
  return plain && !request.hook_client.empty() ? cli : "\"$AGENT_RUNNER_CLI\"";
}

void add_relay_tools(LaunchRequest const& request, Options const& options, Projection& out) {
  if (has_relay_tools(request, options.relay_tools)) out.thread_config[kServerKey] = codex_relay_server(request);
}

Projection project(LaunchRequest const& request, Options const& options) {
  Projection out;
  out.skill_roots.push_back(skills_of(request).string());
  if (!request.profile) {
    add_relay_tools(request, options, out);
    return out;
  }
  auto const& profile = *request.profile;
  auto& report = out.report;
  auto const host = host_home(request, options);
  if (profile.host) {
    report.applied("base", "the person's own: " + host.string());
  } else {
    report.applied("base", "a home of its own: " + home_of(request).string());
    if (profile.host_login) report.applied("host.login", "a link to " + (host / "auth.json").string());
    if (profile.host_settings)
      report.applied("host.settings", "without MCP servers, hooks, plugins, skills, instructions and trusted projects");
    if (profile.host_env) report.applied("host.env", "a link to " + (host / ".env").string());
    // Its commands are at home where the person is: git, ssh and the like.
    if (auto const home = request.environment.find("HOME"); home != request.environment.end())
      out.overrides.push_back("shell_environment_policy.set.HOME=" + quoted(home->second));
  }
  report.applied("relay.context");
  if (!profile.repo_instructions) out.overrides.emplace_back("project_doc_max_bytes=0");
  if (profile.repo_instructions && !profile.host && !trusts_project(profile))
    report.approximated("instructions.repoInstructions",
                        "as the home's AGENTS.md, read at each start: Codex reads it itself only with the repository's "
                        "other settings");
  else
    report.applied("instructions.repoInstructions");
  if (profile.host && !profile.global_instructions)
    report.not_possible("instructions.globalInstructions",
                        "AGENTS.md stands in the home that base \"host\" takes as it is");
  else
    report.applied("instructions.globalInstructions");
  if (!profile.append.empty()) report.applied("instructions.append");
  if (!profile.system.empty()) report.applied("instructions.system");
  project_skills(request, out);
  project_reach(profile, options, out);
  add_relay_tools(request, options, out);  // over a server of the profile that has their name
  project_permissions(profile, report);
  return out;
}

void project_environment(LaunchRequest const& request, std::map<std::string, std::string>& environment) {
  if (!is_isolated(request)) return;
  environment["CODEX_HOME"] = home_of(request).string();
  environment["HOME"] = person_of(request).string();
}

Result<void> write_profile(LaunchRequest const& request, Options const& options) {
  std::error_code ec;
  auto const skills = skills_of(request);
  fs::remove_all(skills, ec);  // links and copies, made anew
  if (auto made = make_private_dir(skills); !made) return made;
  bool const told = !request.profile || request.profile->relay_context;
  if (told && !request.plugin_dir.empty())
    if (auto written = write_relay_skills(request, skills); !written) return written;
  if (!request.profile) return {};
  for (auto const& skill : request.profile->skills)
    if (auto linked = keep_link(true, skill, skills / fs::path(skill).filename()); !linked) return linked;
  return is_isolated(request) ? write_home(request, options) : Result<void>();
}

std::string fault_in_settings(fs::path const& home) {
  auto const read = read_settings(home);
  return read ? std::string() : read.error().message;
}

}  // namespace ar::adapters::codex
