// What ACP's frames say, as values: no connection, no state.
#pragma once
#include "adapters/provider_event.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ar::adapters::acp {

/// The words of content: one block, or a list of them.
std::string text_of(json const& content);

/// An update that shows that the agent works on its prompt: not one about its commands, modes or figures.
bool is_of_turn(std::string_view update);

/// From an error that a prompt was answered with: "rate_limit", "authentication_failed", "overloaded",
/// "connection_failed", "server_error", "unknown".
std::string error_kind(json const& error);
/// Its words: the message, and what its data add.
std::string error_text(json const& error);
/// The agent could not read the prompt, or knows no such session: nothing of it is in the conversation.
bool is_not_taken(json const& error);

/// How a turn ended, from the answer to its prompt.
TurnEnded turn_end(json const& answer, std::string final_text);

/// From session/request_permission.
ApprovalRequest approval_of(std::string key, json const& params);
/// The answer to it: the option that fits the decision best, else cancelled.
json outcome_for(json const& params, std::optional<Decision> decision);

/// From usage_update; nothing where it names no window.
std::optional<ContextUse> context_use(json const& update);
/// From tool_call and tool_call_update: its start, its end; nothing for what lies between.
std::optional<Noted> tool_event(json const& update);

/// The select among a session's options that is of this category (mode, model, thought_level); null: none.
json const* option_of(json const& session, std::string_view category);
/// The value of it that a person names, by its id or its name; empty: it does not offer that.
std::string value_named(json const& option, std::string const& name);
/// Its values, for people.
std::string values_of(json const& option);

/// The id of a request as a key: numbers and texts are told apart.
std::string request_key(json const& id);

}  // namespace ar::adapters::acp
