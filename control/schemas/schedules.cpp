#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field new_schedule[] = {
    {.name = "at", .about = "18:00, 2026-12-24 18:00 (in timeZone) or 2026-12-24T17:00:00Z: due then"},
    {.name = "in", .about = "10m, 2h, 1d: due so long from now"},
    {.name = "every", .about = "10m, 2h, 1d: due again and again, from at or in on, or else for the first time then"},
    {.name = "cron",
     .about = "five fields (minute, hour, day of the month, month, day of the week), @hourly, @daily, @weekly, "
              "@monthly or @yearly; in the place of the three before"},
    {.name = "timeZone", .about = "Europe/Berlin, UTC: in which at and cron are meant; else the daemon's"},
    {.name = "missed",
     .about = "once where it is missing: the last of the due times that were missed is done late",
     .words = "once skip"},
    {.name = "name", .about = "for people; at most 100 bytes"},
    {.name = "message",
     .type = Type::object,
     .about = "to send, as POST /v1/messages takes it",
     .schema = &kNewMessage},
    {.name = "agent",
     .type = Type::object,
     .about = "to spawn, as POST /v1/agents takes it",
     .schema = &kAgentSpecification},
    {.name = "session",
     .type = Type::object,
     .about = "to open, as POST /v1/sessions takes it",
     .schema = &kSessionSpecification},
};

constexpr Field last[] = {
    {.name = "dueAt", .type = Type::time, .about = "of one by hand: when it was asked for", .required = true},
    {.name = "at", .type = Type::time, .about = "when it was over", .required = true},
    {.name = "outcome", .required = true, .words = "done failed skipped"},
    {.name = "late", .type = Type::boolean, .about = "it had been missed", .required = true},
    {.name = "byHand", .type = Type::boolean, .about = "POST .../run", .required = true},
    {.name = "message", .type = Type::integer, .about = "that was sent"},
    {.name = "agent", .about = "that was spawned"},
    {.name = "reason", .about = "why it has failed"},
};
constexpr Schema kLast{.name = "ScheduleOutcome", .fields = last};

constexpr Field schedule[] = {
    {.name = "id", .required = true},
    {.name = "owner", .about = "operator, or an agent's name: with whose right it is done", .required = true},
    {.name = "name", .required = true, .nullable = true},
    {.name = "does", .required = true, .words = "message agent session"},
    {.name = "to", .about = "a message's address, or the name of what is spawned", .required = true, .nullable = true},
    {.name = "text", .about = "the beginning of what is said", .required = true},
    {.name = "at", .type = Type::time, .about = "the first due time, of what is no cron expression"},
    {.name = "every", .about = "2h"},
    {.name = "cron"},
    {.name = "timeZone", .required = true},
    {.name = "missed", .required = true, .words = "once skip"},
    {.name = "state", .about = "over: it is not due any more", .required = true, .words = "active paused over"},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "nextAt", .type = Type::time, .required = true, .nullable = true},
    {.name = "underWay",
     .type = Type::time,
     .about = "when what is being carried out was due",
     .required = true,
     .nullable = true},
    {.name = "done", .type = Type::integer, .about = "so often it was carried out", .required = true},
    {.name = "last",
     .type = Type::object,
     .about = "what became of the last due time",
     .required = true,
     .nullable = true,
     .schema = &kLast},
    {.name = "message", .type = Type::object, .about = "to send; where one schedule is asked for"},
};

constexpr Field schedules[] = {
    {.name = "schedules", .type = Type::list, .required = true, .of = Type::object, .schema = &kSchedule},
    {.name = "nextCursor", .about = "there are more"},
};

constexpr Field schedule_pause[] = {{.name = "paused", .type = Type::boolean, .required = true}};

constexpr Field removed[] = {{.name = "removed", .about = "its id", .required = true}};

}  // namespace

Schema const kNewSchedule{.name = "NewSchedule",
                          .about = "when, and one of message, agent and session",
                          .fields = new_schedule,
                          .holds_secrets = true};
Schema const kSchedule{.name = "Schedule", .about = "what is done at its time", .fields = schedule};
Schema const kScheduleList{.name = "ScheduleList", .fields = schedules};
Schema const kSchedulePause{.name = "SchedulePause", .fields = schedule_pause};
Schema const kScheduleRemoved{.name = "ScheduleRemoved", .fields = removed};

}  // namespace ar::control
