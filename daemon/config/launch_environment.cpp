#include "daemon/config/launch_environment.hpp"

#include "base/paths.hpp"
#include "base/words.hpp"
#include "model/provider.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unistd.h>

namespace ar::daemon {
namespace {

/// What a program needs to be at home: user, place, language, certificates, agents for keys and the desktop.
constexpr std::array<std::string_view, 24> kPassed = {"PATH",
                                                      "HOME",
                                                      "USER",
                                                      "LOGNAME",
                                                      "SHELL",
                                                      "LANG",
                                                      "LANGUAGE",
                                                      "TZ",
                                                      "TMPDIR",
                                                      "SSH_AUTH_SOCK",
                                                      "XDG_CONFIG_HOME",
                                                      "XDG_DATA_HOME",
                                                      "XDG_CACHE_HOME",
                                                      "XDG_STATE_HOME",
                                                      "XDG_RUNTIME_DIR",
                                                      "HTTP_PROXY",
                                                      "HTTPS_PROXY",
                                                      "NO_PROXY",
                                                      "http_proxy",
                                                      "https_proxy",
                                                      "no_proxy",
                                                      "SSL_CERT_FILE",
                                                      "SSL_CERT_DIR",
                                                      "NODE_EXTRA_CA_CERTS"};

bool is_passed(std::string const& name, std::vector<std::string> const& pass) {
  return std::ranges::find(kPassed, name) != kPassed.end() || name.starts_with("LC_") ||
         std::ranges::find(pass, name) != pass.end();
}

/// `*` ends a prefix.
bool fits(std::string_view name, std::string_view pattern) {
  return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1)) : name == pattern;
}

/// Marks of an enclosing session: never handed on, whatever the configuration says.
bool is_session_mark(std::string const& name) {
  if (has_word("TMUX TMUX_PANE AI_AGENT", name)) return true;
  return std::ranges::any_of(kProviders, [&](auto const& provider) {
    return std::ranges::any_of(words_of(provider.session_marks), [&](auto mark) { return fits(name, mark); });
  });
}

/// Every agent gets its own, or none.
bool is_agents_own(std::string const& name) {
  return name.starts_with("AGENT_RELAY_") || name == "AGENT_RUNNER_SOCKET" || name == "AGENT_RUNNER_CLI";
}

void add_variable(std::map<std::string, std::string>& all, std::string_view text) {
  if (auto const equals = text.find('='); equals != std::string_view::npos)
    all.emplace(text.substr(0, equals), text.substr(equals + 1));
}

}  // namespace

std::string why_never_passed(std::string const& name) {
  if (name.empty() || name.find('=') != std::string::npos) return "is no name of a variable";
  if (is_agents_own(name)) return "is set for each agent by agent-runner itself";
  if (is_session_mark(name))
    return "is never handed on, since it may mark a session around the daemon; give it with spawn --env, or as env in "
           "[providers.NAME]";
  return {};
}

std::vector<std::string> not_handed_on(std::map<std::string, std::string> const& shell,
                                       std::map<std::string, std::string> const& daemons,
                                       std::vector<std::string> const& pass, std::vector<std::string> const& wanted) {
  std::vector<std::string> names;
  for (auto const& [name, value] : shell) {
    if (std::ranges::none_of(wanted, [&, &n = name](auto const& pattern) { return fits(n, pattern); })) continue;
    auto const there = daemons.find(name);
    bool const given = is_passed(name, pass) && why_never_passed(name).empty();
    if (!given || there == daemons.end() || there->second != value) names.push_back(name);
  }
  return names;
}

std::map<std::string, std::string> passed_environment(std::map<std::string, std::string> const& own,
                                                      std::vector<std::string> const& pass) {
  std::map<std::string, std::string> env;
  for (auto const& [name, value] : own)
    if (is_passed(name, pass) && why_never_passed(name).empty()) env[name] = value;
  return env;
}

std::map<std::string, std::string> launch_environment(std::map<std::string, std::string> const& own,
                                                      std::vector<std::string> const& pass, LaunchFacts const& facts,
                                                      std::map<std::string, std::string> const& extra) {
  auto env = passed_environment(own, pass);
  for (auto const& [name, value] : extra) env[name] = value;
  // The agent's own tools first: its skills call `agent-runner`, its hooks `agent-runner-hook`.
  auto& path = env["PATH"];
  path = facts.bin_dir.string() + ":" + (path.empty() ? "/usr/local/bin:/usr/bin:/bin" : path);

  env["AGENT_RELAY_RUNNER_PORT"] = std::to_string(facts.tcp_port);
  env["AGENT_RELAY_RUNNER_ID"] = facts.runner_id;
  env["AGENT_RELAY_PROVIDER_SESSION_ID"] = facts.provider_session;
  env["AGENT_RELAY_ID"] = facts.agent_id;
  env["AGENT_RELAY_URL"] = facts.relay_url;
  env["AGENT_RELAY_APPROVAL"] = facts.approval_mode;
  if (!facts.workspace_mode.empty()) env["AGENT_RELAY_WORKSPACE_MODE"] = facts.workspace_mode;
  env["AGENT_RELAY_RUNNER_INFO_FILE"] = facts.info_file.string();
  env["AGENT_RUNNER_SOCKET"] = facts.control_socket.string();
  env["AGENT_RUNNER_CLI"] = (facts.bin_dir / "agent-runner").string();
  if (!facts.token.empty()) {
    env["AGENT_RELAY_TOKEN"] = facts.token;
    env["AGENT_RELAY_TOKEN_JTI"] = facts.token_jti;
    env["AGENT_RELAY_TOKEN_PROFILE"] = facts.token_profile;
    if (!facts.token_expires_at.empty()) env["AGENT_RELAY_TOKEN_EXPIRES_AT"] = facts.token_expires_at;
  }
  return env;
}

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> own;
  for (char** entry = ::environ; entry && *entry; ++entry) add_variable(own, *entry);
  return own;
}

std::optional<std::map<std::string, std::string>> environment_of(pid_t process) {
  auto const text = read_file("/proc/" + std::to_string(process) + "/environ", 4U << 20);
  if (!text) return std::nullopt;
  std::map<std::string, std::string> all;
  for (std::size_t at = 0; at < text->size();) {
    auto const end = std::min(text->find('\0', at), text->size());
    add_variable(all, std::string_view(*text).substr(at, end - at));
    at = end + 1;
  }
  return all;
}

}  // namespace ar::daemon
