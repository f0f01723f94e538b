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

}  // namespace

Schema const kRuntime{.name = "Runtime", .about = "whether agents are given work", .fields = runtime};
Schema const kPause{.name = "Pause", .about = "a pause of the runtime as it is asked for", .fields = pause};
Schema const kPaused{.name = "Paused", .about = "what a pause has come to", .fields = paused};

}  // namespace ar::control
