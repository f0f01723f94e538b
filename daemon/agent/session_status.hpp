// An agent's state, and what its turns are at, in the words of a program that drives it as a session. Pure.
#pragma once
#include "daemon/agent/agent_state.hpp"

#include <string_view>

namespace ar::daemon {

std::string_view session_status(AgentState state);

struct TurnFacts {
  bool runs = false;
  bool interrupting = false;
  bool waits = false;       ///< a message, for the next one
  std::string_view last{};  ///< the status of the newest that is over; empty: there was none
};
std::string_view turn_status(AgentState state, TurnFacts const& facts);

}  // namespace ar::daemon
