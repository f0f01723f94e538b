#include "daemon/agent/agent_state.hpp"

#include <array>

namespace ar::daemon {
namespace {

using S = AgentState;
using A = Action;

constexpr std::array<std::string_view, kAgentStates> kStateNames = {"creating", "starting",   "idle",      "busy",
                                                                    "waiting",  "suspending", "suspended", "restarting",
                                                                    "stopping", "stopped",    "failed"};
constexpr std::array<std::string_view, kAgentInputs> kInputNames = {
    "launched",      "launch_failed",    "ready",   "turn_started", "turn_ended",  "person_needed", "answered_at_start",
    "answered_idle", "answered_in_turn", "exited",  "gave_up",      "restart_due", "faulted",       "start",
    "stop",          "restart",          "suspend", "wake"};

/// Short forms, so that the table below can be read as one: the next state, and with `!` names the action.
constexpr Transition cr{S::creating, A::none}, st{S::starting, A::none}, id{S::idle, A::none}, bu{S::busy, A::none},
    wa{S::waiting, A::none}, sg{S::suspending, A::none}, sd{S::suspended, A::none}, rs{S::restarting, A::none},
    pg{S::stopping, A::none}, pd{S::stopped, A::none}, fa{S::failed, A::none};
constexpr Transition launch{S::restarting, A::launch}, first{S::creating, A::launch},
    recover{S::restarting, A::recover}, end_stop{S::stopping, A::terminate}, end_restart{S::restarting, A::terminate},
    end_suspend{S::suspending, A::terminate}, end_failed{S::failed, A::terminate}, stopped{S::stopped, A::settle},
    suspended{S::suspended, A::settle}, failed{S::failed, A::settle};
constexpr Transition no(S state) { return {state, A::refuse}; }

constexpr Transition kTable[kAgentInputs][kAgentStates] = {
    //                   creating   starting     idle         busy         waiting      suspending        suspended
    //                   restarting   stopping        stopped  failed
    /* launched */ {st, st, id, bu, wa, sg, sd, st, pg, pd, fa},
    /* launch_failed */ {failed, st, id, bu, wa, sg, sd, failed, stopped, pd, fa},
    /* ready */ {cr, id, id, bu, wa, sg, sd, rs, pg, pd, fa},
    /* turn_started */ {cr, bu, bu, bu, wa, sg, sd, rs, pg, pd, fa},
    /* turn_ended */ {cr, st, id, id, id, sg, sd, rs, pg, pd, fa},
    /* person_needed */ {cr, wa, wa, wa, wa, sg, sd, rs, pg, pd, fa},
    /* answered_start */ {cr, st, id, bu, st, sg, sd, rs, pg, pd, fa},
    /* answered_idle */ {cr, st, id, bu, id, sg, sd, rs, pg, pd, fa},
    /* answered_turn */ {cr, st, id, bu, bu, sg, sd, rs, pg, pd, fa},
    /* exited */ {cr, recover, recover, recover, recover, suspended, sd, launch, stopped, pd, failed},
    /* gave_up */ {cr, st, id, bu, wa, sg, sd, failed, pg, pd, fa},
    /* restart_due */ {cr, st, id, bu, wa, sg, sd, launch, pg, pd, fa},
    /* faulted */
    {end_failed, end_failed, end_failed, end_failed, end_failed, end_failed, failed, end_failed, end_failed, pd, fa},
    /* start */
    {first, no(S::starting), no(S::idle), no(S::busy), no(S::waiting), no(S::suspending), launch, no(S::restarting),
     no(S::stopping), launch, launch},
    /* stop */ {end_stop, end_stop, end_stop, end_stop, end_stop, pg, stopped, end_stop, pg, pd, stopped},
    /* restart */
    {no(S::creating), end_restart, end_restart, end_restart, end_restart, no(S::suspending), launch, rs,
     no(S::stopping), launch, launch},
    /* suspend */
    {no(S::creating), end_suspend, end_suspend, no(S::busy), no(S::waiting), sg, sd, no(S::restarting), no(S::stopping),
     no(S::stopped), no(S::failed)},
    /* wake */ {cr, st, id, bu, wa, sg, launch, rs, pg, pd, fa},
};

}  // namespace

Transition next_state(AgentState state, AgentInput input) {
  return kTable[static_cast<int>(input)][static_cast<int>(state)];
}

std::string_view to_string(AgentState state) { return kStateNames[static_cast<std::size_t>(state)]; }
std::string_view to_string(AgentInput input) { return kInputNames[static_cast<std::size_t>(input)]; }

std::optional<AgentState> agent_state_from(std::string_view text) {
  for (std::size_t i = 0; i < kStateNames.size(); ++i)
    if (kStateNames[i] == text) return static_cast<AgentState>(i);
  return std::nullopt;
}

bool is_live(AgentState state) {
  return state == S::starting || state == S::idle || state == S::busy || state == S::waiting;
}
bool is_at_rest(AgentState state) { return state == S::stopped || state == S::failed || state == S::suspended; }

}  // namespace ar::daemon
