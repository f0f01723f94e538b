// Skills: uploaded, found and removed.
#include "control/api/skills_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

bool is_zip(Request const& request) {
  auto const type = request.header("content-type").value_or("");
  return type == "application/zip" || type == "application/octet-stream";
}

awaitable<Result<Response>> add(Call& call) {
  NewSkill skill;
  skill.name = call.query.text("name").value_or("");
  if (is_zip(call.request)) {
    skill.zip = std::move(call.request.body);
    if (skill.zip.empty()) co_return invalid("body", "the body is empty; send the zip");
  } else {
    auto const body = call.object();
    if (!body) co_return body.error();
    if (auto name = text_at(*body, "name"); !name.empty()) skill.name = std::move(name);
    skill.markdown = text_at(*body, "markdown");
    skill.description = text_at(*body, "description");
  }
  auto const added = co_await call.api.skills.add_skill(std::move(skill));
  if (!added) co_return added.error();
  auto response = json_response(added->skill, added->created ? 201 : 200);
  response.headers.push_back({"Location", "/v1/skills/" + added->skill["id"].get<std::string>()});
  co_return response;
}

awaitable<Result<Response>> list(Call& call) {
  auto const page = call.page_of_names();
  if (!page) co_return page.error();
  SkillFilter filter{call.query.text("name"), call.query.text("hash"), page->after, page->limit};
  co_return respond(co_await call.api.skills.skills(std::move(filter)));
}

awaitable<Result<Response>> show(Call& call) { co_return respond(co_await call.api.skills.skill(call.name("skill"))); }

awaitable<Result<Response>> remove(Call& call) {
  co_return respond(co_await call.api.skills.remove_skill(call.name("skill")));
}

constexpr Field add_query[] = {{.name = "name", .about = "in place of what the skill says itself"}};
constexpr Field list_query[] = {
    {.name = "name", .about = "only this one"},
    {.name = "hash", .about = "only this content, `sha256:…`, also where it is not the newest of its name"},
    kLimit,
    kNameCursor,
};

constexpr Route rows[] = {
    {.method = "POST",
     .pattern = "/v1/skills",
     .name = "addSkill",
     .summary = "keep a skill",
     .handler = add,
     .body = Body::skill,
     .query = add_query,
     .headers = "Content-Type",
     .request = &kNewSkill,
     .answer = &kSkill,
     .statuses = "201 200",
     .errors = "too_large quota",
     .answers =
         "`{id, name, contentHash, bytes, createdAt}` ([skills.md](skills.md)); `Location`. 200: the same content "
         "was there under this name"},
    {.method = "GET",
     .pattern = "/v1/skills",
     .name = "listSkills",
     .summary = "list skills",
     .handler = list,
     .query = list_query,
     .answer = &kSkillList,
     .answers = "`{skills: [...], nextCursor?}`, of each name the newest, in the order of their names"},
    {.method = "GET",
     .pattern = "/v1/skills/{skill}",
     .name = "showSkill",
     .summary = "one skill",
     .handler = show,
     .answer = &kSkillDetails,
     .errors = "no_such_skill gone",
     .answers = "the skill with `files: [{path, bytes}]`, `pinnedBy: [agent]` and `live`"},
    {.method = "DELETE",
     .pattern = "/v1/skills/{skill}",
     .name = "removeSkill",
     .summary = "remove a skill: nobody finds it any more",
     .handler = remove,
     .answer = &kSkillRemoved,
     .errors = "no_such_skill gone",
     .answers = "`{removed, pinnedBy}`: agents that were spawned with it keep it until they are removed"},
};

}  // namespace

std::span<Route const> skill_routes() { return rows; }

}  // namespace ar::control
