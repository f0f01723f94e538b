#include "daemon/store/skill_store.hpp"

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <set>
#include <unistd.h>
#include <utility>

namespace fs = std::filesystem;

namespace ar::daemon {
namespace {

constexpr unsigned kMode = 0400, kModeOfScript = 0500;  ///< agents read them

/// All that was written to the file system of `folder` is on the disk.
Result<void> to_disk(fs::path const& folder) {
  int const fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return from_errno("cannot open " + folder.string(), errno);
  int const failed = ::syncfs(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failed != 0) return from_errno("cannot write " + folder.string() + " to the disk", failed);
  return {};
}

/// Modes are no part of a skill: what begins as a script can be run.
Result<void> write_files(Skill const& skill, fs::path const& folder) {
  for (auto const& file : skill.files) {
    auto const path = folder / file.path;
    std::error_code ec;
    fs::create_directories(path.parent_path(), ec);
    if (ec) return from_errno("cannot make " + path.parent_path().string(), ec.value());
    auto const mode = file.content.starts_with("#!") ? kModeOfScript : kMode;
    if (auto written = write_file(path, file.content, mode); !written) return written;
  }
  return {};
}

SkillTable::Row row_of(Skill const& skill) {
  json files = json::array();
  for (auto const& file : skill.files) files.push_back({{"path", file.path}, {"bytes", file.content.size()}});
  SkillTable::Row row;
  row.id = std::string(kSkillIdPrefix) + random_hex(12);
  row.name = skill.name;
  row.hash = content_hash(skill);
  row.bytes = static_cast<std::int64_t>(bytes_of(skill));
  row.files = to_text(files);
  return row;
}

bool is_folder(std::string const& name) { return name.find('/') != std::string::npos; }
bool is_id(std::string const& name) { return name.starts_with(kSkillIdPrefix); }

Error no_such_skill(std::string const& name) {
  return invalid("skills", "there is no skill \"" + name.substr(0, 80) + "\"; `agent-runner skill list` lists them");
}

Result<void> check_room(SkillTable const& table, SkillTable::Row const& row, SkillLimits const& limits) {
  auto const size = table.size();
  if (size.count < limits.count && size.bytes + row.bytes <= limits.bytes) return {};
  return Error{ErrorKind::too_large, "quota",
               "the skills that are kept may be " + std::to_string(limits.count) + " with " +
                   std::to_string(limits.bytes >> 20) + " MiB together; remove what is no longer needed",
               "body"};
}

}  // namespace

awaitable<Result<void>> SkillStore::load() {
  auto tidy = [](Database& db) -> Result<std::set<std::string>> {
    Transaction transaction(db);
    SkillTable table(db);
    table.unpin_strangers();
    (void)table.collect();
    transaction.commit();
    return table.ids();
  };
  auto known = co_await journal_.run(std::move(tidy));
  if (!known) co_return known.error();
  auto job = [folder = folder_, known = std::move(*known)]() -> Result<void> {
    if (auto made = make_private_dir(folder); !made) return made;
    std::error_code ec;
    std::vector<fs::path> strange;
    for (auto const& entry : fs::directory_iterator(folder, ec))
      if (!known.contains(entry.path().filename().string())) strange.push_back(entry.path());
    for (auto const& path : strange) fs::remove_all(path, ec);
    return {};
  };
  co_return co_await files_.run(std::move(job));
}

/// `any`: one that is not live is as good.
awaitable<Result<SkillStore::Staged>> SkillStore::stage(Skill skill, bool any) {
  auto const whole = std::make_shared<Skill const>(std::move(skill));
  auto describe = [whole] { return row_of(*whole); };
  auto row = co_await files_.run(std::move(describe));
  auto look = [row, any](Database& db) -> Result<std::optional<SkillTable::Row>> {
    return SkillTable(db).with_content(row.name, row.hash, any);
  };
  auto same = co_await journal_.read(std::move(look));
  if (!same) co_return same.error();
  if (*same) {
    Staged const there{std::move(**same), false};
    co_return there;
  }
  auto write = [folder = folder_, whole, row]() -> Result<Staged> {
    auto const own = folder / row.id;
    auto written = make_private_dir(own);
    if (written) written = write_files(*whole, own / whole->name);
    if (written) written = to_disk(folder);
    if (written) return Staged{row, true};
    std::error_code ec;
    fs::remove_all(own, ec);
    return written.error();
  };
  co_return co_await files_.run(std::move(write));
}

awaitable<void> SkillStore::remove_folders(std::vector<std::string> ids) {
  if (ids.empty()) co_return;
  auto job = [folder = folder_, ids = std::move(ids)]() -> Result<void> {
    std::error_code ec;
    for (auto const& id : ids) fs::remove_all(folder / id, ec);  // else at the next start
    return {};
  };
  (void)co_await files_.run(std::move(job));
}

awaitable<Result<SkillStore::Added>> SkillStore::add(Skill skill) {
  auto staged = co_await stage(std::move(skill), false);
  if (!staged) co_return staged.error();
  if (!staged->is_new) {
    Added const there{std::move(staged->row), false};
    co_return there;
  }
  staged->row.created_at = wall_now();
  auto job = [row = staged->row, limits = limits_](Database& db) -> Result<Added> {
    Transaction transaction(db);
    SkillTable table(db);
    if (auto same = table.with_content(row.name, row.hash, false)) return Added{std::move(*same), false};
    if (auto room = check_room(table, row, limits); !room) return room.error();
    table.add(row);
    transaction.commit();
    return Added{row, true};
  };
  auto added = co_await journal_.run(std::move(job));
  std::vector<std::string> left;
  if (!added || !added->created) left.push_back(staged->row.id);
  co_await remove_folders(std::move(left));
  co_return added;
}

awaitable<Result<std::vector<std::string>>> SkillStore::remove(std::string id) {
  auto job = [id](Database& db) -> Result<std::vector<std::string>> {
    Transaction transaction(db);
    SkillTable table(db);
    auto const row = table.find(id);
    if (!row || !row->live)
      return not_found("no_such_skill", "there is no skill \"" + id + "\"; `agent-runner skill list` lists them");
    table.retire(id);
    transaction.commit();
    return table.pinned_by(id);
  };
  auto pinned = co_await journal_.run(std::move(job));
  if (pinned && pinned->empty()) co_await collect();
  co_return pinned;
}

awaitable<Result<std::vector<SkillStore::Staged>>> SkillStore::stage_folders(std::vector<std::string> const& names) {
  std::vector<Staged> all;
  std::optional<Error> failed;
  for (auto const& name : names) {
    if (!is_folder(name) || failed) {
      all.emplace_back();
      continue;
    }
    auto read = [name] { return read_skill(name); };
    auto skill = co_await files_.run(std::move(read));
    if (!skill) {
      failed = invalid("skills", "the skill " + name + " cannot be taken: " + skill.error().message);
      continue;
    }
    auto staged = co_await stage(std::move(*skill), true);
    if (staged)
      all.push_back(std::move(*staged));
    else
      failed = staged.error();
  }
  if (!failed) co_return all;
  std::vector<std::string> left;
  for (auto const& staged : all)
    if (staged.is_new) left.push_back(staged.row.id);
  co_await remove_folders(std::move(left));
  co_return *failed;
}

awaitable<Result<std::vector<PinnedSkill>>> SkillStore::pin(std::string agent, std::vector<std::string> names) {
  using Pinned = std::vector<PinnedSkill>;
  auto const lock = co_await collecting_.lock();
  auto staged = co_await stage_folders(names);
  if (!staged) co_return staged.error();
  auto job = [agent, names, staged = *staged, limits = limits_, now = wall_now()](Database& db) -> Result<Pinned> {
    Transaction transaction(db);
    SkillTable table(db);
    Pinned pinned;
    for (std::size_t i = 0; i < names.size(); ++i) {
      auto const& name = names[i];
      auto found = is_folder(name) ? table.with_content(staged[i].row.name, staged[i].row.hash, true)
                   : is_id(name)   ? table.find(name)
                                   : table.newest(name);
      if (is_id(name) && found && !found->live) found.reset();
      if (!found && !is_folder(name)) return no_such_skill(name);
      if (!found) {
        found = staged[i].row;
        found->created_at = now;
        found->live = false;
        if (auto room = check_room(table, *found, limits); !room) return room.error();
        table.add(*found);
      }
      for (auto const& other : pinned)
        if (other.name == found->name && other.id != found->id)
          return invalid("skills", "two skills are called " + other.name + "; the provider would know one of them");
      bool const again = std::ranges::find(pinned, found->id, &PinnedSkill::id) != pinned.end();
      if (!again) pinned.push_back({found->id, found->name, found->hash});
      table.pin(agent, found->id);
    }
    transaction.commit();
    return pinned;
  };
  auto pinned = co_await journal_.run(std::move(job));
  std::vector<std::string> left;
  for (auto const& one : *staged) {
    bool const used = pinned && std::ranges::find(*pinned, one.row.id, &PinnedSkill::id) != pinned->end();
    if (one.is_new && !used) left.push_back(one.row.id);
  }
  co_await remove_folders(std::move(left));
  co_return pinned;
}

awaitable<Result<SkillStore::Staged>> SkillStore::fetch(PinnedSkill const& skill, Fetch const& how) {
  auto look = [skill](Database& db) -> Result<bool> {
    return SkillTable(db).with_content(skill.name, skill.hash, true).has_value();
  };
  auto const here = co_await journal_.read(std::move(look));
  if (!here) co_return here.error();
  Staged const nothing;
  if (*here) co_return nothing;
  auto content = co_await how(skill);
  if (!content) co_return content.error();
  if (!*content) co_return nothing;
  co_return co_await stage(std::move(**content), true);
}

awaitable<Result<SkillStore::PinnedAgain>> SkillStore::pin_again(std::string agent, std::vector<PinnedSkill> skills,
                                                                 Fetch how) {
  auto const lock = co_await collecting_.lock();
  std::vector<Staged> staged;
  std::optional<Error> failed;
  for (auto const& skill : skills) {
    if (failed) break;
    auto fetched = co_await fetch(skill, how);
    if (fetched)
      staged.push_back(std::move(*fetched));
    else
      failed = fetched.error();
  }
  staged.resize(skills.size());
  auto job = [agent, skills, staged, limits = limits_, now = wall_now()](Database& db) -> Result<PinnedAgain> {
    Transaction transaction(db);
    SkillTable table(db);
    PinnedAgain pinned;
    for (std::size_t i = 0; i < skills.size(); ++i) {
      auto found = table.with_content(skills[i].name, skills[i].hash, true);
      if (!found && staged[i].is_new && check_room(table, staged[i].row, limits)) {
        found = staged[i].row;
        found->created_at = now;
        found->live = false;
        table.add_oldest(*found);
        ++pinned.added;
      }
      if (!found) continue;
      pinned.skills.push_back({found->id, found->name, found->hash});
      table.pin(agent, found->id);
    }
    transaction.commit();
    return pinned;
  };
  Result<PinnedAgain> pinned = failed ? Result<PinnedAgain>(*failed) : co_await journal_.run(std::move(job));
  std::vector<std::string> left;
  for (auto const& one : staged) {
    bool const used = pinned && std::ranges::find(pinned->skills, one.row.id, &PinnedSkill::id) != pinned->skills.end();
    if (one.is_new && !used) left.push_back(one.row.id);
  }
  co_await remove_folders(std::move(left));
  co_return pinned;
}

awaitable<Result<SkillStore::Added>> SkillStore::bring(Skill skill, WallTime created_at) {
  auto const lock = co_await collecting_.lock();
  auto staged = co_await stage(std::move(skill), true);
  if (!staged) co_return staged.error();
  staged->row.created_at = created_at;
  auto job = [row = staged->row, is_new = staged->is_new, limits = limits_](Database& db) -> Result<Added> {
    Transaction transaction(db);
    SkillTable table(db);
    auto same = table.with_content(row.name, row.hash, true);
    if (same && same->live) return Added{std::move(*same), false};
    if (same) {
      table.revive(same->id);
    } else {
      if (!is_new) return internal("bug", "the skill " + row.name + " is gone while it is brought");
      if (auto room = check_room(table, row, limits); !room) return room.error();
      table.add_oldest(row);
    }
    transaction.commit();
    return Added{same ? std::move(*same) : row, true};
  };
  auto added = co_await journal_.run(std::move(job));
  std::vector<std::string> left;
  if (staged->is_new && (!added || added->skill.id != staged->row.id)) left.push_back(staged->row.id);
  co_await remove_folders(std::move(left));
  co_return added;
}

awaitable<void> SkillStore::unpin(std::string agent) {
  journal_.write([agent = std::move(agent)](Database& db) { SkillTable(db).unpin(agent); });
  co_await collect();
}

awaitable<void> SkillStore::collect() {
  auto const lock = co_await collecting_.lock();
  auto job = [](Database& db) -> Result<std::vector<std::string>> {
    Transaction transaction(db);
    auto gone = SkillTable(db).collect();
    transaction.commit();
    return gone;
  };
  auto gone = co_await journal_.run(std::move(job));
  if (gone)
    co_await remove_folders(std::move(*gone));
  else
    spdlog::warn("skills that nobody has any more are kept for now: {}", gone.error().message);
}

}  // namespace ar::daemon
