#include "adapters/claude/profile.hpp"

#include "adapters/claude/launch.hpp"
#include "adapters/claude/live_state.hpp"
#include "adapters/relay_tools.hpp"
#include "base/paths.hpp"

#include <algorithm>
#include <array>

namespace ar::adapters::claude {
namespace {
namespace fs = std::filesystem;

/// The approval modes of every provider in the CLI's words. `auto` is a word of both; ours edits files without asking,
/// which is what the CLI calls acceptEdits.
struct Mode {
  std::string_view ours, cli;
};
// "manual" is the later name of the CLI's "default", which all versions take.
constexpr std::array kModes{Mode{"read-only", "plan"}, Mode{"guarded", "default"}, Mode{"auto", "acceptEdits"},
                            Mode{"full", "bypassPermissions"}, Mode{"manual", "default"}};
constexpr std::array<std::string_view, 5> kOwnModes{"acceptEdits", "bypassPermissions", "default", "dontAsk", "plan"};

constexpr std::size_t kMostSettings = 4U << 20;

fs::path own(LaunchRequest const& request) { return request.agent_dir / "claude"; }
fs::path home_of(LaunchRequest const& request) { return own(request) / "home"; }
fs::path skills_of(LaunchRequest const& request) { return own(request) / "profile"; }
fs::path servers_of(LaunchRequest const& request) { return own(request) / "mcp.json"; }

bool is_isolated(LaunchRequest const& request) { return request.profile && !request.profile->host; }

/// The person's own folder and state file, had there been no profile.
struct Host {
  fs::path dir, state;
};
Host host_of(LaunchRequest const& request, Options const& options) {
  auto plain = request;
  plain.profile.reset();
  auto const environment = launch_environment(plain, options);
  auto const dir = config_dir(environment);
  bool const moved = environment.contains("CLAUDE_CONFIG_DIR") && !environment.at("CLAUDE_CONFIG_DIR").empty();
  return {dir, (moved ? dir : dir.parent_path()) / ".claude.json"};
}

json read_object(fs::path const& file) {
  auto const text = read_file(file, kMostSettings);
  auto value = text ? parse_object(*text) : Result<json>(text.error());
  return value ? *value : json::object();
}

/// The person's settings without what a profile decides by itself.
json settings_of(Host const& host, Profile const& profile) {
  auto const all = read_object(host.dir / "settings.json");
  json settings = json::object();
  if (profile.host_settings) {
    settings = all;
    for (auto const* key : {"env", "hooks", "disableAllHooks", "enableAllProjectMcpServers", "enabledMcpjsonServers",
                            "disabledMcpjsonServers", "enabledPlugins", "extraKnownMarketplaces", "statusLine"})
      settings.erase(key);
    if (!profile.host_login)
      for (auto const* key : {"apiKeyHelper", "awsAuthRefresh", "awsCredentialExport"}) settings.erase(key);
  }
  if (profile.host_env && all.contains("env")) settings["env"] = all["env"];
  if (profile.hooks == Reach::host && all.contains("hooks")) settings["hooks"] = all["hooks"];
  return settings;
}

void exclude(json& settings, fs::path const& path) { settings["claudeMdExcludes"].push_back(path.string()); }

void exclude_instructions_in(json& settings, fs::path const& dir) {
  exclude(settings, dir / "CLAUDE.md");
  exclude(settings, dir / "CLAUDE.local.md");
  exclude(settings, dir / ".claude" / "**");
}

/// What the repository has to say: all of it, its instructions alone, or nothing.
void project_repository(LaunchRequest const& request, Projection& out) {
  auto const& profile = *request.profile;
  auto const chain = repository_chain(request.cwd);
  auto& report = out.report;
  bool const whole = profile.host || profile.hooks != Reach::none;
  if (!profile.host) {
    out.arguments.emplace_back("--setting-sources");
    out.arguments.emplace_back(whole ? "user,project,local" : "user");
    // Folders above the repository are the person's.
    for (auto above = chain.front().parent_path(); whole; above = above.parent_path()) {
      exclude_instructions_in(out.settings, above);
      if (above == above.root_path()) break;
    }
  }
  if (!profile.repo_instructions) {
    if (whole) {
      for (auto const& dir : chain) exclude_instructions_in(out.settings, dir);
      exclude(out.settings, request.cwd / "**" / "CLAUDE.md");
    }
    report.applied("instructions.repoInstructions");
  } else if (whole) {
    report.applied("instructions.repoInstructions");
  } else {
    for (auto const& dir : chain) {
      out.arguments.emplace_back("--add-dir");
      out.arguments.push_back(dir.string());
    }
    if (chain.size() > 1)
      report.approximated("instructions.repoInstructions",
                          "CLAUDE.md from the repository's root down; its root becomes a working folder as well");
    else
      report.applied("instructions.repoInstructions");
  }
}

void project_instructions(LaunchRequest const& request, Host const& host, Projection& out) {
  auto const& profile = *request.profile;
  if (profile.host && !profile.global_instructions) {
    exclude(out.settings, host.dir / "CLAUDE.md");
    exclude(out.settings, host.dir / "rules" / "**");
  }
  out.report.applied("instructions.globalInstructions");
  if (!profile.append.empty()) out.report.applied("instructions.append");
  if (!profile.system.empty()) out.report.applied("instructions.system");
}

/// agent-runner's own, besides all others: none of these may take its name, since nobody is asked about its tools.
void add_relay_tools(LaunchRequest const& request, Options const& options, Projection& out) {
  if (!has_relay_tools(request, options.relay_tools)) return;
  if (!out.own_mcp_file) {
    out.arguments.emplace_back("--mcp-config");
    out.arguments.push_back(servers_of(request).string());
  }
  out.own_mcp_file = true;
  out.mcp_servers[kRelayServer] = relay_server(request);
}

void project_servers(LaunchRequest const& request, Host const& host, Projection& out) {
  auto const& profile = *request.profile;
  auto const add = [&](json const& servers) {
    for (auto const& [name, server] : servers.items()) out.mcp_servers[name] = server;
  };
  bool const strict = !profile.host || profile.mcp != Reach::host;
  if (strict) {
    out.arguments.emplace_back("--strict-mcp-config");
    out.settings["enableAllProjectMcpServers"] = true;  // nothing comes of it, and nobody is asked about .mcp.json
    if (profile.mcp == Reach::host) add(read_object(host.state).value("mcpServers", json::object()));
    if (profile.mcp != Reach::none)
      add(read_object(repository_chain(request.cwd).front() / ".mcp.json").value("mcpServers", json::object()));
  }
  add(profile.mcp_servers);
  out.own_mcp_file = strict || !out.mcp_servers.empty();
  if (out.own_mcp_file) {
    out.arguments.emplace_back("--mcp-config");
    out.arguments.push_back(servers_of(request).string());
  }
  out.report.applied("mcp.mode");
  if (!profile.mcp_servers.empty()) out.report.applied("mcp.servers");
}

void project_hooks(Profile const& profile, Projection& out) {
  if (profile.host && profile.hooks != Reach::host)
    out.report.not_possible(
        "hooks.mode", "the person's hooks stand in the settings that base \"host\" takes whole; use an isolated base");
  else if (!profile.host && profile.hooks != Reach::none)
    out.report.approximated("hooks.mode", "with the repository's other settings and its skills, which come together");
  else
    out.report.applied("hooks.mode", profile.host ? "" : "none but agent-runner's own");
}

void project_permissions(Profile const& profile, Projection& out) {
  for (auto const& [name, rules] :
       {std::pair{"allow", &profile.allow}, {"ask", &profile.ask}, {"deny", &profile.deny}}) {
    if (rules->empty()) continue;
    for (auto const& rule : *rules) out.settings["permissions"][name].push_back(rule);
    out.report.applied(std::string("permissions.") + name);
  }
  if (profile.approval_mode.empty()) return;
  if (permission_mode(profile.approval_mode))
    out.report.applied("permissions.mode", "--permission-mode " + *permission_mode(profile.approval_mode));
  else
    out.report.not_possible("permissions.mode", "\"" + profile.approval_mode + "\" is no mode of Claude Code");
}

}  // namespace

std::optional<std::string> permission_mode(std::string const& approval_mode) {
  if (approval_mode.empty()) return std::string();
  for (auto const& mode : kModes)
    if (mode.ours == approval_mode) return std::string(mode.cli);
  if (std::ranges::find(kOwnModes, approval_mode) != kOwnModes.end()) return approval_mode;
  return std::nullopt;
}

Projection project(LaunchRequest const& request, Options const& options) {
  Projection out;
  if (!request.profile) {
    add_relay_tools(request, options, out);
    return out;
  }
  auto const& profile = *request.profile;
  auto const host = host_of(request, options);
  if (!profile.host) {
    out.settings = settings_of(host, profile);
    out.report.applied("base", "a home of its own: " + home_of(request).string());
    if (profile.host_login) out.report.applied("host.login", "the CLI reads and renews it in " + host.dir.string());
    if (profile.host_settings)
      out.report.applied("host.settings", "without hooks, MCP servers, plugins and the status line");
    if (profile.host_env) out.report.applied("host.env");
  } else {
    out.report.applied("base", "the person's own: " + host.dir.string());
  }
  out.report.applied("relay.context");
  project_repository(request, out);
  project_instructions(request, host, out);
  if (!profile.skills.empty()) {
    out.arguments.emplace_back("--plugin-dir");
    out.arguments.push_back(skills_of(request).string());
    out.report.applied("skills", "as /profile:NAME");
  }
  for (auto const& plugin : profile.plugins) {
    out.arguments.emplace_back("--plugin-dir");
    out.arguments.push_back(plugin);
  }
  if (!profile.plugins.empty()) out.report.applied("plugins");
  project_servers(request, host, out);
  add_relay_tools(request, options, out);
  project_hooks(profile, out);
  project_permissions(profile, out);
  return out;
}

void project_environment(LaunchRequest const& request, std::map<std::string, std::string>& environment) {
  if (!is_isolated(request)) return;
  auto const& profile = *request.profile;
  // Set, it is the login's folder; empty, the CLI takes the usual one.
  if (profile.host_login) environment["CLAUDE_SECURESTORAGE_CONFIG_DIR"] = config_dir(environment).string();
  environment["CLAUDE_CONFIG_DIR"] = home_of(request).string();
  if (profile.repo_instructions && profile.hooks == Reach::none)
    environment["CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD"] = "1";
}

fs::path bundle_of(LaunchRequest const& request) {
  bool const told = !request.profile || request.profile->relay_context || request.plugin_dir.empty();
  return told ? request.plugin_dir : own(request) / "hooks-only";
}

Result<void> write_profile(LaunchRequest const& request, Options const& options, Projection const& projection) {
  if (projection.own_mcp_file) {
    auto written = write_file(servers_of(request), to_text({{"mcpServers", projection.mcp_servers}}));
    if (!written) return written;
  }
  if (!request.profile) return {};
  auto const& profile = *request.profile;
  if (auto const bundle = bundle_of(request); bundle != request.plugin_dir) {
    if (auto made = make_private_dir(bundle); !made) return made;
    for (auto const* part : {".claude-plugin", "hooks"})
      if (auto kept = keep_link(true, request.plugin_dir / part, bundle / part); !kept) return kept;
  }
  std::error_code ec;
  if (!profile.skills.empty()) {
    auto const plugin = skills_of(request);
    fs::remove_all(plugin / "skills", ec);
    fs::create_directories(plugin / ".claude-plugin", ec);
    fs::create_directories(plugin / "skills", ec);
    auto written =
        write_file(plugin / ".claude-plugin" / "plugin.json",
                   R"({"name": "profile", "version": "1.0.0", "description": "Skills of this agent's profile."})");
    if (!written) return written;
    for (auto const& skill : profile.skills)
      if (auto linked = keep_link(true, skill, plugin / "skills" / fs::path(skill).filename()); !linked) return linked;
  }
  if (profile.host) return {};
  auto const home = home_of(request);
  if (auto made = make_private_dir(home); !made) return made;
  auto const host = host_of(request, options);
  for (auto const* name : {"CLAUDE.md", "rules"})
    if (auto kept = keep_link(profile.global_instructions, host.dir / name, home / name); !kept) return kept;
  auto const state = home / ".claude.json";
  if (fs::exists(state, ec)) return {};  // the CLI keeps its own things in it
  json first = {{"hasCompletedOnboarding", true}};
  // A key that was handed to this agent in so many words need not be confirmed by a person at its terminal. The CLI
  // remembers the key's last 20 characters.
  if (auto const key = request.environment.find("ANTHROPIC_API_KEY"); key != request.environment.end())
    first["customApiKeyResponses"]["approved"] =
        json::array({key->second.substr(key->second.size() - std::min<std::size_t>(key->second.size(), 20))});
  return write_file_to_disk(state, to_text(first));  // never again: see above
}

}  // namespace ar::adapters::claude
