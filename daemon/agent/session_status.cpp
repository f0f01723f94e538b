#include "daemon/agent/session_status.hpp"

namespace ar::daemon {

std::string_view session_status(AgentState state) {
  switch (state) {
    case AgentState::creating:
    case AgentState::starting: return "creating";
    case AgentState::idle: return "idle";
    case AgentState::busy:
    case AgentState::waiting:
    case AgentState::restarting: return "running";
    case AgentState::suspending: return "suspending";
    case AgentState::suspended:
    case AgentState::stopped: return "suspended";
    case AgentState::stopping: return "cancelling";
    case AgentState::failed: break;
  }
  return "error";
}

std::string_view turn_status(AgentState state, TurnFacts const& facts) {
  if (facts.runs) return facts.interrupting ? "parking" : "running";
  switch (state) {
    case AgentState::failed: return "failed";
    case AgentState::suspended:
    case AgentState::stopped: return "suspended";
    case AgentState::creating:
    case AgentState::starting:
    case AgentState::restarting: return "launching";
    case AgentState::idle:
    case AgentState::busy:
    case AgentState::waiting:
    case AgentState::suspending:
    case AgentState::stopping: break;
  }
  if (facts.waits) return "launching";
  if (facts.last.empty()) return "none";
  return facts.last == "failed" ? "failed" : "idle";
}

}  // namespace ar::daemon
