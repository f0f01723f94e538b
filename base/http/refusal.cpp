#include "base/http/refusal.hpp"

#include "base/json.hpp"

namespace ar::http {

ErrorKind error_kind(int status) {
  switch (status) {
    case 400:
    case 422: return ErrorKind::invalid;
    case 401: return ErrorKind::unauthorized;
    case 403: return ErrorKind::forbidden;
    case 404: return ErrorKind::not_found;
    case 409:
    case 412: return ErrorKind::conflict;
    case 413: return ErrorKind::too_large;
    case 408:
    case 504: return ErrorKind::timeout;
    case 429:
    case 502:
    case 503: return ErrorKind::unavailable;
    default: return ErrorKind::internal;
  }
}

Error refusal_of(int status, std::string_view body) {
  auto const document = parse_object(body);
  auto const text = [&](char const* name) -> std::string {
    if (!document) return {};
    auto const found = document->find(name);
    return found != document->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  std::string code = text("code"), message = text("detail");
  if (message.empty()) message = text("title");
  if (message.empty()) {
    message = "the server answered " + std::to_string(status);
    if (!body.empty()) message += ": " + to_text(json(body.substr(0, 200)));
  }
  if (code.empty()) code = "http_" + std::to_string(status);
  return {error_kind(status), std::move(code), std::move(message), text("field")};
}

}  // namespace ar::http
