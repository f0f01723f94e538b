#include "adapters/claude/account.hpp"

#include "adapters/claude/live_state.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"

namespace ar::adapters::claude {
namespace {

constexpr char kProvider[] = "claude";
constexpr std::size_t kLargestState = 32 << 20;  ///< of .claude.json, which has each project's history

std::string value_of(std::map<std::string, std::string> const& environment, char const* name) {
  auto const it = environment.find(name);
  return it == environment.end() ? std::string() : it->second;
}

/// What Claude Code remembers of itself lies beside its folder, unless that was moved.
std::filesystem::path state_file(std::map<std::string, std::string> const& environment) {
  auto const dir = config_dir(environment);
  return (value_of(environment, "CLAUDE_CONFIG_DIR").empty() ? dir.parent_path() : dir) / ".claude.json";
}

}  // namespace

Account account(std::map<std::string, std::string> const& environment, std::string const& salt) {
  auto const dir = config_dir(environment);
  Account found;
  // In the order in which Claude Code goes by them.
  for (auto const* name : {"ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"}) {
    auto const secret = value_of(environment, name);
    if (secret.empty()) continue;
    found.name = account_name(kProvider, salt, {name, secret, value_of(environment, "ANTHROPIC_BASE_URL")});
    found.login_command = std::string("set a valid ") + name + " for the agents";
    break;
  }
  found.login_file = dir / ".credentials.json";
  if (!found.name.empty()) return found;
  found.login_command =
      (value_of(environment, "CLAUDE_CONFIG_DIR").empty() ? "" : "CLAUDE_CONFIG_DIR=" + dir.string() + " ") +
      "claude /login";
  auto const text = read_file(state_file(environment), kLargestState);
  auto const parsed = text ? parse_json(*text) : ok(nullptr);
  json const state = parsed ? *parsed : json();
  auto const& login = object_at(state, "oauthAccount");
  auto const id = text_at(login, "accountUuid");
  found.name = id.empty() ? account_name(kProvider, salt, {"home", dir.string()})
                          : account_name(kProvider, "", {id, text_at(login, "organizationUuid")});
  return found;
}

}  // namespace ar::adapters::claude
