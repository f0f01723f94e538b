#include "daemon/launch_environment.hpp"

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

/// Marks of an enclosing session: never handed on, whatever the configuration says.
bool is_session_mark(std::string const& name) {
  return name == "CLAUDECODE" || name.starts_with("CLAUDE_CODE_") || name.starts_with("CODEX_") || name == "TMUX" ||
         name == "TMUX_PANE" || name == "AI_AGENT";
}

}  // namespace

std::map<std::string, std::string> passed_environment(std::map<std::string, std::string> const& own,
                                                      std::vector<std::string> const& pass) {
  std::map<std::string, std::string> env;
  for (auto const& [name, value] : own)
    if (is_passed(name, pass) && !is_session_mark(name)) env[name] = value;
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
  for (char** entry = ::environ; entry && *entry; ++entry) {
    std::string_view const text(*entry);
    if (auto const equals = text.find('='); equals != std::string_view::npos)
      own.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return own;
}

}  // namespace ar::daemon
