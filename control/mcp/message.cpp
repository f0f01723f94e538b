#include "control/mcp/message.hpp"

#include "base/base64.hpp"
#include "base/strict_json.hpp"
#include "base/version.hpp"

#include <algorithm>

namespace ar::control::mcp {
namespace {

constexpr char kVersionKey[] = "io.modelcontextprotocol/protocolVersion";
constexpr char kCapabilitiesKey[] = "io.modelcontextprotocol/clientCapabilities";
constexpr char kServerKey[] = "io.modelcontextprotocol/serverInfo";

std::string shown(std::string_view text) { return "\"" + std::string(text.substr(0, 80)) + "\""; }

RpcError unsupported(std::string_view revision) {
  json known = json::array();
  for (auto const one : kRevisions) known.push_back(one);
  return {RpcCode::unsupported_revision,
          "revision " + shown(revision) + " of the protocol is not spoken here; use one of those in supported",
          400,
          {{"supported", std::move(known)}, {"requested", revision.substr(0, 80)}}};
}

bool is_known(std::string_view revision) { return std::ranges::find(kRevisions, revision) != std::end(kRevisions); }

std::optional<RpcError> check_json_rpc(json const& document) {
  auto const wrong = [](std::string what) { return RpcError{RpcCode::invalid_request, std::move(what), 400}; };
  if (text_at(document, "jsonrpc") != "2.0") return wrong("jsonrpc must be \"2.0\"");
  auto const method = document.find("method");
  bool const answers = document.contains("result") || document.contains("error");
  if (method == document.end() && !answers) return wrong("method is missing");
  if (method != document.end() && !method->is_string()) return wrong("method must be a text");
  auto const id = document.find("id");
  if (id != document.end() && !id->is_string() && !id->is_number_integer())
    return wrong("id must be a text or a whole number");
  auto const params = document.find("params");
  if (params != document.end() && !params->is_object())
    return RpcError{RpcCode::invalid_params, "params must be an object", 400};
  return std::nullopt;
}

/// A header's value as the message has it: what no header can hold comes as base64.
std::string decoded(std::string_view value) {
  constexpr std::string_view begin = "=?base64?", end = "?=";
  bool const encoded = value.size() >= begin.size() + end.size() && value.starts_with(begin) && value.ends_with(end);
  if (!encoded) return std::string(value);
  return base64_decode(value.substr(begin.size(), value.size() - begin.size() - end.size())).value_or("");
}

/// A proxy decides by the headers, so they must say what the message says.
std::optional<RpcError> check_header(http::Request const& request, char const* name, std::string_view meant) {
  auto const value = request.header(name);
  if (request.count(name) == 1 && decoded(*value) == meant) return std::nullopt;
  return RpcError{RpcCode::header_mismatch,
                  std::string("the header ") + name + (value ? " is " + shown(*value) : " is missing") +
                      ", and the message says " + shown(meant),
                  400};
}

std::optional<RpcError> check_stateless(http::Request const& request, Message const& message) {
  auto const& meta = object_at(message.params, "_meta");
  auto const version = meta.find(kVersionKey);
  if (version == meta.end() || !version->is_string())
    return RpcError{RpcCode::invalid_params, std::string("params._meta lacks ") + kVersionKey, 400};
  auto const& revision = version->get_ref<std::string const&>();
  if (auto wrong = check_header(request, "mcp-protocol-version", revision)) return wrong;
  if (!is_known(revision)) return unsupported(revision);
  if (!meta.contains(kCapabilitiesKey) || !meta[kCapabilitiesKey].is_object())
    return RpcError{RpcCode::invalid_params, std::string("params._meta lacks ") + kCapabilitiesKey, 400};
  if (auto wrong = check_header(request, "mcp-method", message.method)) return wrong;
  if (message.method != "tools/call") return std::nullopt;
  return check_header(request, "mcp-name", text_at(message.params, "name"));
}

}  // namespace

std::optional<RpcError> read_message(http::Request const& request, Message& out) {
  auto document = parse_strict_object(request.body);
  if (!document && !parse_json(request.body))
    return RpcError{RpcCode::parse_error, "this is no JSON: " + document.error().message, 400};
  if (!document)
    return RpcError{RpcCode::invalid_request, "a message is one JSON object: " + document.error().message, 400};
  if (auto const id = document->find("id"); id != document->end() && (id->is_string() || id->is_number_integer()))
    out.id = *id;
  if (auto wrong = check_json_rpc(*document)) return wrong;
  out.method = text_at(*document, "method");
  if (document->contains("params")) out.params = std::move((*document)["params"]);
  if (out.id.is_null() || out.method.empty()) return std::nullopt;
  auto const header = request.header("mcp-protocol-version");
  bool const in_meta = object_at(out.params, "_meta").contains(kVersionKey);
  if (out.method == "initialize" && !in_meta) return std::nullopt;
  if (in_meta || (header && *header == kStateless)) {
    if (auto wrong = check_stateless(request, out)) return wrong;
    out.stateless = text_at(out.params, {"_meta", kVersionKey}) == kStateless;
  } else if (header && !is_known(*header)) {
    return unsupported(*header);
  }
  return std::nullopt;
}

std::string answer_text(Message const& message, json result) {
  if (message.stateless) {
    result["resultType"] = "complete";
    result["_meta"][kServerKey] = server_info();
  }
  return to_text({{"jsonrpc", "2.0"}, {"id", message.id}, {"result", std::move(result)}});
}

http::Response error_response(json const& id, RpcError const& error) {
  json document{{"jsonrpc", "2.0"}, {"error", {{"code", static_cast<int>(error.code)}, {"message", error.message}}}};
  document["id"] = id;
  if (!error.data.is_null()) document["error"]["data"] = error.data;
  return http::json_response(document, error.status);
}

json server_info() { return {{"name", "agent-runner"}, {"title", "agent-runner"}, {"version", kVersion}}; }

}  // namespace ar::control::mcp
