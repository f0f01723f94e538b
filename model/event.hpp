// An event as the log keeps it and every reader gets it (docs/events.md).
#pragma once
#include <cstdint>
#include <string>

namespace ar {

struct Event {
  std::int64_t number = 0;        ///< of the whole log
  std::int64_t agent_number = 0;  ///< of its agent's log; 0: not about an agent
  std::string agent{};
  std::string json_text;  ///< the whole event, ready to send: {number, agentNumber, agent, type, at, data}
};

}  // namespace ar
