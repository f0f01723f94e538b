#include "daemon/fleet/child_rights.hpp"

#include "base/words.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

namespace fs = std::filesystem;

namespace ar::daemon {
namespace {

constexpr std::string_view kCommand = "command";
constexpr std::array<std::string_view, 4> kModes{"read-only", "guarded", "auto", "full"};  ///< each freer than the last

/// What has been thought about below. Anything else of a specification is for people, until it has been.
constexpr std::string_view kKnown =
    "agentProfile approvalMode automationId automationRunId capabilities children cwd deadlineMs detached effort env "
    "id "
    "idleTtlMs label model options parent policyName profile prompt provider providerArgs reportEnd requestInput rig "
    "spawnRequestId systemPromptAppend tags workspace";

Error not_granted(std::string field, std::string why) {
  return {ErrorKind::forbidden, "not_granted", std::move(why), std::move(field)};
}

/// Whether the request says anything about it.
bool asks(json const& asked, char const* field) {
  auto const it = asked.find(field);
  return it != asked.end() && !it->is_null() && it->dump() != "\"\"" && !(it->is_structured() && it->empty());
}

/// Modes of a provider's own have no place in the order: only the same one is not freer.
bool is_freer(std::string const& mode, std::string const& than) {
  auto const at = std::ranges::find(kModes, mode), most = std::ranges::find(kModes, than);
  return mode != than && (at == kModes.end() || most == kModes.end() || at > most);
}

/// A name that is the parent's to give: nobody else's messages come to it.
bool is_below(std::string const& word, AgentSpec const& parent) { return word.starts_with(parent.id + "-"); }

bool is_same_folder(std::string const& one, std::string const& other) {
  std::error_code ec;
  return one == other || fs::equivalent(one, other, ec);
}

class Limits {
 public:
  Limits(AgentSpec& child, json const& asked, AgentSpec const& parent)
      : child_(child), asked_(asked), parent_(parent), who_("agent " + parent.id) {}

  Result<void> check() {
    for (auto const part :
         {&Limits::right, &Limits::fields, &Limits::provider, &Limits::mode, &Limits::places, &Limits::program,
          &Limits::profile, &Limits::addresses, &Limits::passed_through, &Limits::grandchildren})
      if (auto good = (this->*part)(); !good) return good;
    child_.request_input = child_.request_input && parent_.request_input;
    child_.resources = parent_.resources;
    return {};
  }

 private:
  Result<void> right() {
    if (parent_.children.spawn) return {};
    return not_granted("", who_ + " may not spawn children; the operator allows it when spawning it, by `children: " +
                               "{\"spawn\": true}` (agent-runner spawn --children) or in its profile");
  }

  Result<void> fields() {
    for (auto const& [field, value] : asked_.items())
      if (!has_word(kKnown, field)) return not_granted(field, "only people may give an agent " + field);
    return {};
  }

  /// The modes of two providers cannot be compared, and a program that is a command asks nobody.
  Result<void> provider() {
    if (child_.provider == parent_.provider) return {};
    if (parent_.provider == kCommand) return {};
    return not_granted("provider", who_ + " is of the provider " + parent_.provider + ", and its child would be of " +
                                       child_.provider + ", which its own limits mean nothing to; only the provider " +
                                       parent_.provider + " is open to it");
  }

  Result<void> mode() {
    if (child_.approval_mode.empty()) child_.approval_mode = parent_.approval_mode;
    if (!is_freer(child_.approval_mode, parent_.approval_mode)) return {};
    return not_granted("approvalMode", who_ + " works in the approval mode " + parent_.approval_mode +
                                           ", and its child would in " + child_.approval_mode.substr(0, 40) +
                                           ", which is freer, or not to be compared with it");
  }

  /// The same folder, not one below it: that could be replaced by a link before the child starts there. And no
  /// worktree, for which git, with the repository's own hooks, would run outside of the agent's sandbox.
  Result<void> places() {
    if (!is_same_folder(child_.cwd, parent_.cwd))
      return not_granted("cwd", "children of " + who_ + " work where it works, in " + parent_.cwd +
                                    "; leave cwd out, and name the folder below it in the prompt");
    child_.cwd = parent_.cwd;
    auto& workspace = child_.workspace;
    if (!workspace.branch.empty() || (!workspace.requested_mode.empty() && workspace.requested_mode != "shared"))
      return not_granted("workspace", "children of " + who_ + " work in its own folder; only people give worktrees");
    workspace.requested_mode = "shared";
    if (child_.detached)
      return not_granted("detached", "children of " + who_ + " end with it; only people spawn detached ones");
    return {};
  }

  Result<void> program() {
    bool const same = child_.provider == parent_.provider;
    if (asks(asked_, "providerArgs") && !(same && child_.provider_args == parent_.provider_args))
      return inherited("providerArgs", "the arguments");
    if (asks(asked_, "options") && !(same && child_.options == parent_.options))
      return inherited("options", "the options");
    if (asks(asked_, "env")) return inherited("env", "the environment");
    child_.provider_args = same ? parent_.provider_args : std::vector<std::string>();
    child_.options = same ? parent_.options : json::object();
    child_.environment = parent_.environment;
    for (auto const& [field, word] : {std::pair{"model", &child_.model}, std::pair{"effort", &child_.effort}})
      if (word->starts_with("-")) return not_granted(field, std::string(field) + " must not begin as an option does");
    return {};
  }

  Result<void> profile() {
    if (asks(asked_, "agentProfile") || (asks(asked_, "profile") && child_.profile != parent_.profile))
      return inherited(asks(asked_, "agentProfile") ? "agentProfile" : "profile", "the profile");
    child_.profile = parent_.profile;
    child_.profile_table = nullptr;
    child_.agent_profile = parent_.agent_profile;
    auto const* const own = child_.agent_profile.get();
    if (own && own->provider != "any" && own->provider != child_.provider)
      return not_granted("provider", "the profile " + own->name + " of " + who_ + " is for " + own->provider +
                                         ", not for " + child_.provider);
    return {};
  }

  /// Who has an address gets what is sent to it, also what was sent before.
  Result<void> addresses() {
    auto const say = [&](char const* field, std::string const& word) {
      return not_granted(field, "\"" + word.substr(0, 80) + "\" is not for " + who_ + " to give to a child: its name " +
                                    "begins with \"" + parent_.id +
                                    "-\", labels, tags and capabilities are its parent's");
    };
    if (!child_.id.empty() && !is_below(child_.id, parent_)) return say("id", child_.id);
    auto const& label = child_.label;
    if (!label.empty() && label != parent_.label) return say("label", label);
    for (auto const& [field, words, own] : {std::tuple{"tags", &child_.tags, &parent_.tags},
                                            std::tuple{"capabilities", &child_.capabilities, &parent_.capabilities}})
      for (auto const& word : *words)
        if (std::ranges::find(*own, word) == own->end()) return say(field, word);
    return {};
  }

  /// Programs on the bus decide by these.
  Result<void> passed_through() {
    for (auto const& [field, text, own] :
         {std::tuple{"rig", &child_.rig, &parent_.rig},
          std::tuple{"policyName", &child_.policy_name, &parent_.policy_name},
          std::tuple{"automationId", &child_.automation_id, &parent_.automation_id},
          std::tuple{"automationRunId", &child_.automation_run_id, &parent_.automation_run_id}}) {
      if (!text->empty() && *text != *own) return inherited(field, field);
      *text = *own;
    }
    return {};
  }

  Result<void> grandchildren() {
    auto& grant = child_.children;
    if (!grant.spawn) {
      grant = {};
      return {};
    }
    auto const depth = parent_.children.max_depth - 1, most = parent_.children.max_children;
    if (depth < 1 || grant.max_depth > depth)
      return not_granted("children.maxDepth", "below the children of " + who_ + " there may be " +
                                                  std::to_string(std::max<std::int64_t>(depth, 0)) +
                                                  " more generations");
    if (grant.max_children > most)
      return not_granted("children.maxChildren", who_ + " may have " + std::to_string(most) + " descendants itself");
    if (grant.max_depth == 0) grant.max_depth = depth;
    if (grant.max_children == 0) grant.max_children = most;
    return {};
  }

  Error inherited(char const* field, std::string const& what) const {
    return not_granted(field, "a child of " + who_ + " has " + what + " of its parent; leave " + field + " out");
  }

  AgentSpec& child_;
  json const& asked_;
  AgentSpec const& parent_;
  std::string const who_;
};

}  // namespace

Result<void> limit_to_parent(AgentSpec& child, json const& asked, AgentSpec const& parent) {
  return Limits(child, asked, parent).check();
}

}  // namespace ar::daemon
