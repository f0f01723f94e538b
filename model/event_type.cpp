#include "model/event_type.hpp"

#include <algorithm>
#include <iterator>

namespace ar {
namespace {

constexpr std::string_view kMessage = "message from kind proof reason turn";
constexpr std::string_view kApproval = "id status where by decision reason";
constexpr std::string_view kToolHook = "hook id phase tools failMode";
constexpr std::string_view kHooked = "hook phase tool id reason failMode";
constexpr std::string_view kTool = "tool id name subagent input inputBytes durationMs exitCode status error";

/// In the order of their names.
constexpr EventType types[] = {
    {"agent.adopted", "pid", "a daemon has taken over its running process"},
    {"agent.clear", "reason", "it was told to begin a fresh conversation"},
    {"agent.compact", "reason", "it was told to compact its context"},
    {"agent.created", "*", "it was spawned; the data is the agent"},
    {"agent.deadline", "deadlineMs cancelled", "its deadline has come: what it was at, and what waited, is cancelled"},
    {"agent.exited", "status code signal lastLines", "its process has ended; lastLines: what stood on its terminal"},
    {"agent.fault", "part reason", "a part of it ended by a fault of agent-runner's"},
    {"agent.interrupt", "reason", "its turn was interrupted from here"},
    {"agent.launched", "pid resumed sessionId", "its process was started"},
    {"agent.limited", "kind error since until resetsAt account", "its provider refuses work for now"},
    {"agent.released", "", "its provider takes work again"},
    {"agent.removed", "", "it is forgotten"},
    {"agent.restarting", "exits livedMs waitMs reason", "it is started again after a wait"},
    {"agent.restored", "snapshot state", "it has come from a snapshot"},
    {"agent.state", "state before reason", "its state has changed"},
    {"agent.waiting", "for", "its provider waits for a person"},
    {"approval.answered", kApproval, "somebody has decided it"},
    {"approval.created", "id kind tool summary deadline name rootSessionId", "its provider asks a person"},
    {"approval.expired", kApproval, "nobody has decided it in time"},
    {"approval.withdrawn", kApproval, "its provider asks no more"},
    {"approval_rule.added", "*", "a rule that decides approvals was added; the data is the rule"},
    {"approval_rule.removed", "id", "such a rule was removed"},
    {"budget.freed", "budget unit used limit period reason", "a used-up budget lets its agents go on"},
    {"budget.raised", "budget unit used limit period by", "the operator has raised a budget"},
    {"budget.reached", "budget unit used limit period",
     "a budget is used up: its agents are held once their turns are over"},
    {"budget.warning", "budget unit used limit period", "80 % of a budget are used"},
    {"bus.changed", "store before restored ended", "the bus has another store now"},
    {"callback.gave_up", "agent callId reason", "a session's end could not be told to who had opened it"},
    {"child.answered", "child name rootSessionId id status where by decision reason",
     "what a descendant has asked is answered, or is over"},
    {"child.asked", "child name rootSessionId id kind tool summary deadline", "a descendant asks a person"},
    {"child.created", "child name callId", "it has got a child"},
    {"child.result", "child name outcome callId", "what came of a child is known, and it is told so by a message"},
    {"claim.lost", "message reason", "a lease on a message was lost"},
    {"command.ended", "command type status", "a command of the bus has been carried out, or has failed"},
    {"command.running", "command type", "a command of the bus is being carried out"},
    {"compaction.failed", "", "its provider could not compact its context"},
    {"compaction.finished", "trigger", "its provider has compacted its context"},
    {"compaction.started", "trigger", "its provider compacts its context"},
    {"config.reloaded", "changed restart", "the configuration was read again; restart: what waits for one"},
    {"daemon.started", "version pid", "a daemon has begun"},
    {"daemon.stopped", "", "the daemon has ended as it was told"},
    {"delivery.altered", "messageId reason", "its provider's record shows a prompt with other bytes than were typed"},
    {"delivery.leftover", "cleared", "what a prompt had left in its composer was looked at"},
    {"limit.lifted", "account by", "an account takes work again; by: the agent whose turn showed it, or operator"},
    {"limit.probing", "account agent message", "that message shows whether a held account takes work again"},
    {"limit.reached", "account agent kind error since until resetsAt login",
     "an account is held: a usage limit, a login that is over (login: what ends that), or a person"},
    {"memory.changed", "scope id key", "an entry of the memory has a new value"},
    {"memory.removed", "scope id key", "an entry of the memory was removed"},
    {"message.accepted", kMessage, "its provider has said that it took the message"},
    {"message.checked", "message fits problems repairs", "its answer was compared with the schema that it wants"},
    {"message.claimed", kMessage, "the message is leased from the bus for this agent"},
    {"message.done", kMessage, "the message's turn has ended well"},
    {"message.failed", kMessage, "the message, or its turn, has failed"},
    {"message.held", "message reason", "the message waits, and why"},
    {"message.looked_up", "message says", "its provider's record was asked whether it took the message"},
    {"message.queued", "message from kind proof reason turn payload", "the message waits for this agent"},
    {"message.refused", kMessage, "its provider cannot be given this message"},
    {"message.returned", kMessage, "the message was given back, to be delivered once more"},
    {"message.submitted", kMessage, "the message is being typed, or is typed"},
    {"message.unknown", kMessage, "whether the message was taken cannot be told; a person settles it"},
    {"message.unverified", kMessage, "the message was typed, and its provider cannot prove that it took it"},
    {"notes.left_out", "count", "its provider said more than could be written down"},
    {"notification", "type message", "its provider notifies people"},
    {"output.captured", "turn files bytes retainedStorageBytes missing",
     "its output folders were looked through; files: new or changed ones"},
    {"program.status", "*", "the program has told of itself; the data is what it said"},
    {"provider.error", "message kind", "its provider reports an error"},
    {"provider.request_refused", "method", "its provider asked something that is not known here"},
    {"provider.retrying", "message kind", "its provider tries again after an error"},
    {"runtime-token-ended", "jti reason", "its process cannot speak any more"},
    {"runtime-token-renewal-failed", "reason", "its token could not be renewed"},
    {"runtime-token-renewed", "jti expiresAt", "its token was renewed"},
    {"runtime.paused", "reason parked running", "nothing is handed to any agent; running: where a turn still runs"},
    {"runtime.pausing", "reason timeoutMs force running", "nothing new is handed to any agent; turns have their grace"},
    {"runtime.resumed", "reason", "agents are given work again; reason: of the pause"},
    {"schedule.created", "schedule owner does", "something is to be done at its time"},
    {"schedule.failed", "schedule dueAt late reason", "what was due could not be done"},
    {"schedule.fired", "schedule dueAt late message agent",
     "what was due is done: a message is sent, an agent spawned"},
    {"schedule.late", "schedule dueAt since outcome",
     "due times were missed; outcome: of the last of them: late, skipped, or on_time where those before it were "
     "missed"},
    {"schedule.paused", "schedule", "nothing of it is due until it is resumed"},
    {"schedule.removed", "schedule", "a schedule was removed"},
    {"schedule.resumed", "schedule", "it is due again"},
    {"session.changed", "sessionId", "its provider goes on in another conversation"},
    {"session.completed", "outcome turn callId reason", "it has done what it was opened for, with a callback"},
    {"session.ended", "reason", "its provider has ended the conversation"},
    {"session.failed", "outcome turn callId reason", "it has not done what it was opened for, with a callback"},
    {"session.lost", "thread reason", "its conversation could not be resumed"},
    {"skill.added", "id name contentHash", "a skill is kept that was not there"},
    {"skill.removed", "id", "nobody finds this skill any more"},
    {"snapshot.created", "snapshot label bytes", "a snapshot was taken"},
    {"snapshot.removed", "snapshot", "a snapshot was removed"},
    {"snapshot.restored", "snapshot written skipped", "a snapshot was restored; the data counts its rows"},
    {"subagent.finished", "id", "a subagent has ended"},
    {"subagent.started", "id label", "a subagent has begun"},
    {"tool.failed", kTool, "a tool's call has failed"},
    {"tool.finished", kTool, "a tool's call has ended"},
    {"tool.started", kTool, "a tool is called"},
    {"tool_hook.added", kToolHook, "a tool hook was registered, or took the place of the one of its name"},
    {"tool_hook.denied", kHooked, "a tool hook has refused the call"},
    {"tool_hook.failed", kHooked, "a tool hook could not be asked, or its answer not be carried out"},
    {"tool_hook.removed", kToolHook, "a tool hook was removed"},
    {"tool_hook.rewrote", kHooked, "a tool hook has changed the call's input or result"},
    {"turn.ended", "turn status messages errorKind error", "a turn has ended"},
    {"turn.started", "turn", "a turn has begun"},
    {"turn.usage", "turn usage costUsd", "what a turn that is over has used is known, or more of it"},
    {"view.returned", "thread reason", "the terminal shows the agent's own conversation again"},
    {"webhook.added", "webhook owner", "there is a webhook more"},
    {"webhook.full", "webhook waiting", "so much waits for a webhook that events are left out"},
    {"webhook.gave_up", "webhook count reason",
     "a webhook's receiver has taken nothing for a day: what is older is not sent"},
    {"webhook.gone", "webhook count reason", "a webhook's receiver has said that it is gone"},
    {"webhook.removed", "webhook", "a webhook was removed"},
    {"workspace.finished", "how branch into before after commits",
     "what it has committed in its worktree was brought into the branch `into`"},
    {"workspace.kept", "*", "its worktree was left where it is, and why; the data is the workspace"},
    {"workspace.removed", "*", "its worktree was removed; the data is the workspace"},
};
static_assert(std::ranges::is_sorted(types, {}, &EventType::name));

}  // namespace

std::span<EventType const> event_types() { return types; }

EventType const* find_event_type(std::string_view name) {
  auto const at = std::ranges::lower_bound(types, name, {}, &EventType::name);
  return at == std::end(types) || at->name != name ? nullptr : at;
}

}  // namespace ar
