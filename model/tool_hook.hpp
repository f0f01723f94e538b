// Who is asked about agents' tool calls, as it was registered (docs/tool-hooks.md).
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ar {

inline constexpr std::string_view kToolHookPhases = "pre post";
inline constexpr std::string_view kToolHookFailModes = "open closed";

struct ToolHook {
  std::string id;                    ///< a UUID, new with every registration
  std::string owner, name;           ///< together they are its identity
  bool after = false;                ///< asked about the results (post), else before the calls (pre)
  std::vector<std::string> tools{};  ///< patterns; empty: all
  std::string callback_url;
  bool closed = false;  ///< a call about which it cannot be asked is refused, else it goes on
  milliseconds timeout{};
  WallTime created_at{};

  std::string_view phase() const { return after ? "post" : "pre"; }
  std::string_view fail_mode() const { return closed ? "closed" : "open"; }
  bool wants(std::string_view tool) const;
};

/// Of a body that its schema has let pass; without id and time. Error: invalid, naming the field. (Whether the daemon
/// may call its URL is not looked at.)
Result<ToolHook> read_tool_hook(json const& body);
/// As programs see it.
json to_json(ToolHook const& hook);
/// "owner/name", for people and events.
std::string to_string(ToolHook const& hook);

/// A name, or how names begin and then `*`.
bool matches_tool(std::string_view pattern, std::string_view tool);

}  // namespace ar
