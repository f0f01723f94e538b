#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field new_skill[] = {
    {.name = "markdown", .about = "what its SKILL.md says", .required = true},
    {.name = "name", .about = "needed where the markdown has no front matter"},
    {.name = "description", .about = "needed there too: one line, by which models decide whether they read it"},
};

constexpr auto kFields = std::to_array<Field>({
    {.name = "id", .about = "skl_…", .required = true},
    {.name = "name", .required = true},
    {.name = "contentHash", .about = "sha256:…, of all paths and contents", .required = true},
    {.name = "bytes", .type = Type::integer, .about = "of all files", .required = true},
    {.name = "createdAt", .type = Type::time, .required = true},
});

constexpr Field file[] = {
    {.name = "path", .required = true},
    {.name = "bytes", .type = Type::integer, .required = true},
};
constexpr Schema kFile{.name = "SkillFile", .fields = file};

constexpr auto kDetails =
    joined(kFields,
           std::to_array<Field>(
               {{.name = "files", .type = Type::list, .required = true, .of = Type::object, .schema = &kFile},
                {.name = "pinnedBy", .type = Type::list, .about = "agents that were spawned with it", .required = true},
                {.name = "live",
                 .type = Type::boolean,
                 .about = "false: only these agents have it still",
                 .required = true}}));

constexpr Field list[] = {
    {.name = "skills", .type = Type::list, .required = true, .of = Type::object, .schema = &kSkill},
    {.name = "nextCursor", .about = "there are more"},
};

constexpr Field removed[] = {
    {.name = "removed", .about = "its id", .required = true},
    {.name = "pinnedBy", .type = Type::list, .about = "agents that keep it", .required = true},
};

}  // namespace

Schema const kNewSkill{.name = "NewSkill", .about = "a skill of one text", .fields = new_skill};
Schema const kSkill{.name = "Skill", .fields = kFields};
Schema const kSkillDetails{.name = "SkillDetails", .fields = kDetails};
Schema const kSkillList{.name = "SkillList", .fields = list};
Schema const kSkillRemoved{.name = "SkillRemoved", .fields = removed};

}  // namespace ar::control
