// Which part of a list is wanted.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace ar {

struct Page {
  std::optional<std::string> status{};  ///< agents: only these (comma-separated states); approvals: only this one
  std::optional<std::string> agent{};   ///< messages, approvals: only this agent's
  std::optional<std::string> user{};    ///< agents: spawned by them; messages: sent by them
  std::optional<std::string> root{};    ///< approvals: of this agent and its descendants
  std::int64_t since = 0;               ///< agents: changed at or after, ms since 1970
  std::int64_t cursor = 0;  ///< messages, approvals, turns: before this number (0: newest); dead letters: after
  std::string after{};      ///< agents: after this name
  int limit = 100;          ///< 1 to 1000
};

}  // namespace ar
