// Who is notified, and whether that works.
#include "control/api/notify_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> list(Call& call) { co_return respond(co_await call.api.notify.notify_rules()); }

awaitable<Result<Response>> test(Call& call) {
  co_return respond(co_await call.api.notify.test_notify(call.name("notify")));
}

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/notify",
     .name = "listNotifyRules",
     .summary = "who is notified of what, and what waits to be told",
     .handler = list,
     .answer = &kNotifyRuleList,
     .answers = "`{notify: [...]}`, in the configuration's order ([notifications.md](notifications.md))"},
    {.method = "POST",
     .pattern = "/v1/notify/{notify}/test",
     .name = "testNotifyRule",
     .summary = "notify once, now",
     .handler = test,
     .answer = &kNotifyTest,
     .errors = "no_such_notify_rule",
     .answers = "whether it was taken"},
};

}  // namespace

std::span<Route const> notify_routes() { return rows; }

}  // namespace ar::control
