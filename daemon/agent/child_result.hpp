// What a child's parent is told of it, as a message.
#pragma once
#include "daemon/agent/agent_spec.hpp"
#include "model/message.hpp"

#include <string>

namespace ar::daemon {

/// From the child to its parent, of the kind `result`; `text`: what it ended with, or why it did. The same for one life
/// of a child, so that the bus takes it once.
NewMessage result_of_child(AgentSpec const& spec, AgentRecord const& record, std::string const& text);

}  // namespace ar::daemon
