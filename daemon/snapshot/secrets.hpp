// What an agent's specification holds that must not leave the machine.
#pragma once
#include "base/json.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

/// Empties whatever is called env, headers, secret or token, at any depth: their names say what to give it again. The
/// paths of what is missing now: "env.API_KEY", "options.env.HOST".
std::vector<std::string> withhold_secrets(json& specification);

}  // namespace ar::daemon
