// Skills that agents are spawned with (docs/skills.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>

namespace ar::control {

/// What somebody uploads: a zip, or one text.
struct NewSkill {
  std::string name{};  ///< empty: as it says itself
  std::string zip{};
  std::string markdown{}, description{};  ///< where there is no zip
};

struct SkillAdded {
  json skill;
  bool created = false;  ///< false: the same content was there
};

struct SkillFilter {
  std::optional<std::string> name{}, hash{};
  std::string after{};  ///< this name
  int limit = 100;
};

/// io thread only.
class SkillsApi {
 public:
  virtual ~SkillsApi() = default;
  /// Errors: what is wrong with it; too_large, quota.
  virtual awaitable<Result<SkillAdded>> add_skill(NewSkill skill) = 0;
  virtual awaitable<Result<json>> skills(SkillFilter filter) = 0;  ///< {skills: [...], nextCursor?}
  // Errors: no_such_skill.
  virtual awaitable<Result<json>> skill(std::string id) = 0;
  virtual awaitable<Result<json>> remove_skill(std::string id) = 0;  ///< {removed, pinnedBy}
};

}  // namespace ar::control
