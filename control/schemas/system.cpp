#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field health[] = {{.name = "status", .required = true, .words = "ok"}};

constexpr Field relay[] = {
    {.name = "kind", .required = true},
    {.name = "transport", .required = true},
    {.name = "store", .about = "the bus's, which numbers its messages", .required = true},
};
constexpr Schema kRelay{.name = "RelayInfo", .fields = relay};

constexpr Field descriptors[] = {
    {.name = "open", .type = Type::integer, .required = true},
    {.name = "limit", .type = Type::integer, .required = true},
    {.name = "reserved", .type = Type::integer, .about = "kept from agents", .required = true},
};
constexpr Schema kDescriptors{.name = "Descriptors", .about = "the daemon's files", .fields = descriptors};

constexpr Field loop[] = {
    {.name = "p50Ms", .type = Type::number, .required = true},
    {.name = "p99Ms", .type = Type::number, .required = true},
    {.name = "maxMs", .type = Type::number, .required = true},
    {.name = "looks", .type = Type::integer, .about = "how many were made", .required = true},
};
constexpr Schema kLoop{.name = "Loop", .about = "how late the daemon's one thread was", .fields = loop};

constexpr Field outbox[] = {
    {.name = "waiting", .type = Type::integer, .about = "for webhooks and callbacks", .required = true},
    {.name = "failing", .type = Type::integer, .about = "of their receivers so many take nothing", .required = true},
    {.name = "failingSince", .type = Type::time, .about = "the first of them", .required = true, .nullable = true},
};
constexpr Schema kOutbox{.name = "OutboxInfo", .fields = outbox};

constexpr Field info[] = {
    {.name = "version", .required = true},
    {.name = "pid", .type = Type::integer, .required = true},
    {.name = "instanceId", .required = true},
    {.name = "startedAt", .type = Type::time, .required = true},
    {.name = "stateDir", .required = true},
    {.name = "configFile", .required = true},
    {.name = "controlSocket", .required = true},
    {.name = "controlPort", .type = Type::integer, .required = true},
    {.name = "tmuxSocket", .required = true},
    {.name = "relay", .type = Type::object, .required = true, .schema = &kRelay},
    {.name = "runtime", .type = Type::object, .required = true, .schema = &kRuntime},
    {.name = "outbox", .type = Type::object, .required = true, .schema = &kOutbox},
    {.name = "nextSchedule",
     .type = Type::time,
     .about = "when the next schedule is due",
     .required = true,
     .nullable = true},
    {.name = "agents", .type = Type::map, .about = "how many are in each state", .required = true, .of = Type::integer},
    {.name = "descriptors", .type = Type::object, .required = true, .nullable = true, .schema = &kDescriptors},
    {.name = "loop", .type = Type::object, .required = true, .schema = &kLoop},
    {.name = "lastEvent", .type = Type::integer, .required = true},
    {.name = "ready", .type = Type::boolean, .required = true},
};

constexpr Field setting[] = {
    {.name = "key", .required = true},
    {.name = "value", .type = Type::any, .required = true},
    {.name = "origin", .required = true},
    {.name = "help", .required = true},
    {.name = "live", .type = Type::boolean, .about = "it can change without a restart", .required = true},
};
constexpr Schema kSetting{.name = "Setting", .fields = setting};

constexpr Field configuration[] = {
    {.name = "file", .required = true},
    {.name = "settings", .type = Type::list, .required = true, .of = Type::object, .schema = &kSetting},
};

constexpr Field changed[] = {
    {.name = "key", .required = true},
    {.name = "before", .type = Type::any, .required = true},
    {.name = "value", .type = Type::any, .required = true},
};
constexpr Schema kChanged{.name = "ChangedSetting", .fields = changed};

constexpr Field waiting[] = {
    {.name = "key", .required = true},
    {.name = "inForce", .type = Type::any, .required = true},
    {.name = "value", .type = Type::any, .required = true},
};
constexpr Schema kWaiting{.name = "WaitingSetting", .about = "in force after a restart", .fields = waiting};

constexpr Field reloaded[] = {
    {.name = "file", .required = true},
    {.name = "changed", .type = Type::list, .required = true, .of = Type::object, .schema = &kChanged},
    {.name = "restart", .type = Type::list, .required = true, .of = Type::object, .schema = &kWaiting},
};

constexpr Field bus[] = {
    {.name = "kind", .required = true},
    {.name = "transport", .required = true},
    {.name = "since", .type = Type::time},
    {.name = "store", .required = true},
    {.name = "lastError", .type = Type::object},
    {.name = "storage", .type = Type::object, .about = "since when it could not keep something, and why"},
};

constexpr Field shutdown[] = {{.name = "agents", .type = Type::boolean, .about = "end them too"}};

constexpr Field shutting_down[] = {
    {.name = "stopping", .type = Type::boolean, .required = true},
    {.name = "agentsStopped", .type = Type::boolean, .required = true},
};

constexpr Field problem[] = {
    {.name = "type", .required = true},
    {.name = "title", .required = true},
    {.name = "status", .type = Type::integer, .required = true},
    {.name = "code", .about = "for programs; stays the same", .required = true},
    {.name = "detail", .about = "what happened, and what to do", .required = true},
    {.name = "field", .about = "the input at fault"},
    {.name = "existingId", .about = "of an idempotency_conflict: the id of what the first request made, as in paths"},
    {.name = "messageId", .type = Type::integer, .about = "of a message that was sent, while its wait failed"},
};

}  // namespace

Schema const kHealth{.name = "Health", .fields = health};
Schema const kInfo{.name = "Info", .fields = info};
Schema const kConfiguration{.name = "Configuration", .fields = configuration};
Schema const kNothing{.name = "Nothing", .fields = {}};
Schema const kReloaded{.name = "Reloaded", .fields = reloaded};
Schema const kBus{.name = "Bus", .about = "by its kind more", .fields = bus, .open = true};
Schema const kShutdown{.name = "Shutdown", .fields = shutdown};
Schema const kShuttingDown{.name = "ShuttingDown", .fields = shutting_down};
Schema const kOpenApi{.name = "OpenApi", .about = "an OpenAPI 3.1 document", .fields = {}, .open = true};
Schema const kHookPayload{
    .name = "HookPayload", .about = "what the provider gives its hook", .fields = {}, .open = true};
Schema const kHookOutput{.name = "HookOutput", .about = "what the hook tells its provider", .fields = {}, .open = true};
Schema const kProblem{.name = "Problem", .about = "RFC 9457", .fields = problem, .open = true};

}  // namespace ar::control
