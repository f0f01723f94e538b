#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field hold[] = {{.name = "reason", .about = "for people, at most 256 bytes"}};

constexpr Field probe[] = {
    {.name = "agent", .about = "of this daemon, that tries it"},
    {.name = "message", .type = Type::integer},
    {.name = "host", .about = "of another daemon of the bus, whose turn it is to try one"},
};
constexpr Schema kProbe{
    .name = "LimitProbe", .about = "the message that shows whether the model takes work again", .fields = probe};

constexpr Field account[] = {
    {.name = "account", .about = "its provider and a hash of its login", .required = true},
    {.name = "provider", .required = true},
    {.name = "agents", .type = Type::list, .about = "that use it", .required = true},
    {.name = "hold",
     .type = Type::object,
     .about = "what keeps its agents' work back; null: nothing",
     .required = true,
     .nullable = true,
     .schema = &kLimited},
    {.name = "foundBy", .about = "the agent whose turn was refused"},
    {.name = "host", .about = "of the daemon that has found it out, where that is another one of the bus"},
    {.name = "login", .about = "what logs it in again"},
    {.name = "probe", .type = Type::object, .schema = &kProbe},
};

constexpr Field list[] = {
    {.name = "limits", .type = Type::list, .required = true, .of = Type::object, .schema = &kAccount},
};

}  // namespace

Schema const kHoldLimit{.name = "HoldLimit", .fields = hold};
Schema const kAccount{.name = "Account", .about = "a login that agents use", .fields = account};
Schema const kLimitList{.name = "LimitList", .about = "by name", .fields = list};

}  // namespace ar::control
