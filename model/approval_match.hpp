// What rules decide about a request (docs/approval-rules.md): pure, and bounded by the sizes of both.
#pragma once
#include "model/approval_rule.hpp"

#include <string>
#include <vector>

namespace ar {

struct RuleVerdict {
  enum class Decision { ask, allow, deny };
  /// A command of a line, a path, an address, and the rule that is most specific about it.
  struct Part {
    std::string text;
    std::string rule{};  ///< empty: no rule allows it
    std::string why{};   ///< then: why not, where more is to be said than that
  };
  Decision decision = Decision::ask;
  std::vector<std::string> rules{};  ///< the ids of those that decided
  std::vector<Part> parts{};
  std::string why{};  ///< for people, in every case
};
std::string_view to_string(RuleVerdict::Decision decision);  ///< "ask"

/// A rule that denies some part of it decides, whatever others allow; else rules that allow all of its parts. `rules`
/// are those in force.
RuleVerdict verdict_of(std::vector<ApprovalRule> const& rules, Asker const& asker, ApprovalSubject const& subject);

/// The rule that allows this very request again, there where it was asked for; without id, times, agent and tag.
/// Errors: cannot_be_a_rule (conflict) for what no rule can allow.
Result<ApprovalRule> rule_for(ApprovalSubject const& subject);

/// An absolute path without . and .., by its text alone; `from` is where it begins when it is relative.
std::string plain_path(std::string const& path, std::string const& from);

}  // namespace ar
