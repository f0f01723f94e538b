#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field event[] = {
    {.name = "number", .type = Type::integer, .about = "of the whole log, without gaps", .required = true},
    {.name = "agentNumber", .type = Type::integer, .about = "of its agent's log; 0: about none", .required = true},
    {.name = "agent", .about = "empty: about the daemon", .required = true},
    {.name = "type", .about = "one of /v1/events/types", .required = true},
    {.name = "at", .type = Type::time, .required = true},
    {.name = "data", .type = Type::object, .about = "by its type", .required = true},
};
constexpr Schema kEvent{.name = "Event", .fields = event};

constexpr Field events[] = {
    {.name = "events", .type = Type::list, .required = true, .of = Type::object, .schema = &kEvent},
    {.name = "eventCursor", .type = Type::integer, .about = "where who follows the log goes on", .required = true},
    {.name = "nextCursor", .type = Type::integer, .about = "there are more"},
};

constexpr Field ticket_request[] = {{.name = "agent", .about = "it reaches only this agent's events"}};

constexpr Field ticket[] = {
    {.name = "ticket", .about = "a secret, good for one stream", .required = true},
    {.name = "expiresAt", .type = Type::time, .required = true},
};

constexpr Field type[] = {
    {.name = "type", .required = true},
    {.name = "data", .type = Type::list, .about = "its fields; *: those of what it is about", .required = true},
    {.name = "summary", .required = true},
};
constexpr Schema kEventType{.name = "EventType", .fields = type};

constexpr Field types[] = {
    {.name = "types", .type = Type::list, .required = true, .of = Type::object, .schema = &kEventType},
};

constexpr Field log_check[] = {
    {.name = "first",
     .type = Type::integer,
     .about = "the first event that is kept; 0: there is none",
     .required = true},
    {.name = "last", .type = Type::integer, .required = true},
    {.name = "checked", .type = Type::integer, .about = "that follow from the one before", .required = true},
    {.name = "unchained",
     .type = Type::integer,
     .about = "of an earlier version, or the one before is not kept any more",
     .required = true},
    {.name = "broken",
     .type = Type::integer,
     .about = "the first that does not follow from the one before",
     .required = true,
     .nullable = true},
    {.name = "head", .about = "the chain of the last; empty: it has none", .required = true},
};

}  // namespace

Schema const kLogCheck{.name = "LogCheck", .fields = log_check};
Schema const kEventPage{.name = "EventPage", .fields = events};
Schema const kTicketRequest{.name = "EventTicketRequest", .fields = ticket_request};
Schema const kEventTicket{.name = "EventTicket", .fields = ticket};
Schema const kEventTypeList{.name = "EventTypeList", .fields = types};

}  // namespace ar::control
