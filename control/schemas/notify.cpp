#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field rule[] = {
    {.name = "name", .required = true},
    {.name = "to", .required = true, .words = "ntfy webhook desktop command"},
    {.name = "what", .type = Type::list, .about = "not there: all but done", .of = Type::text},
    {.name = "agent"},
    {.name = "tag"},
    {.name = "url", .about = "its server; the rest may be a secret"},
    {.name = "tokenFile"},
    {.name = "command", .about = "the program"},
    {.name = "quiet", .about = "22:00-07:00"},
    {.name = "timeZone"},
    {.name = "urgent", .type = Type::list, .about = "told in quiet hours too", .of = Type::text},
    {.name = "waiting", .type = Type::integer, .about = "that are still to be told", .required = true},
    {.name = "sentAt",
     .type = Type::time,
     .about = "the last, since the daemon's start",
     .required = true,
     .nullable = true},
    {.name = "failingSince", .type = Type::time, .required = true, .nullable = true},
    {.name = "error", .about = "of the last attempt", .required = true, .nullable = true},
};
constexpr Schema kNotifyRule{.name = "NotifyRule", .fields = rule};

constexpr Field rules[] = {
    {.name = "notify", .type = Type::list, .required = true, .of = Type::object, .schema = &kNotifyRule},
};

constexpr Field test[] = {
    {.name = "name", .required = true},
    {.name = "sent", .type = Type::boolean, .required = true},
    {.name = "error", .required = true, .nullable = true},
};

}  // namespace

Schema const kNotifyRuleList{.name = "NotifyRuleList", .fields = rules};
Schema const kNotifyTest{.name = "NotifyTest", .fields = test};

}  // namespace ar::control
