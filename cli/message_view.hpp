// A message's life for people, and what it means for the exit status.
#pragma once
#include "base/json.hpp"
#include "cli/exit_status.hpp"

#include <string>

namespace ar::cli {

class Context;

/// The message itself, also when the daemon wraps it as {message: {...}}.
json const& message_in(json const& answer);

/// Head, body, and each delivery with its steps: when, after how long, with what proof; the screen where it
/// is unknown; replies and reactions.
void print_message(Context const& context, json const& message);

/// The deliveries' steps only: one line a step.
std::string life_text(json const& message, bool colour);

/// From one that the message was for, not from a third that answers in its place.
bool is_answer(json const& message, json const& reply);
/// A reply in the agent's place: why there is none.
bool says_why_not(json const& reply);
/// What `send --wait` ends with: the first failure among the deliveries, or done.
struct Outcome {
  int status = exit_done;
  std::string remark{};  ///< for people, on stderr
};
Outcome outcome_of(json const& message, bool until_done);

/// "done", "held: a person is typing": how the message stands, over all its deliveries.
std::string summary_of(json const& message);

}  // namespace ar::cli
