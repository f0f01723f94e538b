#include "control/error_codes.hpp"

#include "base/words.hpp"
#include "control/idempotency.hpp"
#include "control/route.hpp"

#include <algorithm>

namespace ar::control {
namespace {

constexpr std::string_view kOfKeys = "idempotency_conflict request_under_way";

constexpr ErrorCode rows[] = {
    {400, "invalid_argument", "the input is wrong: `field` names the parameter, header or JSON field", true},
    {400, "invalid_json", "the body is no JSON, or none of the kind that is wanted", true},
    {400, "malformed_request", "it is no HTTP/1.1", true},
    {400, "bad_config", "the provider's own configuration is wrong"},
    {400, "snapshot_damaged", "what is to be restored is no snapshot, or a damaged one; nothing was restored"},
    {401, "token_required", "no token", true},
    {401, "bad_authorization", "another scheme than `Bearer`", true},
    {401, "unauthorized", "a token that is unknown, expired or revoked", true},
    {401, "bad_ticket", "a ticket that is unknown, used or too old"},
    {403, "bad_host", "the `Host` is not ours", true},
    {403, "bad_origin", "the `Origin` is not ours", true},
    {403, "operator_only", "an agent's token, where only the operator's is good", true},
    {403, "not_your_agent", "an agent's token, for another agent", true},
    {403, "not_an_agent", "a hook without an agent's token"},
    {403, "not_its_approval", "the approval is neither the agent's nor a descendant's"},
    {403, "not_granted", "an agent's token, for a child that it may not have, or not with so much"},
    {403, "not_your_memory", "an agent's token, for memory that is neither its own nor shared"},
    {403, "not_your_message", "an agent's token, for a message that it has nothing to do with"},
    {403, "not_your_name", "an agent's token, with `from` another name"},
    {403, "not_your_task", "an agent's token, for a task that it has nothing to do with"},
    {403, "message_required", "an agent's token, without the message that carries the attachment"},
    {403, "address_refused", "a URL of this machine or a private network, which the configuration does not allow"},
    {403, "host_not_allowed", "a tool hook on a host that `tool_hooks.hosts` does not name"},
    {403, "outside_folders", "a file outside of the folders that are allowed"},
    {404, "no_such_route", "there is no such path", true},
    {404, "no_such_agent", "there is no such agent"},
    {404, "no_such_entry", "the memory has no such entry"},
    {404, "no_such_webhook", "there is no such webhook, or it is another's"},
    {404, "no_such_notify_rule", "the configuration has no such rule"},
    {404, "no_such_delivery", "the webhook has no such delivery, or none any more"},
    {404, "no_such_skill", "there is no such skill"},
    {404, "no_such_snapshot", "there is no such snapshot"},
    {404, "no_such_tool_hook", "there is no such tool hook"},
    {404, "no_such_budget", "the configuration has no budget of this name"},
    {404, "no_such_account", "no agent uses this account, and it is not held"},
    {404, "no_such_schedule", "there is no such schedule, or it is another's"},
    {404, "no_recovery", "there was no cold start yet"},
    {404, "no_such_approval", "there is no such approval"},
    {404, "no_such_rule", "there is no such approval rule, or it is the configuration's"},
    {404, "unknown_message", "there is no such message"},
    {404, "unknown_attachment", "there is no such attachment"},
    {404, "unknown_output", "the session has no such output"},
    {404, "unknown_task", "there is no such task"},
    {404, "unknown_hook", "the provider has no such hook"},
    {404, "no_receiver", "`mustReach`, and no agent has the address"},
    {404, "message_not_found", "the agent has no such message"},
    {404, "command_not_found", "a program that is not there"},
    {404, "file_not_found", "a file that is not there"},
    {404, "cli_missing", "the provider's program is not there"},
    {404, "git_missing", "git is not there"},
    {404, "no_such_branch", "the repository has no such branch"},
    {405, "method_not_allowed", "not with this method; `Allow` says which", true},
    {409, "idempotency_conflict", "the `Idempotency-Key` was used for another request; `existingId` says for what"},
    {409, "request_under_way", "a request with this `Idempotency-Key` is being carried out"},
    {409, "already_pausing", "the runtime pauses just now"},
    {409, "already_paused", "the runtime is paused"},
    {409, "not_paused", "the runtime is not paused"},
    {409, "run_not_started", "the session has had no turn yet"},
    {409, "agent_not_running", "the agent has no process"},
    {409, "agent_removed", "the agent is being removed"},
    {409, "agent_running", "the agent is not at rest"},
    {409, "has_children", "a detached child would lose its parent"},
    {409, "too_many_children", "the agent has as many descendants as it may"},
    {409, "wrong_state", "the agent's state does not allow it"},
    {409, "start_failed", "the agent could not be started"},
    {409, "name_taken", "there is an agent or address of this name"},
    {409, "not_ready", "the provider cannot take it now"},
    {409, "nothing_running", "no turn runs"},
    {409, "unsupported", "the provider has nothing of the kind"},
    {409, "terminal_gone", "the agent's terminal has just ended"},
    {409, "copy_mode", "a person reads in the agent's terminal"},
    {409, "another_program", "another program than the provider's has the terminal"},
    {409, "stale_provider_session", "a hook of an earlier process"},
    {409, "too_much_work", "the agent has reported too many things that it is at"},
    {409, "already_decided", "it was decided before"},
    {409, "cannot_be_a_rule", "no approval rule can allow such a request"},
    {409, "wrong_decision", "a decision that it does not have"},
    {409, "too_many_webhooks", "there are as many webhooks as there may be"},
    {409, "too_many_schedules", "there are as many schedules as there may be"},
    {409, "schedule_under_way", "the schedule is being carried out"},
    {409, "delivery_waiting", "the delivery waits to be sent already"},
    {409, "not_taken", "no agent of this daemon has taken the message"},
    {409, "not_unknown", "the delivery is not `unknown`"},
    {409, "not_a_dead_letter", "the message is none"},
    {409, "bus_changed", "the bus has another store: the number is another message's"},
    {409, "task_backwards", "a task cannot go back to this state"},
    {409, "cli_too_old", "the provider's program is too old"},
    {409, "not_logged_in", "the provider's program is not logged in"},
    {409, "thread_locked", "another program has the provider's conversation"},
    {409, "codex_error", "Codex refuses it"},
    {409, "branch_taken", "there is such a branch"},
    {409, "path_taken", "there is such a folder"},
    {409, "dirty_index", "the repository has staged changes"},
    {409, "no_commit", "the repository has no commit"},
    {409, "git_failed", "git refuses it"},
    {409, "no_worktree", "the agent has no worktree of its own"},
    {409, "worktree_gone", "the worktree or its repository is not there any more"},
    {409, "worktree_dirty", "the worktree holds changes that are not committed"},
    {409, "detached_head", "a working copy is on no branch, or on another one than it should"},
    {409, "operation_in_progress", "a merge, rebase or the like is under way in a working copy"},
    {409, "branch_in_use", "the branch is checked out in another working copy"},
    {409, "branch_moved", "the branch has got other commits meanwhile, or the repository has gone to another one"},
    {409, "unrelated_branch", "the branches have no commit in common"},
    {409, "has_submodules", "submodules were changed"},
    {409, "has_lfs_files", "files that git LFS keeps were changed"},
    {409, "merge_conflict", "both branches have changed the same places"},
    {409, "would_overwrite", "what is not committed in the repository would be lost"},
    {409, "no_identity", "git does not know in whose name to commit"},
    {409, "not_a_file", "what should be a file is none"},
    {409, "not_a_directory", "what should be a folder is none"},
    {410, "gone", "it was removed, within the time for which that is known (below)"},
    {412, "precondition_failed", "the entry is another one than `If-Match` or `If-None-Match` says"},
    {413, "body_too_large", "the body is larger than the route takes", true},
    {413, "too_large", "a message or file is too large"},
    {413, "quota",
     "the agent has stored too much for today, or there is no room for more: of memory, skills, tool hooks, "
     "schedules or snapshots"},
    {413, "snapshot_too_large", "the snapshot has more bytes than `snapshots.max_bytes`"},
    {422, "snapshot_version", "a section of the snapshot, which `field` names, is newer than what is known here"},
    {429, "too_many_requests",
     "more than there may be in a minute (below); `Retry-After` says when there may be another", true},
    {429, "too_many_tickets", "too many are unused; `Retry-After` says when one is not"},
    {431, "header_too_large", "the headers are too large", true},
};

}  // namespace

std::span<ErrorCode const> error_codes() { return rows; }

ErrorCode const* find_error_code(std::string_view code) {
  auto const row = std::ranges::find(rows, code, &ErrorCode::code);
  return row == std::end(rows) ? nullptr : row;
}

http::Response refusal(Error const& error) {
  auto const* const row = find_error_code(error.code);
  return problem(error, row ? row->status : 0);
}

bool may_answer(Route const& route, std::string_view code) {
  auto const* const row = find_error_code(code);
  if (!row) return false;
  return row->everywhere || has_word(route.errors, code) || (takes_key(route) && has_word(kOfKeys, code));
}

}  // namespace ar::control
