// A rule that decides what providers ask people for (docs/approval-rules.md), as a value, and what a rule looks at of a
// request. Rules of the configuration and those that were added later have the same form.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar {

inline constexpr std::string_view kRuleDecisions = "allow deny";
inline constexpr std::string_view kRuleMatches = "exact prefix glob";

/// What a tool's main field holds.
enum class InputKind { none, command, path, url, text };

struct ApprovalRule {
  enum class Match { exact, prefix, glob };
  std::string id{};  ///< a number; of the configuration's "config:N"
  bool allow = false;
  std::string tool{};   ///< a name, or how names begin and then *; empty: any
  std::string input{};  ///< a pattern for the tool's main field; empty: whatever it is
  Match match = Match::exact;
  std::string cwd{};    ///< only in this folder and below it; absolute
  std::string agent{};  ///< only this one's
  std::string tag{};    ///< only of agents with this tag
  std::optional<WallTime> until{};
  WallTime created_at{};      ///< of the configuration's: 1970
  std::int64_t approval = 0;  ///< whose request it was made of; 0: none

  bool of_config() const { return id.starts_with("config:"); }
  bool is_over(WallTime now) const { return until && *until <= now; }
};

/// The kind of what is in the main field of a tool that is known here; none: it is not known.
InputKind input_kind_of(std::string_view tool);

/// Reads {decision, tool?, input?, match?, cwd?, agent?, tag?, until?}; without id and times. Errors: invalid, naming
/// the field, also for a rule that could never decide anything, or would allow every command.
Result<ApprovalRule> read_approval_rule(json const& body);
/// As programs see it, and as the journal has it.
json to_json(ApprovalRule const& rule);
/// "allow Bash git status (exact)", for people.
std::string to_string(ApprovalRule const& rule);

/// The part of a provider's request that rules look at.
struct ApprovalSubject {
  std::string tool{};
  InputKind kind = InputKind::none;
  std::vector<std::string> inputs{};  ///< what the main field holds: of a change of several files several paths
  std::string cwd{};                  ///< where it would be done
  std::string asks_more{};            ///< what it asks for besides, for people: no rule allows it; empty: nothing
};

/// Whose request it is.
struct Asker {
  std::string agent{}, cwd{};
  std::vector<std::string> tags{};
  bool named_by_agent = false;  ///< an agent has spawned it, and chosen its name
  bool read_only = false;       ///< its mode allows nothing that changes anything
};

}  // namespace ar
