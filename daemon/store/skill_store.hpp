// The skills that are kept (docs/skills.md): their rows in the journal, their files in a folder for each below STATE/
// skills. A row is there only while its files are: they are on the disk before it, and are removed after it.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/worker.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/tables/skill_table.hpp"
#include "model/skill.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

struct SkillLimits {
  std::int64_t count = 10'000, bytes = std::int64_t{1} << 30;  ///< of all that are kept
};

/// What an agent was spawned with.
struct PinnedSkill {
  std::string id{}, name{}, hash{};
};

/// io thread only.
class SkillStore {
 public:
  SkillStore(Executor executor, Journal& journal, WorkerPool& files, std::filesystem::path folder,
             SkillLimits limits = {})
      : journal_(journal),
        files_(files),
        folder_(std::move(folder)),
        limits_(limits),
        collecting_(std::move(executor)) {}

  /// Before any other call: removes what a daemon before this one has left half done.
  awaitable<Result<void>> load();

  struct Added {
    SkillTable::Row skill{};
    bool created = false;  ///< false: the same content was there, under the same name
  };
  /// Errors: quota; what the disk says.
  awaitable<Result<Added>> add(Skill skill);
  /// Nobody finds it any more. Its content stays while an agent has it: those agents. Errors: no_such_skill.
  awaitable<Result<std::vector<std::string>>> remove(std::string id);

  /// Finds skills by id, name or folder, and keeps them for an agent that is to be spawned with them, in the order in
  /// which they were named. What a folder holds now is kept, too. Errors name `skills`.
  awaitable<Result<std::vector<PinnedSkill>>> pin(std::string agent, std::vector<std::string> names);
  /// Of a skill that was kept elsewhere its content; nothing: it cannot be had.
  using Fetch = std::function<awaitable<Result<std::optional<Skill>>>(PinnedSkill)>;
  struct PinnedAgain {
    std::vector<PinnedSkill> skills{};  ///< as they are known here
    int added = 0;                      ///< of them, that were not kept here
  };
  /// The same for an agent that was spawned elsewhere: of what it had there, what is kept here with the same content,
  /// or is fetched and has room.
  awaitable<Result<PinnedAgain>> pin_again(std::string agent, std::vector<PinnedSkill> skills, Fetch fetch);
  /// One that was kept elsewhere, as older than all that are kept here. `created`: it is found now, and was not before.
  awaitable<Result<Added>> bring(Skill skill, WallTime created_at);
  /// The agent has none any more: it is gone, or never came to be.
  awaitable<void> unpin(std::string agent);
  /// Removes what nobody can find and no agent has.
  awaitable<void> collect();

  /// A folder of the skill's name, with its files.
  std::filesystem::path folder_of(PinnedSkill const& skill) const { return folder_ / skill.id / skill.name; }

 private:
  struct Staged {
    SkillTable::Row row{};
    bool is_new = false;  ///< its files are on the disk, in a folder that no row names yet; false: it was there
  };
  awaitable<Result<Staged>> stage(Skill skill, bool any);
  awaitable<Result<Staged>> fetch(PinnedSkill const& skill, Fetch const& how);
  awaitable<void> remove_folders(std::vector<std::string> ids);
  awaitable<Result<std::vector<Staged>>> stage_folders(std::vector<std::string> const& names);

  Journal& journal_;
  Worker files_;
  std::filesystem::path const folder_;
  SkillLimits const limits_;
  AsyncMutex collecting_;  ///< what is found while it is held stays
};

}  // namespace ar::daemon
