// What an agent is told about the bus, for every provider: a short note in its instructions. The skills (plugins/NAME)
// hold the rest, and are read when they are needed.
#pragma once
#include "adapters/adapter.hpp"

#include <string>

namespace ar::adapters {

/// `command`: how the agent calls the command line tool, which depends on its shell.
std::string relay_note(std::string const& command);

/// All that is added to a provider's own system prompt: the note (unless the agent's profile forbids it), the profile's
/// texts, the spawn request's. Empty: nothing. `tools`: it has agent-runner's tools as well.
std::string added_instructions(LaunchRequest const& request, std::string const& command, bool tools = false);

}  // namespace ar::adapters
