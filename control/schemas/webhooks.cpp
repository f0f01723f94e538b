#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field new_webhook[] = {
    {.name = "url", .about = "https://...; at most 2048 bytes", .required = true},
    {.name = "events",
     .type = Type::list,
     .about = "types of events, or the beginning of some with * after it, as turn.*; 1 to 50",
     .required = true},
    {.name = "agent", .about = "only events about it; all where it is missing"},
    {.name = "secret", .about = "whsec_ and 24 to 64 bytes in base64; made where it is missing"},
};

constexpr auto kWebhookFields = std::to_array<Field>({
    {.name = "id", .required = true},
    {.name = "url", .required = true},
    {.name = "events", .type = Type::list, .required = true},
    {.name = "agent", .about = "only events about it", .required = true, .nullable = true},
    {.name = "owner", .about = "operator, or an agent's name", .required = true},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "state",
     .about = "gone: it has answered 410, and is told nothing more",
     .required = true,
     .words = "active failing gone"},
    {.name = "waiting", .type = Type::integer, .about = "deliveries that it has not taken", .required = true},
    {.name = "failures", .type = Type::integer, .about = "attempts since it has taken one", .required = true},
    {.name = "failingSince", .type = Type::time, .required = true, .nullable = true},
    {.name = "nextAttemptAt", .type = Type::time, .required = true, .nullable = true},
});
constexpr auto kAddedFields = joined(
    kWebhookFields,
    std::to_array<Field>({{.name = "secret",
                           .about = "that signs what it gets; shown only once: null where the answer is repeated",
                           .required = true,
                           .nullable = true}}));

constexpr Field webhooks[] = {
    {.name = "webhooks", .type = Type::list, .required = true, .of = Type::object, .schema = &kWebhook},
    {.name = "nextCursor", .about = "there are more"},
};

constexpr Field removed[] = {{.name = "removed", .about = "its id", .required = true}};

constexpr Field attempt[] = {
    {.name = "time", .type = Type::time, .required = true},
    {.name = "status", .type = Type::integer, .about = "of the answer", .required = true, .nullable = true},
    {.name = "ms", .type = Type::integer, .about = "that it took", .required = true},
    {.name = "error", .about = "why the receiver has not taken it", .required = true, .nullable = true},
};
constexpr Schema kAttempt{.name = "DeliveryAttempt", .fields = attempt};

constexpr Field delivery[] = {
    {.name = "id", .about = "the webhook-id that the receiver sees", .required = true},
    {.name = "type", .about = "of the event", .required = true},
    {.name = "event", .type = Type::integer, .about = "its number", .required = true},
    {.name = "status", .required = true, .words = "waiting delivered gave_up"},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "attempts",
     .type = Type::list,
     .about = "the newest 50, the oldest first",
     .required = true,
     .of = Type::object,
     .schema = &kAttempt},
};
constexpr Schema kWebhookDelivery{.name = "WebhookDelivery", .fields = delivery};

constexpr Field deliveries[] = {
    {.name = "deliveries", .type = Type::list, .required = true, .of = Type::object, .schema = &kWebhookDelivery},
    {.name = "nextCursor", .type = Type::integer, .about = "there are more"},
};

constexpr Field redelivered[] = {{.name = "delivery", .about = "its id; it waits now", .required = true}};

}  // namespace

Schema const kNewWebhook{.name = "NewWebhook", .fields = new_webhook, .holds_secrets = true};
Schema const kWebhook{.name = "Webhook", .about = "a receiver that is told of events", .fields = kWebhookFields};
Schema const kAddedWebhook{.name = "AddedWebhook", .fields = kAddedFields};
Schema const kWebhookList{.name = "WebhookList", .fields = webhooks};
Schema const kWebhookRemoved{.name = "WebhookRemoved", .fields = removed};
Schema const kWebhookDeliveryList{.name = "WebhookDeliveryList", .about = "from the newest down", .fields = deliveries};
Schema const kRedelivered{.name = "Redelivered", .fields = redelivered};

}  // namespace ar::control
