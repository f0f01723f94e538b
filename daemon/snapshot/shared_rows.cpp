#include "daemon/snapshot/shared_rows.hpp"

#include "base/base64.hpp"
#include "base/ids.hpp"
#include "base/read_json.hpp"
#include "base/words.hpp"
#include "daemon/snapshot/row_writer.hpp"
#include "daemon/snapshot/sections.hpp"
#include "daemon/store/tables/skill_table.hpp"
#include "daemon/store/tables/tool_hook_table.hpp"
#include "daemon/tools/hook_target.hpp"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

namespace ar::daemon {
namespace {

// ---- skills ----

void write_skills(SnapshotSource const& source, RowWriter& out) {
  for (auto const& row : SkillTable(source.journal).all()) {
    if (out.has_failed()) return;
    auto const skill = read_skill(source.skills / row.id / row.name);
    // Nobody has it any more, or somebody has changed its files.
    if (!skill || content_hash(*skill) != row.hash) {
      spdlog::warn("the skill {} ({}) is not taken along: its files are not what was kept", row.name, row.id);
      continue;
    }
    json files = json::array();
    for (auto const& file : skill->files) files.push_back({{"path", file.path}, {"data", base64_encode(file.content)}});
    out.row({{"name", row.name},
             {"hash", row.hash},
             {"live", row.live},
             {"createdAt", to_millis(row.created_at)},
             {"files", std::move(files)}});
  }
}

Result<Skill> skill_of(json const& row) {
  std::vector<SkillFile> files;
  for (auto const& file : row.at("files")) {
    auto content = base64_decode(file.at("data").get<std::string>());
    if (!content) return invalid("", "a file of a skill is damaged");
    files.push_back({file.at("path").get<std::string>(), std::move(*content)});
  }
  return make_skill(std::move(files), row.at("name").get<std::string>());
}

Result<std::string> owner_of_skill_row(json const& row) {
  auto const skill = skill_of(row);
  if (!skill) return skill.error();
  (void)row.at("live").get<bool>();
  (void)time_in(row.at("createdAt"));
  auto const hash = row.at("hash").get<std::string>();
  if (skill->files.empty() || content_hash(*skill) != hash) return invalid("", "a skill is damaged");
  return owner_of_skill(skill->name, hash);
}

// ---- hooks ----

/// Of a URL's parts the query is where its owner puts what nobody else may know.
bool may_hold_secret(std::string const& url) { return url.find('?') != std::string::npos; }

void write_hooks(SnapshotSource const& source, RowWriter& out) {
  for (auto const& hook : ToolHookTable(source.journal).all()) {
    auto row = to_json(hook);
    if (may_hold_secret(hook.callback_url)) row["callbackUrl"] = nullptr;
    out.row(row);
  }
}

Result<ToolHook> read_hook_row(json row) {
  auto const id = row.at("id").get<std::string>();
  auto const created_at = from_iso8601(row.at("createdAt").get<std::string>());
  if (!is_safe_name(id) || !created_at) return invalid("", "a tool hook has no usable id or time");
  if (!has_word(kToolHookPhases, row.at("phase").get<std::string>()) ||
      !has_word(kToolHookFailModes, row.at("failMode").get<std::string>()))
    return invalid("", "a tool hook has no phase or failMode that is known");
  bool const withheld = row.at("callbackUrl").is_null();
  for (auto const* name : {"id", "createdAt"}) row.erase(name);
  if (withheld) row.erase("callbackUrl");
  auto hook = read_tool_hook(row);
  if (!hook) return hook.error();
  if (!withheld)
    if (auto target = read_hook_target(hook->callback_url); !target) return target.error();
  hook->id = id;
  hook->created_at = *created_at;
  return hook;
}

Result<std::string> owner_of_hook(json const& row) {
  if (auto const hook = read_hook_row(row); !hook) return hook.error();
  return std::string();
}

}  // namespace

std::string owner_of_skill(std::string const& name, std::string const& hash) { return hash + " " + name; }

SkillRow skill_in(json const& row) {
  return {skill_of(row).value(), row.at("live").get<bool>(), time_in(row.at("createdAt"))};
}

ToolHook hook_in(json const& row) { return read_hook_row(row).value(); }

// What restore.cpp brings: it is more than the journal's.
Section const kSkillsSection{"skills", "1.0.0", write_skills, owner_of_skill_row};
Section const kHooksSection{"hooks", "1.0.0", write_hooks, owner_of_hook};

}  // namespace ar::daemon
