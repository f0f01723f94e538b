// What an MCP client says (docs/mcp.md): one JSON-RPC message, read and checked against the revision of the protocol
// that it says it speaks; and what it is answered.
#pragma once
#include "base/http/http.hpp"
#include "base/json.hpp"

#include <string>
#include <string_view>

namespace ar::control::mcp {

/// The latest first. From the first on each request stands for itself; the others begin with initialize.
inline constexpr std::string_view kStateless = "2026-07-28";
inline constexpr std::string_view kRevisions[] = {kStateless, "2025-11-25", "2025-06-18"};

enum class RpcCode {
  parse_error = -32700,
  invalid_request = -32600,
  no_such_method = -32601,
  invalid_params = -32602,
  header_mismatch = -32020,
  unsupported_revision = -32022,
};

/// Why a message is not carried out, in the protocol's words.
struct RpcError {
  RpcCode code;
  std::string message;
  int status = 200;  ///< of the HTTP answer
  json data = nullptr;
};

struct Message {
  json id = nullptr;     ///< null: nobody waits for an answer
  std::string method{};  ///< empty: it is itself an answer
  json params = json::object();
  bool stateless = false;  ///< it speaks kStateless
};

/// Reads a POST's body and what its headers say of it. `out.id` is set as soon as it is known, for the answer that
/// tells of the error.
std::optional<RpcError> read_message(http::Request const& request, Message& out);

/// {jsonrpc, id, result}; a stateless client is told who answers as well.
std::string answer_text(Message const& message, json result);
http::Response error_response(json const& id, RpcError const& error);
/// {name, title, version} of this program.
json server_info();

}  // namespace ar::control::mcp
