#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field user[] = {
    {.name = "kind", .required = true, .words = "operator agent token"},
    {.name = "name", .about = "operator, the agent's id, the token's name", .required = true},
    {.name = "agents", .type = Type::integer, .about = "that they have spawned, and that are there", .required = true},
    {.name = "running", .type = Type::integer, .about = "of these: not at rest", .required = true},
};
constexpr Schema kUser{.name = "User", .fields = user};

constexpr Field users[] = {
    {.name = "users", .type = Type::list, .required = true, .of = Type::object, .schema = &kUser},
    {.name = "nextCursor", .about = "there are more"},
};

}  // namespace

Schema const kUserList{.name = "UserList", .about = "by kind and name", .fields = users};

}  // namespace ar::control
