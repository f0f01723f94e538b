#include "base/http/http.hpp"

#include "base/http_error.hpp"

#include <boost/beast/http/status.hpp>

#include <algorithm>

namespace ar::http {

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (auto const& header : headers)
    if (header.name == name) return header.value;
  return std::nullopt;
}

std::size_t Request::count(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::count(headers, name, &Header::name));
}

Response json_text_response(std::string text, int status) {
  return {.status = status, .content_type = "application/json", .body = std::move(text)};
}

Response json_response(json const& value, int status) { return json_text_response(to_text(value), status); }

Result<Response> respond(Result<json> const& value, int status) {
  if (!value) return value.error();
  return json_response(*value, status);
}

Response problem(Error const& error, int status, json const& extra) {
  if (status == 0) status = status_of(error.kind);
  json document = extra;
  document["type"] = "urn:agent-runner:problem:" + error.code;
  document["title"] = reason_phrase(status);
  document["status"] = status;
  document["code"] = error.code;
  document["detail"] = error.message;
  if (!error.field.empty()) document["field"] = error.field;
  if (!error.existing_id.empty()) document["existingId"] = error.existing_id;
  Response response = json_response(document, status);
  response.content_type = "application/problem+json";
  if (status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer realm=\"agent-runner\""});
  return response;
}

std::string_view reason_phrase(int status) {
  namespace beast = boost::beast::http;
  auto const phrase = beast::obsolete_reason(beast::int_to_status(static_cast<unsigned>(status)));
  return {phrase.data(), phrase.size()};
}

std::string response_head(Response const& response, bool keep_alive) {
  std::string head;
  head.reserve(256);
  head += "HTTP/1.1 ";
  head += std::to_string(response.status);
  head += ' ';
  head += reason_phrase(response.status);
  if (!response.content_type.empty()) {
    head += "\r\nContent-Type: ";
    head += response.content_type;
  }
  if (response.stream) {
    head += "\r\nTransfer-Encoding: chunked";
  } else if (response.status != 204) {
    head += "\r\nContent-Length: ";
    head += std::to_string(response.body.size());
  }
  head += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff";
  for (auto const& header : response.headers) {
    head += "\r\n";
    head += header.name;
    head += ": ";
    head += header.value;
  }
  if (!keep_alive) head += "\r\nConnection: close";
  head += "\r\n\r\n";
  return head;
}

Result<std::optional<std::string_view>> bearer_token(Request const& request) {
  auto const header = request.header("authorization");
  if (!header) return std::optional<std::string_view>();
  constexpr std::string_view scheme = "bearer ";
  std::string_view token = *header;
  if (lower_case(token.substr(0, scheme.size())) == scheme) {
    token.remove_prefix(scheme.size());
    while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
    if (!token.empty() && token.find(' ') == std::string_view::npos) return std::optional(token);
  }
  return Error{ErrorKind::unauthorized, "bad_authorization",
               "the Authorization header must read \"Bearer TOKEN\", with the operator's or an agent's token"};
}

bool is_websocket_request(Request const& request) {
  auto const upgrade = request.header("upgrade");
  return request.method == "GET" && upgrade && lower_case(*upgrade).find("websocket") != std::string::npos &&
         request.header("sec-websocket-key");
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

}  // namespace ar::http
