// The runtime's pause in few words, for people.
#pragma once
#include "base/json.hpp"

#include <string>

namespace ar::cli {

/// `runtime`: as GET /v1/runtime has it; an older daemon's is empty, and it runs.
bool is_paused(json const& runtime);
/// "paused for 3m (a reboot)"; what it says comes from outside and is harmless on a terminal.
std::string runtime_text(json const& runtime);

inline constexpr char kToResume[] = "agent-runner runtime resume";

}  // namespace ar::cli
