#include "control/schemas/schemas.hpp"
#include "model/children_grant.hpp"

namespace ar::control {
namespace {

constexpr auto kYear = std::int64_t{1000} * 86'400 * 365;
constexpr std::string_view kStates =
    "creating starting idle busy waiting suspending suspended restarting stopping stopped failed";

constexpr Field workspace_asked[] = {
    {.name = "mode",
     .about = "worktree: one of its own on a new branch; shared: the folder itself",
     .words = "shared worktree"},
    {.name = "branch", .about = "of the new worktree"},
    {.name = "requestedMode", .about = "the runner's name for mode", .words = "shared worktree"},
};
constexpr Schema kWorkspaceAsked{.name = "WorkspaceSpecification", .fields = workspace_asked};

constexpr Field children_grant[] = {
    {.name = "spawn", .type = Type::boolean, .about = "whether it may"},
    {.name = "maxDepth",
     .type = Type::integer,
     .about = "generations below it; 0: as configured",
     .least = 0,
     .most = ChildrenGrant::kMostDepth},
    {.name = "maxChildren",
     .type = Type::integer,
     .about = "descendants at a time; 0: as configured",
     .least = 0,
     .most = ChildrenGrant::kMostChildren},
};
constexpr Schema kChildrenGrant{.name = "ChildrenGrant", .fields = children_grant};

constexpr Field children_granted[] = {
    {.name = "spawn", .type = Type::boolean, .required = true},
    {.name = "maxDepth", .type = Type::integer, .about = "generations below it", .required = true},
    {.name = "maxChildren", .type = Type::integer, .about = "descendants at a time", .required = true},
};
constexpr Schema kChildrenGranted{.name = "ChildrenGranted", .fields = children_granted};

constexpr Field limits_asked[] = {
    {.name = "memoryMax", .type = Type::any, .about = "bytes, or a text like 4G"},
    {.name = "memoryHigh", .type = Type::any, .about = "bytes above which it is slowed down, or a text"},
    {.name = "cpuQuota", .type = Type::any, .about = "percent of one processor, or a text like 150%"},
    {.name = "tasksMax", .type = Type::integer, .about = "processes and threads", .least = 0, .most = 4'194'304},
};
constexpr Schema kLimitsAsked{
    .name = "ResourceSpecification", .about = "0: no limit; missing: as configured", .fields = limits_asked};

constexpr Field limits_in_force[] = {
    {.name = "memoryMax", .type = Type::integer, .about = "bytes"},
    {.name = "memoryHigh", .type = Type::integer, .about = "bytes"},
    {.name = "cpuQuota", .type = Type::integer, .about = "percent of one processor"},
    {.name = "tasksMax", .type = Type::integer},
};
constexpr Schema kLimitsInForce{.name = "ResourceLimits", .fields = limits_in_force};

constexpr Field resources[] = {
    {.name = "by", .about = "what keeps its processes together", .required = true, .words = "scope cgroup rlimits"},
    {.name = "limits", .type = Type::object, .required = true, .schema = &kLimitsInForce},
    {.name = "partly",
     .type = Type::list,
     .about = "limits to which only each process by itself is held, or its user as a whole (tasksMax)",
     .required = true},
    {.name = "notHeld", .type = Type::list, .about = "limits that nothing holds here", .required = true},
    {.name = "memoryBytes", .type = Type::integer, .about = "in a group with the files cached for it"},
    {.name = "tasks", .type = Type::integer, .about = "processes and threads"},
    {.name = "cpuSeconds", .type = Type::number, .about = "of processor time, since its process was started"},
};
constexpr Schema kResources{
    .name = "AgentResources", .about = "of its process and all that runs because of it", .fields = resources};

constexpr Field specification[] = {
    {.name = "cwd", .about = "the folder to work in, from / on; only an agent's child may leave it out"},
    {.name = "id", .about = "its name: 1 to 64 of A-Z a-z 0-9 _ -; made up where it is missing"},
    {.name = "provider", .about = "the configured default where it is missing"},
    {.name = "model"},
    {.name = "effort"},
    {.name = "approvalMode"},
    {.name = "label", .about = "for people, at most 128 bytes"},
    {.name = "profile", .about = "one of the configuration's"},
    {.name = "parent",
     .type = Type::any,
     .about = "an agent's id, or {sessionId?, turn?: {id?, sequence?}, callId?}; an agent's child: that agent"},
    {.name = "reportEnd",
     .type = Type::boolean,
     .about = "its parent is told what comes of its first message; true with parent.callId"},
    {.name = "detached", .type = Type::boolean, .about = "it goes on when its parent is stopped"},
    {.name = "children", .type = Type::object, .about = "what it may spawn itself", .schema = &kChildrenGrant},
    {.name = "resources", .type = Type::object, .about = "what it may use", .schema = &kLimitsAsked},
    {.name = "prompt", .about = "its first message, at most 256 KiB"},
    {.name = "systemPromptAppend", .about = "at most 256 KiB"},
    {.name = "rig"},
    {.name = "policyName"},
    {.name = "spawnRequestId"},
    {.name = "automationId"},
    {.name = "automationRunId"},
    {.name = "tags", .type = Type::list},
    {.name = "capabilities", .type = Type::list},
    {.name = "providerArgs",
     .type = Type::list,
     .about = "for the provider's program; of the provider command the program itself"},
    {.name = "outputDirs",
     .type = Type::list,
     .about = "folders, from / on, whose files are captured after each turn; in cwd, or in one of outputs.roots"},
    {.name = "skills", .type = Type::list, .about = "besides its profile's: names, ids, or folders from / on"},
    {.name = "env", .type = Type::map, .about = "of its process; kept secret"},
    {.name = "options", .type = Type::object, .about = "as in the configuration's [providers.NAME], for this agent"},
    {.name = "requestInput", .type = Type::boolean, .about = "false: nobody is asked, its provider is told no at once"},
    {.name = "agentProfile", .type = Type::object, .about = "a whole profile, with the configuration's keys"},
    {.name = "workspace", .type = Type::object, .schema = &kWorkspaceAsked},
    {.name = "deadlineMs",
     .type = Type::integer,
     .about = "so long after its creation its turn is interrupted and what waits withdrawn, once; 0: never",
     .least = 0,
     .most = kYear},
    {.name = "idleTtlMs",
     .type = Type::integer,
     .about = "suspended after so long without work; 0: never",
     .least = 0,
     .most = kYear},
};

constexpr Field retention[] = {{.name = "idleTtl", .about = "3m, 1h: suspended after so long without work; 3m"}};
constexpr Schema kRetention{.name = "Retention", .fields = retention};

constexpr Field callback[] = {
    {.name = "url", .about = "https://...", .required = true},
    {.name = "token", .about = "shown to it as a Bearer token", .required = true},
    {.name = "callId", .about = "told back; at most 256 bytes"},
    {.name = "subagentName", .about = "told back; at most 256 bytes"},
};
constexpr Schema kCallback{.name = "Callback", .about = "who is told how the session ended, once", .fields = callback};

constexpr auto session_specification = joined(
    std::to_array(specification),
    std::to_array<Field>({{.name = "input",
                           .type = Type::any,
                           .about = "its first: a text, or a list of texts and parts: {type: text, text} or {type: "
                                    "image | file, attachment | base64 | path, name?, mediaType?}"},
                          {.name = "deadline", .about = "1m to 6h after which its work is cancelled"},
                          {.name = "context", .type = Type::list, .about = "texts that come before the input"},
                          {.name = "metadata", .type = Type::object, .about = "kept with the input, in its payload"},
                          {.name = "callback", .type = Type::object, .schema = &kCallback},
                          {.name = "outputSchema",
                           .type = Type::object,
                           .about = "a JSON Schema that the answer is to fit; 32 KiB at most"},
                          {.name = "retention", .type = Type::object, .schema = &kRetention}}));

constexpr Field verb_parameters[] = {
    {.name = "reason", .about = "for its events"},
    {.name = "timeoutMs",
     .type = Type::integer,
     .about = "how long its provider may take to end by itself",
     .least = 1,
     .most = 60'000},
    {.name = "content", .about = "inject: the text"},
    {.name = "memoryIds", .type = Type::list, .about = "inject: entries of the memory too, each as SCOPE/ID/KEY"},
};

constexpr Field workspace[] = {
    {.name = "requestedMode", .required = true},
    {.name = "mode", .required = true},
    {.name = "path"},
    {.name = "branch"},
    {.name = "repository"},
    {.name = "commit", .about = "where the branch was made"},
};
constexpr Schema kWorkspace{.name = "Workspace", .fields = workspace};

constexpr Field removed_workspace[] = {
    {.name = "requestedMode", .required = true},
    {.name = "mode", .required = true},
    {.name = "path"},
    {.name = "branch"},
    {.name = "repository"},
    {.name = "commit"},
    {.name = "removed", .type = Type::boolean, .required = true},
    {.name = "branchDeleted", .type = Type::boolean, .required = true},
    {.name = "kept", .about = "why it is still there"},
};
}  // namespace

Schema const kRemovedWorkspace{.name = "RemovedWorkspace", .fields = removed_workspace};

namespace {

constexpr Field projection[] = {
    {.name = "field", .required = true},
    {.name = "outcome", .required = true},
    {.name = "how"},
};
constexpr Schema kProjection{
    .name = "Projection", .about = "what its provider makes of one field of its profile", .fields = projection};

constexpr Field limited[] = {
    {.name = "kind", .required = true, .words = "limit login person away fails budget"},
    {.name = "error", .about = "in its provider's words", .required = true},
    {.name = "since", .type = Type::time, .required = true},
    {.name = "until",
     .type = Type::time,
     .about = "when the next message shows whether it takes work; null: when a person says so",
     .required = true,
     .nullable = true},
    {.name = "resetsAt", .type = Type::time, .about = "as its provider says", .required = true, .nullable = true},
};

constexpr Field pending[] = {
    {.name = "id", .type = Type::integer, .required = true},
    {.name = "agent", .about = "a descendant that asks"},
    {.name = "name", .about = "of that descendant"},
    {.name = "kind", .required = true, .words = "permission question dialog continue"},
    {.name = "tool", .required = true},
    {.name = "summary", .required = true},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "deadline", .type = Type::time, .required = true, .nullable = true},
};
constexpr Schema kPending{.name = "PendingApproval", .fields = pending};

constexpr Field context_use[] = {
    {.name = "utilization", .type = Type::number, .about = "from 0 to 1", .required = true},
    {.name = "tokens", .type = Type::integer, .required = true},
    {.name = "window", .type = Type::integer, .required = true},
    {.name = "source", .required = true},
    {.name = "confidence", .required = true},
    {.name = "costUsd", .type = Type::number},
};
constexpr Schema kContextUse{.name = "ContextUse", .fields = context_use};

constexpr Field work[] = {
    {.name = "kind", .required = true},
    {.name = "id", .required = true},
    {.name = "startedAt", .type = Type::time, .required = true},
    {.name = "label"},
    {.name = "role"},
    {.name = "parentId"},
    {.name = "metadata", .type = Type::object},
};
constexpr Schema kWork{.name = "Work", .about = "what it is at", .fields = work};

constexpr Field pinned_skill[] = {
    {.name = "id", .required = true},
    {.name = "name", .required = true},
    {.name = "contentHash", .required = true},
};
constexpr Schema kPinnedSkill{.name = "PinnedSkill", .fields = pinned_skill};

constexpr Field retrying[] = {
    {.name = "attempt", .type = Type::integer, .required = true},
    {.name = "most", .type = Type::integer, .about = "after which its provider gives up, where that says so"},
    {.name = "kind", .about = "overloaded, network, server_error, or its provider's word"},
    {.name = "error", .required = true},
    {.name = "since", .type = Type::time, .required = true},
};
constexpr Schema kRetrying{.name = "Retrying", .about = "its model is asked again after an error", .fields = retrying};

constexpr Field stalled[] = {
    {.name = "turn", .type = Type::integer, .required = true},
    {.name = "since", .type = Type::time, .about = "of the last sign of life", .required = true},
};
constexpr Schema kStalled{.name = "Stalled", .about = "its turn stands still", .fields = stalled};

constexpr Field agent[] = {
    {.name = "id", .required = true},
    {.name = "provider", .required = true},
    {.name = "cwd", .required = true},
    {.name = "model", .required = true},
    {.name = "effort", .required = true},
    {.name = "approvalMode", .required = true},
    {.name = "label", .required = true},
    {.name = "tags", .type = Type::list, .required = true},
    {.name = "capabilities", .type = Type::list, .required = true},
    {.name = "parent"},
    {.name = "rootSessionId", .about = "where its line of parents begins", .required = true},
    {.name = "user", .about = "who spawned it: operator, or its parent", .required = true},
    {.name = "initiator",
     .type = Type::object,
     .about = "who spawned its root",
     .required = true,
     .schema = &kPrincipal},
    {.name = "detached", .type = Type::boolean},
    {.name = "reportEnd", .type = Type::boolean},
    {.name = "children", .type = Type::object, .about = "what it may spawn itself", .schema = &kChildrenGranted},
    {.name = "profile"},
    {.name = "requestInput", .type = Type::boolean},
    {.name = "agentProfile", .type = Type::object},
    {.name = "skills",
     .type = Type::list,
     .about = "what it was spawned with",
     .of = Type::object,
     .schema = &kPinnedSkill},
    {.name = "workspace", .type = Type::object, .schema = &kWorkspace},
    {.name = "idleTtlMs", .type = Type::integer},
    {.name = "deadlineMs", .type = Type::integer},
    {.name = "outputDirs", .type = Type::list},
    {.name = "state", .required = true, .words = kStates},
    {.name = "reason", .about = "why it is in this state", .required = true},
    {.name = "since", .type = Type::time, .about = "it is in this state", .required = true},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "pid", .type = Type::integer, .about = "of its process; 0: it has none", .required = true},
    {.name = "tmuxSession", .required = true},
    {.name = "tmuxSocket", .required = true},
    {.name = "providerSession", .about = "its provider's name of the conversation", .required = true},
    {.name = "queue", .type = Type::integer, .about = "messages that its provider has not accepted", .required = true},
    {.name = "held", .about = "why the first of them waits"},
    {.name = "account", .about = "the login that its provider uses"},
    {.name = "limited", .type = Type::object, .schema = &kLimited},
    {.name = "retrying", .type = Type::object, .schema = &kRetrying},
    {.name = "stalled", .type = Type::object, .schema = &kStalled},
    {.name = "approvals", .type = Type::list, .of = Type::object, .schema = &kPending},
    {.name = "contextUse", .type = Type::object, .schema = &kContextUse},
    {.name = "usage", .type = Type::object, .about = "of all its turns", .schema = &kUsage},
    {.name = "costUsd", .type = Type::number, .about = "where its provider says so"},
    {.name = "restarts", .type = Type::integer, .required = true},
    {.name = "turns", .type = Type::integer, .required = true},
    {.name = "lastExit", .about = "how its process ended last, with its last words", .required = true},
    {.name = "status", .about = "as the bus has it", .required = true},
    {.name = "work", .type = Type::list, .required = true, .of = Type::object, .schema = &kWork},
    {.name = "projection", .type = Type::list, .of = Type::object, .schema = &kProjection},
    {.name = "road",
     .about = "of a Claude Code: how messages go into it, where its version can do both",
     .words = "terminal socket auto"},
    {.name = "reportedModel", .about = "as its provider says"},
    {.name = "memoryBytes", .type = Type::integer, .about = "of all its processes"},
    {.name = "resources", .type = Type::object, .schema = &kResources},
    {.name = "transport", .about = "reconnect: how the bus is reached"},
};

constexpr Field agents[] = {
    {.name = "agents", .type = Type::list, .required = true, .of = Type::object, .schema = &kAgent},
    {.name = "nextCursor", .about = "there are more"},
};

constexpr Field timeline[] = {
    {.name = "status", .required = true},
    {.name = "id"},
    {.name = "timestamp", .type = Type::integer, .about = "in ms since 1970; now where it is missing", .least = 0},
};
constexpr Schema kTimelineEvent{.name = "TimelineEvent", .about = "told to the bus once", .fields = timeline};

constexpr Field status_report[] = {
    {.name = "status", .required = true, .words = "busy idle offline error"},
    {.name = "reason", .about = "the kind of work; provider-turn where it is missing"},
    {.name = "id", .about = "of the work; its kind where it is missing"},
    {.name = "label"},
    {.name = "role"},
    {.name = "parentId"},
    {.name = "metadata", .type = Type::object, .about = "at most 4096 bytes"},
    {.name = "providerState", .type = Type::object, .about = "at most 4096 bytes"},
    {.name = "timeline", .type = Type::object, .schema = &kTimelineEvent},
    {.name = "clear", .type = Type::list, .about = "kinds of work that are over"},
    {.name = "providerSessionId", .about = "its process's AGENT_RELAY_PROVIDER_SESSION_ID"},
};

constexpr Field reported_status[] = {
    {.name = "status", .about = "as the bus has it", .required = true},
    {.name = "ready", .type = Type::boolean, .required = true},
    {.name = "work", .type = Type::list, .required = true, .of = Type::object, .schema = &kWork},
};

constexpr Field injected[] = {
    {.name = "memoryIds", .type = Type::list, .required = true},
    {.name = "injectedMemoryCount", .type = Type::integer, .required = true},
};

constexpr Field removed[] = {
    {.name = "removed", .about = "its name", .required = true},
    {.name = "workspace", .type = Type::object, .schema = &kRemovedWorkspace},
    {.name = "children", .type = Type::list, .about = "descendants that were removed with it"},
};

constexpr Field screen[] = {
    {.name = "lines", .type = Type::list, .required = true},
    {.name = "cursorX", .type = Type::integer, .required = true},
    {.name = "cursorY", .type = Type::integer, .required = true},
    {.name = "text", .about = "the lines as one text", .required = true},
    {.name = "ended", .type = Type::boolean, .about = "its process has: these are its last lines", .required = true},
};

constexpr Field terminal[] = {
    {.name = "tmuxSocket", .required = true},
    {.name = "target", .about = "of tmux attach-session", .required = true},
    {.name = "detachKey", .required = true},
};

constexpr Field turn[] = {
    {.name = "number", .type = Type::integer, .about = "1, 2, ... of its agent", .required = true},
    {.name = "messages", .type = Type::list, .about = "that it is about", .required = true, .of = Type::integer},
    {.name = "startedBy", .required = true, .words = "message human"},
    {.name = "status", .required = true, .words = "running done failed interrupted"},
    {.name = "startedAt", .type = Type::time, .required = true},
    {.name = "store", .about = "of the bus, whose numbers the messages have"},
    {.name = "id", .about = "a UUID"},
    {.name = "eventCursor", .type = Type::integer, .about = "of its agent's events, before its first"},
    {.name = "endedAt", .type = Type::time},
    {.name = "durationMs", .type = Type::integer},
    {.name = "finalText"},
    {.name = "errorKind"},
    {.name = "error"},
    {.name = "usage", .type = Type::object, .about = "a moment after its end", .schema = &kUsage},
    {.name = "costUsd", .type = Type::number, .about = "where its provider says so"},
};
constexpr Schema kTurn{.name = "Turn", .about = "one prompt to its completion", .fields = turn};

constexpr Field turns[] = {
    {.name = "turns", .type = Type::list, .required = true, .of = Type::object, .schema = &kTurn},
    {.name = "nextCursor", .type = Type::integer, .about = "there are more"},
};

constexpr Field folders[] = {
    {.name = "cwd", .required = true},
    {.name = "messages", .about = "where the files of its messages lie", .required = true},
};

constexpr Field tool_of_row[] = {
    {.name = "id", .about = "a tool_call and its tool_result have the same", .required = true},
    {.name = "name", .about = "tool_call"},
    {.name = "input", .type = Type::any, .about = "tool_call"},
    {.name = "isError", .type = Type::boolean, .about = "tool_result"},
};
constexpr Schema kToolOfRow{.name = "ToolOfRow", .fields = tool_of_row};

constexpr Field transcript_row[] = {
    {.name = "seq", .type = Type::integer, .about = "grows along the record, with gaps", .required = true},
    {.name = "turn",
     .type = Type::integer,
     .about = "the number of its turn, from 1 on; null: nobody knows",
     .required = true,
     .nullable = true},
    {.name = "time", .about = "as the provider wrote it", .required = true, .nullable = true},
    {.name = "role", .required = true, .words = "user assistant system"},
    {.name = "type", .required = true, .words = "text reasoning summary tool_call tool_result"},
    {.name = "text", .about = "of a tool_result: what the tool said", .required = true},
    {.name = "tool", .type = Type::object, .schema = &kToolOfRow},
    {.name = "subagent", .type = Type::boolean, .about = "it is a subagent's"},
};
constexpr Schema kTranscriptRow{.name = "TranscriptRow", .fields = transcript_row};

constexpr Field transcript[] = {
    {.name = "conversation", .about = "its provider's name of it: a cursor is of one conversation", .required = true},
    {.name = "rows", .type = Type::list, .required = true, .of = Type::object, .schema = &kTranscriptRow},
    {.name = "cursor", .type = Type::integer, .about = "where what comes next begins", .required = true},
    {.name = "nextCursor", .type = Type::integer, .about = "there are more"},
};

}  // namespace

Schema const kSessionSpecification{.name = "SessionSpecification",
                                   .about = "an agent's, and its first input",
                                   .fields = session_specification,
                                   .holds_secrets = true};
Schema const kLimited{.name = "Limited", .about = "its provider refuses work", .fields = limited};
Schema const kAgentSpecification{.name = "AgentSpecification",
                                 .about = "an agent as it is asked for",
                                 .fields = specification,
                                 .holds_secrets = true};
Schema const kVerbParameters{
    .name = "VerbParameters", .about = "each verb ignores those that it has no use for", .fields = verb_parameters};
Schema const kAgent{.name = "Agent", .about = "an agent as it is now", .fields = agent};
Schema const kAgentList{.name = "AgentList", .fields = agents};
Schema const kInjected{.name = "Injected", .fields = injected};
Schema const kRemovedAgent{.name = "RemovedAgent", .fields = removed};
Schema const kStatusReport{
    .name = "StatusReport", .about = "what an agent's process says that it is at", .fields = status_report};
Schema const kReportedStatus{.name = "ReportedStatus", .fields = reported_status};
Schema const kScreen{.name = "Screen", .about = "what stands on an agent's terminal", .fields = screen};
Schema const kTerminal{.name = "Terminal", .about = "where an agent's terminal is, for tmux", .fields = terminal};
Schema const kTranscript{.name = "Transcript", .fields = transcript};
Schema const kTurnList{.name = "TurnList", .fields = turns};
Schema const kFolders{.name = "Folders", .about = "what an agent may attach files from", .fields = folders};

}  // namespace ar::control
