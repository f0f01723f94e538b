#include "daemon/api/skills_api.hpp"

#include "base/zip/zip.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/removed.hpp"
#include "daemon/store/skill_store.hpp"

#include <utility>

namespace ar::daemon {
namespace {

/// A zip may have an entry for each folder, too.
constexpr ZipLimits kZipLimits{4 * kMostSkillFiles, kMostSkillBytes};

json shown(SkillTable::Row const& row) {
  return {{"id", row.id},
          {"name", row.name},
          {"contentHash", row.hash},
          {"bytes", row.bytes},
          {"createdAt", to_iso8601(row.created_at)}};
}

Result<Skill> skill_of(control::NewSkill asked) {
  if (asked.zip.empty())
    return skill_of_text(std::move(asked.markdown), std::move(asked.name), std::move(asked.description));
  auto entries = read_zip(asked.zip, kZipLimits);
  if (!entries) {
    auto error = entries.error();
    error.field = "body";
    return error;
  }
  std::vector<SkillFile> files;
  for (auto& entry : *entries) files.push_back({std::move(entry.path), std::move(entry.content)});
  return make_skill(std::move(files), std::move(asked.name));
}

}  // namespace

/// What was removed is not unknown.
Error SkillsApi::gone_or(Error error, std::string const& id) const {
  if (error.code != "no_such_skill") return error;
  return services_.removed.gone(kSkillNoun, id).value_or(std::move(error));
}

awaitable<Result<control::SkillAdded>> SkillsApi::add_skill(control::NewSkill skill) {
  auto read = [skill = std::move(skill)]() mutable { return skill_of(std::move(skill)); };
  auto made = co_await files_.run(std::move(read));
  if (!made) co_return made.error();
  auto const added = co_await services_.skills.add(std::move(*made));
  if (!added) co_return added.error();
  auto const& row = added->skill;
  if (added->created)
    services_.events.append("", "skill.added", {{"id", row.id}, {"name", row.name}, {"contentHash", row.hash}});
  control::SkillAdded answer{shown(row), added->created};
  co_return answer;
}

awaitable<Result<json>> SkillsApi::skills(control::SkillFilter filter) {
  SkillTable::Filter wanted{filter.name, filter.hash, filter.after, filter.limit + 1};
  auto query = [wanted](Database& db) -> Result<std::vector<SkillTable::Row>> { return SkillTable(db).list(wanted); };
  auto rows = co_await services_.journal.read(std::move(query));
  if (!rows) co_return rows.error();
  json answer = {{"skills", json::array()}};
  if (std::cmp_greater(rows->size(), filter.limit)) {
    rows->pop_back();
    answer["nextCursor"] = rows->back().name;
  }
  for (auto const& row : *rows) answer["skills"].push_back(shown(row));
  co_return ok(std::move(answer));
}

awaitable<Result<json>> SkillsApi::skill(std::string id) {
  auto query = [id](Database& db) -> Result<json> {
    SkillTable const table(db);
    auto const row = table.find(id);
    if (!row)
      return not_found("no_such_skill", "there is no skill \"" + id + "\"; `agent-runner skill list` lists them");
    auto details = shown(*row);
    auto files = parse_json(row->files);
    details["files"] = files ? std::move(*files) : json::array();
    details["pinnedBy"] = table.pinned_by(id);
    details["live"] = row->live;
    return ok(std::move(details));
  };
  auto found = co_await services_.journal.read(std::move(query));
  if (!found) co_return gone_or(found.error(), id);
  co_return found;
}

awaitable<Result<json>> SkillsApi::remove_skill(std::string id) {
  auto const known = co_await skill(id);
  if (!known) co_return known.error();
  // First: a daemon that ends in between has it removed once more.
  if ((*known)["live"] == true) services_.removed.note(kSkillNoun, id);
  auto const pinned = co_await services_.skills.remove(id);
  if (!pinned) co_return gone_or(pinned.error(), id);
  if (auto const safe = co_await services_.journal.committed(); !safe) co_return safe.error();
  services_.events.append("", "skill.removed", {{"id", id}});
  co_return ok({{"removed", id}, {"pinnedBy", *pinned}});
}

}  // namespace ar::daemon
