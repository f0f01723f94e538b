#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field run[] = {
    {.name = "agent", .required = true},
    {.name = "turn", .type = Type::integer, .about = "its number", .required = true},
    {.name = "outcome",
     .about = "running: not ended yet; finished: by itself; interrupted: by the pause",
     .required = true,
     .words = "running finished interrupted"},
};
constexpr Schema kRun{.name = "PausedRun", .about = "a turn that ran when the runtime was paused", .fields = run};

constexpr Field runtime[] = {
    {.name = "state", .required = true, .words = "running pausing paused"},
    {.name = "since", .type = Type::time, .about = "in that state", .required = true},
    {.name = "reason", .about = "of the pause, as it was given"},
    {.name = "pausedRuns", .type = Type::list, .required = true, .of = Type::object, .schema = &kRun},
    {.name = "snapshots", .type = Type::integer, .about = "how many there are; of the runtime itself only"},
};

constexpr Field pause[] = {
    {.name = "timeoutMs",
     .type = Type::integer,
     .about = "the grace of the turns that run; 30 000 where it is missing",
     .least = 1,
     .most = 300'000},
    {.name = "force", .type = Type::boolean, .about = "interrupt the turns that still run after it"},
    {.name = "reason", .about = "for people, at most 256 bytes"},
};

constexpr Field paused[] = {
    {.name = "state", .about = "running: somebody has resumed meanwhile", .required = true, .words = "paused running"},
    {.name = "parked", .type = Type::list, .about = "agents without a turn", .required = true},
    {.name = "running", .type = Type::list, .about = "agents whose turn still runs", .required = true},
    {.name = "ms", .type = Type::integer, .about = "how long it took", .required = true},
};

constexpr Field cut_off_turn[] = {
    {.name = "turn", .type = Type::integer, .about = "its number", .required = true},
    {.name = "messages", .type = Type::list, .required = true, .of = Type::integer},
    {.name = "status",
     .about = "interrupted: it was cut off; done, failed: as the provider's record says; removed: with its agent",
     .words = "running done failed interrupted removed"},
};
constexpr Schema kCutOffTurn{.name = "RecoveredTurn", .about = "a turn that ran", .fields = cut_off_turn};

constexpr Field recovered_message[] = {
    {.name = "message", .type = Type::integer, .about = "below 0: it never was on the bus", .required = true},
    {.name = "store", .about = "of the bus, whose number that is", .required = true},
    {.name = "before", .about = "its delivery's state", .required = true},
    {.name = "attempts", .type = Type::integer, .about = "so often it had been handed over", .required = true},
    {.name = "outcome",
     .about = "again: it was not taken, and is or was handed over once more; goes_on: its task is gone on with",
     .words = "done failed interrupted goes_on again unknown removed"},
    {.name = "state", .about = "its delivery's, when all were back"},
    {.name = "proved", .type = Type::boolean, .about = "the provider has shown that it took it"},
    {.name = "reason"},
};
constexpr Schema kRecoveredMessage{
    .name = "RecoveredMessage", .about = "a message that its agent was at", .fields = recovered_message};

constexpr Field withdrawn[] = {
    {.name = "id", .type = Type::integer, .required = true},
    {.name = "summary", .required = true},
};
constexpr Schema kWithdrawn{.name = "WithdrawnApproval", .fields = withdrawn};

constexpr Field recovered_agent[] = {
    {.name = "agent", .required = true},
    {.name = "before", .about = "its state", .required = true},
    {.name = "session", .about = "its provider's conversation", .required = true},
    {.name = "outcome",
     .about = "waiting: for a person; late: not there after 10 min",
     .required = true,
     .words = "pending back limited suspended stopped waiting failed late removed"},
    {.name = "state", .about = "when it had come to that"},
    {.name = "reason", .about = "of that state"},
    {.name = "sameSession", .type = Type::boolean, .about = "it goes on in the same conversation"},
    {.name = "tookMs", .type = Type::integer, .about = "since the cold start"},
    {.name = "turns", .type = Type::list, .required = true, .of = Type::object, .schema = &kCutOffTurn},
    {.name = "messages", .type = Type::list, .required = true, .of = Type::object, .schema = &kRecoveredMessage},
    {.name = "waiting", .type = Type::integer, .about = "messages that were not handed over when all were back"},
    {.name = "approvals", .type = Type::list, .required = true, .of = Type::object, .schema = &kWithdrawn},
};
constexpr Schema kRecoveredAgent{.name = "RecoveredAgent", .fields = recovered_agent};

constexpr Field recovery[] = {
    {.name = "state",
     .about = "recovering: not all agents are back",
     .required = true,
     .words = "recovering recovered"},
    {.name = "cause",
     .about = "processes_gone: the machine was not started again, and yet no agent's process had lived on",
     .required = true,
     .words = "reboot processes_gone"},
    {.name = "startedAt", .type = Type::time, .required = true},
    {.name = "endedAt", .type = Type::time},
    {.name = "tookMs", .type = Type::integer},
    {.name = "starts", .type = Type::integer, .about = "of the daemon until all were back", .required = true},
    {.name = "event", .type = Type::integer, .about = "the log's last before it", .required = true},
    {.name = "counts", .type = Type::object, .about = "once all are back"},
    {.name = "agents", .type = Type::list, .required = true, .of = Type::object, .schema = &kRecoveredAgent},
};

}  // namespace

Schema const kRecovery{.name = "Recovery", .about = "what came of a cold start", .fields = recovery};
Schema const kRuntime{.name = "Runtime", .about = "whether agents are given work", .fields = runtime};
Schema const kPause{.name = "Pause", .about = "a pause of the runtime as it is asked for", .fields = pause};
Schema const kPaused{.name = "Paused", .about = "what a pause has come to", .fields = paused};

}  // namespace ar::control
