// The environment an agent's provider gets (docs/architecture.md): an explicit list of the daemon's own variables, and
// the AGENT_RELAY_* ones. Nothing else leaks in, least of all the marks of an enclosing provider session or tmux.
#pragma once
#include "daemon/config/config.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace ar::daemon {

struct LaunchFacts {
  std::string agent_id, runner_id, provider_session, relay_url, approval_mode;
  std::string workspace_mode{};
  std::string token{}, token_jti{}, token_profile{}, token_expires_at{};
  int tcp_port = 0;
  std::filesystem::path control_socket{};  ///< the agents' one; the operator's is not named to them
  std::filesystem::path info_file{}, bin_dir{};
};

/// What of the daemon's environment `own` a program gets that a repository or an agent has a say in: what it needs to
/// be at home, and the names in `pass`.
std::map<std::string, std::string> passed_environment(std::map<std::string, std::string> const& own,
                                                      std::vector<std::string> const& pass = {});
/// An agent's whole environment: what is passed on of the daemon's environment `own`, `extra` what the spawn request
/// asked for (it wins).
std::map<std::string, std::string> launch_environment(std::map<std::string, std::string> const& own,
                                                      std::vector<std::string> const& pass, LaunchFacts const& facts,
                                                      std::map<std::string, std::string> const& extra);
/// Why agents never get the variable of that name from the daemon, for people; empty: they can.
std::string why_never_passed(std::string const& name);
/// The names of what is set in a shell, but does not reach the agents from there, the daemon's own environment being
/// what it is. Of those that are `wanted`: names, or what they begin with and then `*`.
std::vector<std::string> not_handed_on(std::map<std::string, std::string> const& shell,
                                       std::map<std::string, std::string> const& daemons,
                                       std::vector<std::string> const& pass, std::vector<std::string> const& wanted);
/// This process's environment as a map.
std::map<std::string, std::string> own_environment();
/// What a process of this user was started with; nothing: it cannot be read.
std::optional<std::map<std::string, std::string>> environment_of(pid_t process);

}  // namespace ar::daemon
