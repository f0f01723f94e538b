// An agent profile (README.md): what an agent may see of the person's own set-up and of the repository's, and what it
// gets besides; and the report of how a provider could be made to comply. Resolved: no base to look up, texts read.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/children_grant.hpp"
#include "model/resource_limits.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters {

/// How far MCP servers and hooks may come from: the profile alone, the repository as well, the host's as well.
enum class Reach { none, project, host };

struct Profile {
  std::string name{};
  bool host = false;             ///< the person's own configuration; else a provider home of the agent's own
  std::string provider = "any";  ///< any, claude, codex or command
  bool strict = false;           ///< what the provider cannot do is an error and not only reported
  // Of the host's, for an isolated home.
  bool host_login = false, host_settings = false, host_env = false;

  bool relay_context = true;  ///< false: told nothing of the bus, and reached by its own name and label only
  bool repo_instructions = true;
  bool global_instructions = false;   ///< with the host's configuration: true unless said
  std::vector<std::string> append{};  ///< added to the provider's system prompt
  std::string system{};               ///< instead of it; empty: the provider's own
  std::vector<std::string> skills{};  ///< folders with a SKILL.md, absolute like those of `plugins`; until an agent is
                                      ///< spawned also ids and names
  std::vector<std::string> plugins{};
  Reach mcp = Reach::none, hooks = Reach::none;  ///< with the host's configuration: host unless said
  json mcp_servers = json::object();  ///< by name: {command, args?, env?} or {url, headers?}; may hold secrets
  std::string approval_mode{};        ///< where the spawn request names none
  ChildrenGrant children{};           ///< where the spawn request says nothing of it
  ResourceLimits resources{};         ///< the same
  std::vector<std::string> allow{}, ask{}, deny{};  ///< permission rules: "Bash(git status:*)", "Read(./docs/**)"
};

/// The reader of a resolved profile and its opposite; `prefix` is for errors: "profiles.reviewer.".
Result<Profile> profile_from(json const& value, std::string const& name, std::string const& prefix);
json to_json(Profile const& profile);
/// As people are shown it: no instructions' text, no servers' environment.
json summary_of(Profile const& profile);

/// What became of a profile with one provider, field by field.
class ProjectionReport {
 public:
  void applied(std::string field, std::string how = {}) { add(std::move(field), "applied", std::move(how)); }
  void approximated(std::string field, std::string how) { add(std::move(field), "approximated", std::move(how)); }
  void not_possible(std::string field, std::string why) { add(std::move(field), "not possible", std::move(why)); }

  /// [{field, outcome: applied | approximated | not possible, how?}]
  json const& fields() const { return fields_; }
  /// The first field that is not possible, for people; empty: none.
  std::string first_impossible() const;
  /// {applied: 7, approximated: ["hooks.mode"], notPossible: [...]}: for the status on the bus.
  json summary() const;

 private:
  void add(std::string field, char const* outcome, std::string how);
  json fields_ = json::array();
};

/// A rule of the form Bash(WORDS:*) or Bash(WORDS) as its words; empty for any other rule.
std::vector<std::string> command_rule(std::string_view rule);

/// The folders from the root of the repository (that of the nearest .git) down to `dir`; only `dir` outside of one.
std::vector<std::filesystem::path> repository_chain(std::filesystem::path const& dir);

/// Makes `link` lead to `target`, whatever stood there before. Not `wanted`, or no such target: a link that stands
/// there is removed, and a file of the agent's own stays.
Result<void> keep_link(bool wanted, std::filesystem::path const& target, std::filesystem::path const& link);

}  // namespace ar::adapters
