// An agent's life as a table: every state answers every input, "nothing" included. Pure; the effects named by `Action`
// are carried out by Agent.
#pragma once
#include <optional>
#include <string_view>

namespace ar::daemon {

enum class AgentState {
  creating,  ///< defined, not started yet
  starting,  ///< its process runs and is not ready
  idle,
  busy,        ///< a turn runs
  waiting,     ///< for a person: a permission, a question, a dialog at start
  suspending,  ///< being ended to free its memory; its session is kept
  suspended,
  restarting,  ///< between two processes
  stopping,
  stopped,
  failed,  ///< given up; a person can restart it
};
inline constexpr int kAgentStates = 11;

enum class AgentInput {
  launched,  ///< the process has been started
  launch_failed,
  ready,  ///< the provider can take a prompt
  turn_started,
  turn_ended,
  person_needed,
  answered_at_start,  ///< the person is no longer needed, and the provider was not ready before
  answered_idle,      ///< ... and no turn runs
  answered_in_turn,   ///< ... and a turn runs
  exited,             ///< the process has ended, whoever wanted it
  gave_up,            ///< the restart policy says no
  restart_due,        ///< the restart policy's wait is over
  faulted,            ///< a part of ours has ended by an exception: it could be deaf
  start,              ///< first start, or by a person
  stop,
  restart,
  suspend,
  wake,  ///< something for a suspended agent has come
};
inline constexpr int kAgentInputs = 18;

enum class Action {
  none,
  refuse,     ///< the command is not possible in this state
  launch,     ///< start the process
  terminate,  ///< end the process; `exited` follows (at once when there is none)
  recover,    ///< ask the restart policy: wait and restart_due, or gave_up
  settle,     ///< the wanted end has come
};

struct Transition {
  AgentState next;
  Action action;
};

/// The cell of the table.
Transition next_state(AgentState state, AgentInput input);

std::string_view to_string(AgentState state);
std::optional<AgentState> agent_state_from(std::string_view text);
std::string_view to_string(AgentInput input);
/// A process belongs to the agent and may be talked to.
bool is_live(AgentState state);
/// Neither running nor about to run: stopped, failed, suspended.
bool is_at_rest(AgentState state);

}  // namespace ar::daemon
