// A skill (docs/skills.md): a folder with a SKILL.md, as one bundle of files, whose content has a hash of its own.
#pragma once
#include "base/error.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ar {

inline constexpr std::string_view kSkillFile = "SKILL.md";
/// Begins the id of a skill that is kept, and the name of none.
inline constexpr std::string_view kSkillIdPrefix = "skl_";
inline constexpr std::size_t kMostSkillFiles = 1000, kMostSkillBytes = 32U << 20;  ///< of one skill, unpacked

struct SkillFile {
  std::string path{};  ///< below the skill's folder, with '/'
  std::string content{};
};

struct Skill {
  std::string name{};
  std::vector<SkillFile> files{};  ///< in the order of their paths' bytes
};

/// Empty: it can be a skill's name, which is a folder's too.
std::string skill_name_problem(std::string_view name);

/// A whole skill of these files. What lies in one common folder, as zips often have it, is taken out of that. Its name
/// is `name`, else what its SKILL.md says, else the common folder's. Errors name `body`, or `name`; too_large.
Result<Skill> make_skill(std::vector<SkillFile> files, std::string name);
/// A skill of one text. Where it has no front matter, it gets one of `name` and `description`, by which providers know
/// what it is for. Errors name the field.
Result<Skill> skill_of_text(std::string text, std::string name, std::string description);
/// Its name is the folder's. Blocks. Errors: as make_skill, and not_found or invalid for what cannot be read; links are
/// refused.
Result<Skill> read_skill(std::filesystem::path const& folder);

/// "sha256:" and the hash of all paths and contents: of no times, modes or order in a zip. (docs/skills.md says of what
/// bytes.) May take a moment.
std::string content_hash(Skill const& skill);
std::size_t bytes_of(Skill const& skill);

}  // namespace ar
