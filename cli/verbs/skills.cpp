// Skills that agents are spawned with.
#include "base/unicode.hpp"
#include "base/zip/zip.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/local_files.hpp"
#include "cli/paging.hpp"
#include "cli/text.hpp"
#include "model/skill.hpp"

namespace ar::cli {
namespace {

namespace fs = std::filesystem;
constexpr milliseconds kPatience{120'000};  ///< of an upload

struct New {
  std::string path;
  std::optional<std::string> name, description;
};

struct List {
  std::optional<std::string> name, hash;
};

/// A folder goes as a zip, whose times and modes do not matter.
Result<Call> call_of_folder(fs::path const& folder) {
  auto skill = read_skill(fs::absolute(folder).lexically_normal());
  if (!skill) return skill.error();
  std::vector<ZipEntry> entries;
  for (auto& file : skill->files) entries.push_back({std::move(file.path), std::move(file.content)});
  auto zip = write_zip(entries);
  if (!zip) return zip.error();
  Call call{.method = "POST", .target = "/v1/skills?name=" + encoded(skill->name), .body = std::move(*zip)};
  call.content_type = "application/zip";
  return call;
}

Result<Call> call_of(Context const& context, ApiClient& api, New const& asked) {
  std::error_code ec;
  auto const name = asked.name ? "?name=" + encoded(*asked.name) : std::string();
  if (asked.description && (fs::is_directory(asked.path, ec) || asked.path.ends_with(".zip")))
    return invalid("--description", "a folder's SKILL.md says itself what it is for; --description is for one text");
  if (asked.path != "-" && fs::is_directory(asked.path, ec)) {
    auto call = call_of_folder(asked.path);
    if (call && asked.name) call->target = "/v1/skills" + name;
    return call;
  }
  Result<std::string> content = asked.path == "-" ? stdin_input() : [&]() -> Result<std::string> {
    auto const local = LocalFiles::open(context, api);
    if (!local) return local.error();
    return local->read(asked.path, "PATH");
  }();
  if (!content) return content.error();
  Call call{.method = "POST", .target = "/v1/skills" + name};
  if (asked.path.ends_with(".zip")) {
    call.content_type = "application/zip";
    call.body = std::move(*content);
    return call;
  }
  if (!is_utf8(*content)) return invalid("PATH", asked.path + " is neither a .zip nor text in UTF-8");
  json body = {{"markdown", std::move(*content)}};
  set_if(body, "description", asked.description);
  call.body = to_text(body);
  return call;
}

Result<int> add_skill(Context& context, New const& asked) {
  auto const api = context.api();
  if (!api) return api.error();
  auto call = call_of(context, **api, asked);
  if (!call) return call.error();
  call->patience = kPatience;
  auto const answer = (*api)->call(*call);
  if (!answer) return answer.error();
  if (context.json_output())
    context.print_json(*answer);
  else
    context.print(single_line(field(*answer, "name")) + ": " + single_line(field(*answer, "id")) + ", " +
                  single_line(field(*answer, "contentHash")) + "\n");
  return exit_done;
}

Result<int> list(Context& context, List const& options) {
  auto const api = context.api();
  if (!api) return api.error();
  std::string target = "/v1/skills";
  if (options.name) target += "?name=" + encoded(*options.name);
  if (options.hash) target += (options.name ? "&hash=" : "?hash=") + encoded(*options.hash);
  Table table({{"NAME"}, {"ID"}, {"AGE", true}, {"SIZE", true}, {"CONTENT"}});
  auto const listed = for_each_row(**api, target, "skills", 0, [&](json const& skill) {
    if (context.json_output()) return context.print_json(skill);
    auto const at = skill.contains("createdAt") ? time_of(skill["createdAt"]) : std::nullopt;
    table.add({field(skill, "name"), field(skill, "id"), at ? age(wall_now() - *at) : "",
               size_text(number(skill, "bytes")), field(skill, "contentHash").substr(0, 19)});
  });
  if (!listed) return listed.error();
  if (context.json_output()) return exit_done;
  if (table.empty())
    context.note("no skills");
  else
    context.print(table);
  return exit_done;
}

/// A name is its newest skill.
Result<std::string> id_of(ApiClient& api, std::string const& word) {
  if (word.starts_with(kSkillIdPrefix)) return word;
  auto const found = api.get("/v1/skills?name=" + encoded(word));
  if (!found) return found.error();
  auto const& skills = array(*found, "skills");
  if (skills.empty())
    return not_found("no_such_skill", "there is no skill \"" + word + "\"; agent-runner skill list lists them");
  return field(skills.front(), "id");
}

Result<int> show(Context& context, std::string const& word) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const id = id_of(**api, word);
  if (!id) return id.error();
  auto const skill = (*api)->get("/v1/skills/" + encoded(*id));
  if (!skill) return skill.error();
  if (context.json_output()) {
    context.print_json(*skill);
    return exit_done;
  }
  auto const line = [&](char const* what, std::string const& text) {
    context.print(std::string(what) + single_line(text) + "\n");
  };
  line("name     ", field(*skill, "name"));
  line("id       ", field(*skill, "id") + (truth_at(*skill, "live") ? "" : ", removed"));
  line("content  ", field(*skill, "contentHash"));
  line("created  ", field(*skill, "createdAt"));
  for (auto const& agent : array(*skill, "pinnedBy"))
    if (agent.is_string()) line("agent    ", agent.get<std::string>());
  for (auto const& file : array(*skill, "files"))
    line("file     ", field(file, "path") + ", " + size_text(number(file, "bytes")));
  return exit_done;
}

Result<int> remove(Context& context, std::string const& word) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const id = id_of(**api, word);
  if (!id) return id.error();
  auto const answer = (*api)->remove("/v1/skills/" + encoded(*id));
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  auto const keep = array(*answer, "pinnedBy").size();
  context.print(single_line(field(*answer, "removed")) + ": removed" +
                (keep == 0 ? "" : "; agents that have it keep it: " + std::to_string(keep)) + "\n");
  return exit_done;
}

void add(Program& program) {
  auto skill = program.verb("Skills", "skill", "Skills that agents are spawned with", "skill add skills/review");

  auto const given = std::make_shared<New>();
  skill.command("add", "Keep a folder with a SKILL.md, a zip of one, or one text", "skill add skills/review")
      .argument("PATH|-", given->path, "A folder, a .zip, or a Markdown file; - reads Markdown from stdin", Words::file)
      .option("--name", given->name, "NAME", "In place of what the skill says itself")
      .option("--description", given->description, "TEXT", "Of one text without front matter: what it is for")
      .runs([given](Context& context) { return add_skill(context, *given); });

  auto const listed = std::make_shared<List>();
  skill.command("list", "Of each name the newest", "skill list")
      .option("--name", listed->name, "NAME", "Only this one")
      .option("--hash", listed->hash, "HASH", "Only this content, sha256:...")
      .runs([listed](Context& context) { return list(context, *listed); });

  auto const shown = std::make_shared<std::string>();
  skill.command("show", "What a skill holds, and who has it", "skill show review")
      .argument("NAME|ID", *shown, "Its id, or a name: the newest")
      .runs([shown](Context& context) { return show(context, *shown); });

  auto const gone = std::make_shared<std::string>();
  skill.command("rm", "Remove a skill; agents that have it keep it", "skill rm review")
      .argument("NAME|ID", *gone, "Its id, or a name: the newest")
      .runs([gone](Context& context) { return remove(context, *gone); });
}
Family const family(29, add);

}  // namespace
}  // namespace ar::cli
