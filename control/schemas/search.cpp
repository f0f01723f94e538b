#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field found[] = {
    {.name = "kind", .required = true, .words = "message transcript"},
    {.name = "agent",
     .about = "whose transcript it is; that took the message, or sent it; null: no agent of this daemon",
     .required = true,
     .nullable = true},
    {.name = "session", .about = "the agent, as /v1/sessions names it", .required = true, .nullable = true},
    {.name = "conversation", .about = "the provider's own session", .required = true, .nullable = true},
    {.name = "turn", .type = Type::integer, .about = "in which it was said", .required = true, .nullable = true},
    {.name = "time", .type = Type::time, .required = true},
    {.name = "role", .about = "in a transcript: user, assistant, system", .required = true, .nullable = true},
    {.name = "snippet", .about = "one line of the text; what was found stands between ⟦ and ⟧", .required = true},
    {.name = "seq", .type = Type::integer, .about = "of the row in the transcript"},
    {.name = "messageId", .type = Type::integer},
    {.name = "from", .about = "of a message"},
    {.name = "to", .about = "of a message"},
};
constexpr Schema kFound{.name = "Found", .fields = found};

constexpr Field list[] = {
    {.name = "results", .type = Type::list, .required = true, .of = Type::object, .schema = &kFound},
    {.name = "nextCursor", .about = "there are more"},
};

}  // namespace

Schema const kFoundList{.name = "FoundList", .about = "the newest first", .fields = list};

}  // namespace ar::control
