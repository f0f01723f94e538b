// What an agent and all that it starts use, and what limits them, in words.
#pragma once
#include "base/json.hpp"

#include <string>

namespace ar::cli {

/// "45M/300M"; without a limit "45M"; empty: not known.
std::string memory_text(json const& agent);
/// "12/500"; empty: not known.
std::string tasks_text(json const& agent);
/// One line: "scope: 45M/300M memory, 12/500 tasks, 3.2 s of processor time; nothing holds cpuQuota". Empty: nothing
/// runs.
std::string resources_text(json const& agent);

}  // namespace ar::cli
