#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field session_message[] = {
    {.name = "input",
     .type = Type::any,
     .about = "a text, or a list of texts and parts: {type: text, text} or {type: image | file, "
              "attachment | base64 | path, name?, mediaType?}",
     .required = true},
    {.name = "context", .type = Type::list, .about = "texts that come before the input"},
    {.name = "metadata", .type = Type::object, .about = "kept with the message, in its payload"},
    {.name = "outputSchema", .type = Type::object, .about = "a JSON Schema that the answer is to fit; 32 KiB at most"},
};

constexpr Field usage[] = {
    {.name = "inputTokens", .type = Type::integer, .about = "that no cache had", .required = true},
    {.name = "outputTokens", .type = Type::integer, .required = true},
    {.name = "cacheReadTokens", .type = Type::integer, .required = true},
    {.name = "cacheWriteTokens", .type = Type::integer, .required = true},
    {.name = "source", .about = "the provider's record that says so", .required = true, .words = "transcript rollout"},
};

constexpr Field parent_turn[] = {
    {.name = "id", .required = true, .nullable = true},
    {.name = "sequence", .type = Type::integer, .about = "the first is 0", .required = true, .nullable = true},
};
constexpr Schema kParentTurn{.name = "ParentTurn", .fields = parent_turn};

constexpr Field parent[] = {
    {.name = "sessionId", .required = true},
    {.name = "turn",
     .type = Type::object,
     .about = "that it was opened in",
     .required = true,
     .nullable = true,
     .schema = &kParentTurn},
    {.name = "callId", .about = "of the tool that opened it", .required = true, .nullable = true},
};
constexpr Schema kParent{.name = "ParentSession", .fields = parent};

constexpr Field session[] = {
    {.name = "id", .about = "its agent's", .required = true},
    {.name = "provider", .required = true},
    {.name = "status",
     .required = true,
     .words = "creating running idle suspending suspended cancelling deleting error"},
    {.name = "turnSeq",
     .type = Type::integer,
     .about = "of its newest turn; the first is 0",
     .required = true,
     .nullable = true},
    {.name = "turnStatus", .required = true, .words = "none launching running parking idle suspended failed"},
    {.name = "idleTtl", .about = "suspended after so long without work", .required = true, .nullable = true},
    {.name = "idleTtlMs", .type = Type::integer, .required = true, .nullable = true},
    {.name = "deadlineMs", .type = Type::integer, .about = "since its creation", .required = true, .nullable = true},
    {.name = "timedOut", .type = Type::boolean, .about = "its deadline has come", .required = true},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "updatedAt", .type = Type::time, .required = true},
    {.name = "idleAt", .type = Type::time, .about = "when it came to be idle last", .required = true, .nullable = true},
    {.name = "suspendedAt", .type = Type::time, .about = "it is suspended since", .required = true, .nullable = true},
    {.name = "activeDurationMs", .type = Type::integer, .about = "of all its turns that are over", .required = true},
    {.name = "lastTurnDurationMs", .type = Type::integer, .required = true, .nullable = true},
    {.name = "retainedStorageBytes", .type = Type::integer, .about = "of its outputs", .required = true},
    {.name = "usage",
     .type = Type::object,
     .about = "of all its turns",
     .required = true,
     .nullable = true,
     .schema = &kUsage},
    {.name = "costUsd",
     .type = Type::number,
     .about = "where its provider says so",
     .required = true,
     .nullable = true},
    {.name = "errorMessage", .required = true, .nullable = true},
    {.name = "parent", .type = Type::object, .required = true, .nullable = true, .schema = &kParent},
    {.name = "rootSessionId", .about = "where its line of parents begins", .required = true},
    {.name = "user", .about = "who opened it: operator, or its parent", .required = true},
    {.name = "initiator",
     .type = Type::object,
     .about = "who opened its root",
     .required = true,
     .schema = &kPrincipal},
    {.name = "requestInput", .type = Type::boolean, .about = "whether it may ask people", .required = true},
    {.name = "result",
     .about = "what its parent has been told of it",
     .required = true,
     .nullable = true,
     .words = "completed failed stopped removed"},
};

constexpr Field principal[] = {
    {.name = "kind", .required = true, .words = "operator agent"},
    {.name = "name", .required = true},
};

constexpr Field session_turn[] = {
    {.name = "sessionId", .required = true},
    {.name = "turnId", .required = true, .nullable = true},
    {.name = "turnSeq", .type = Type::integer, .about = "the first is 0", .required = true},
    {.name = "messages",
     .type = Type::list,
     .about = "that it is about; none: a person at the terminal began it",
     .required = true,
     .of = Type::integer},
    {.name = "startedAt", .type = Type::time, .required = true},
    {.name = "endedAt", .type = Type::time, .required = true, .nullable = true},
    {.name = "status", .required = true, .words = "running idle failed"},
    {.name = "outcome", .required = true, .nullable = true, .words = "completed failed interrupted"},
    {.name = "text", .about = "what it ended with", .required = true, .nullable = true},
    {.name = "output",
     .type = Type::any,
     .about = "the answer, where its message wants one that fits a schema",
     .required = true},
    {.name = "usage", .type = Type::object, .required = true, .nullable = true, .schema = &kUsage},
    {.name = "costUsd", .type = Type::number, .required = true, .nullable = true},
    {.name = "eventCursor",
     .type = Type::integer,
     .about = "of its agent's events, before its first",
     .required = true,
     .nullable = true},
    {.name = "errorMessage", .required = true, .nullable = true},
};
constexpr Schema kSessionTurn{.name = "SessionTurn", .about = "one prompt to its completion", .fields = session_turn};

constexpr Field launching[] = {
    {.name = "sessionId", .required = true},
    {.name = "turnId", .required = true, .nullable = true},
    {.name = "turnSeq", .type = Type::integer, .required = true, .nullable = true},
    {.name = "status", .required = true, .words = "launching"},
    {.name = "messages", .type = Type::list, .required = true, .of = Type::integer},
};
constexpr Schema kLaunching{.name = "LaunchingTurn",
                            .about = "which one it is shows when its provider has taken the message",
                            .fields = launching};

constexpr Field sent[] = {
    {.name = "session", .type = Type::object, .required = true, .schema = &kSession},
    {.name = "turn", .type = Type::object, .required = true, .nullable = true, .schema = &kLaunching},
    {.name = "eventCursor",
     .type = Type::integer,
     .about = "of its agent's events, before what follows",
     .required = true},
};

constexpr Field sessions[] = {
    {.name = "sessions", .type = Type::list, .required = true, .of = Type::object, .schema = &kSession},
    {.name = "nextCursor", .about = "there are more"},
};

constexpr Field session_turns[] = {
    {.name = "turns", .type = Type::list, .required = true, .of = Type::object, .schema = &kSessionTurn},
    {.name = "nextCursor", .type = Type::integer, .about = "there are more"},
};

constexpr Field cancel[] = {
    {.name = "reason", .about = "for its events, and for who asked for what is withdrawn; at most 256 bytes"}};

constexpr Field cancelled[] = {
    {.name = "session", .type = Type::object, .required = true, .schema = &kSession},
    {.name = "cancelledCount", .type = Type::integer, .required = true},
};

constexpr Field state[] = {{.name = "session", .type = Type::object, .required = true, .schema = &kSession}};

constexpr Field run[] = {
    {.name = "runId", .about = "its session's id", .required = true},
    {.name = "status", .about = "its session's", .required = true},
    {.name = "ok", .type = Type::boolean, .required = true},
    {.name = "outcome", .required = true, .words = "completed failed interrupted cancelled timed_out"},
    {.name = "text", .about = "what its turn ended with", .required = true, .nullable = true},
    {.name = "usage", .type = Type::object, .required = true, .nullable = true, .schema = &kUsage},
    {.name = "costUsd", .type = Type::number, .required = true, .nullable = true},
    {.name = "turns", .type = Type::list, .required = true, .of = Type::object, .schema = &kSessionTurn},
    {.name = "output", .type = Type::any, .about = "the document that outputSchema describes", .required = true},
    {.name = "errorMessage", .about = "why it is not ok", .required = true, .nullable = true},
};

}  // namespace

Schema const kPrincipal{.name = "Principal", .about = "who that is", .fields = principal};
Schema const kSession{.name = "Session", .about = "an agent, as a program sees it that drives it", .fields = session};
Schema const kSessionMessage{.name = "SessionMessage", .fields = session_message};
Schema const kSentToSession{.name = "SentToSession", .fields = sent};
Schema const kSessionList{.name = "SessionList", .fields = sessions};
Schema const kSessionTurnList{.name = "SessionTurnList", .fields = session_turns};
Schema const kCancel{.name = "Cancel", .fields = cancel};
Schema const kCancelled{.name = "Cancelled", .fields = cancelled};
Schema const kSessionState{.name = "SessionState", .fields = state};
Schema const kUsage{.name = "Usage", .about = "tokens, as the provider's own record has them", .fields = usage};
Schema const kRun{.name = "Run", .about = "what came of it", .fields = run};

}  // namespace ar::control
