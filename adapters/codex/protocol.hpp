// What the app server's messages say, as values: no connection, no state.
#pragma once
#include "adapters/provider_event.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ar::adapters::codex {

/// The id a message of ours carries in Codex, from its correlation id and back; empty: not one of ours.
std::string client_id(std::string_view correlation_id);
std::string correlation_id_of(std::string_view client_id);

/// A turn as turn/completed and thread/turns/list show it. Nothing while it runs.
std::optional<TurnEnded> turn_end(json const& turn, std::string const& last_text);

/// "rate_limit", "authentication_failed", "server_error", ...: from a turn's codexErrorInfo.
std::string error_kind(json const& codex_error_info);

/// From an error after which Codex goes on by itself; `attempt`: which one it is, unless its words say.
Retrying retrying(json const& error, int attempt);

/// When the windows that are used up begin anew, from account/rateLimits/updated; nothing: none is, or none says.
std::optional<WallTime> limit_end(json const& rate_limits);

/// From thread/tokenUsage/updated; nothing when the window is not known.
std::optional<ContextUse> context_use(json const& token_usage);

struct ThreadStatus {
  bool loaded = true;
  bool active = false;
  bool waits_for_approval = false, waits_for_input = false;
};
ThreadStatus thread_status(json const& status);

/// Whether a thread, as thread/started and thread/read show it, works for another one.
bool is_subagent(json const& thread);
/// It as work; `parent_id`: the thread that it works for.
WorkStarted subagent_of(json const& thread);

/// The id of a request as a key: numbers and strings are told apart.
std::string request_key(json const& id);

/// A tool's item as an event of the log; nothing for items that are not tools.
std::optional<Noted> tool_event(bool finished, json const& item);

/// "agent-runner/0.169.0 (Debian ...)" has "0.169.0".
std::string version_of(std::string_view user_agent);

}  // namespace ar::adapters::codex
