// The tools that MCP clients get (docs/mcp.md). Each is a route under a name for models: what it takes, who may use it
// and what it answers are the route's, and a call becomes a request that the server takes as any other.
#pragma once
#include "control/route.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ar::control::mcp {

struct Tool {
  std::string_view name;
  std::string_view route;        ///< the name of its operation
  std::string_view about;        ///< for models: what it does, and when to use it
  bool takes_away = false;       ///< it ends, overwrites or decides something that cannot be brought back
  std::string_view leave_out{};  ///< the route's fields that it does not offer, between blanks
  std::string_view unfolded{};   ///< its fields whose documents other tools tell of: any object, between blanks
  std::string_view text{};       ///< the field of the answer that is the result; empty: the whole document
  std::string_view waits{};      ///< of one that can wait for a message: until where, unless told; empty: it cannot
};

/// In the order in which they are listed.
std::span<Tool const> tools();
/// Nothing where there is none, or where the caller has no right to its route.
Tool const* find_tool(std::string_view name, Principal const& who);
/// Its name, description and the JSON Schema of its arguments, for one who may use it.
json document_of(Tool const& tool, Principal const& who);
/// {tools: [...]} of all that the caller may use.
json tool_list(Principal const& who);

/// Of a message, at one who asks with `wait`.
struct Wait {
  std::string until;
  milliseconds patience{};
};
/// Takes `wait` and `timeoutMs` out of the arguments of a tool that can wait; nothing: it is not to.
Result<std::optional<Wait>> take_wait(Tool const& tool, json& arguments);

/// The request that a call is. Host, Origin and the token are those of `asked`, the request that the call came with,
/// and so are the rights; its Idempotency-Key goes with what takes one. Errors: invalid, with the argument's name.
Result<Request> request_of(Tool const& tool, json arguments, Principal const& who, Request const& asked);
/// The request that waits for a message, or (no `wait`) only looks at it. `store`: whose number it is, if that is
/// known.
Request message_request(std::int64_t message, std::string const& store, std::optional<Wait> const& wait,
                        Request const& asked);

/// What the model is told of an answer: {content, isError?, structuredContent?}.
json result_of(Tool const& tool, Response const& response);
json failed_result(std::string text);

}  // namespace ar::control::mcp
