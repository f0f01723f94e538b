// The rows of what all agents share: skills with their files, and tool hooks.
//
//   skills: {name, hash, live, createdAt, files: [{path, data}]}, the newest first
//   hooks:  a tool hook as programs see it; callbackUrl is null where it may hold a secret
#pragma once
#include "base/clock.hpp"
#include "base/json.hpp"
#include "model/skill.hpp"
#include "model/tool_hook.hpp"

#include <string>

namespace ar::daemon {

/// Whose such a row is in the spool: a content's, by which it is found.
std::string owner_of_skill(std::string const& name, std::string const& hash);

struct SkillRow {
  Skill skill;
  bool live = false;  ///< else it was kept for agents only
  WallTime created_at{};
};
/// Of rows that were found good.
SkillRow skill_in(json const& row);
ToolHook hook_in(json const& row);  ///< without a URL: it was withheld

}  // namespace ar::daemon
