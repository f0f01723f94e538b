#include "base/http_error.hpp"

#include "base/json.hpp"

namespace ar::http {

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid: return 400;
    case ErrorKind::unauthorized: return 401;
    case ErrorKind::forbidden: return 403;
    case ErrorKind::not_found: return 404;
    case ErrorKind::conflict: return 409;
    case ErrorKind::too_large: return 413;
    case ErrorKind::unavailable: return 503;
    case ErrorKind::timeout: return 504;
    case ErrorKind::internal: return 500;
  }
  return 500;
}

ErrorKind error_kind(int status) {
  switch (status) {
    case 400:
    case 422: return ErrorKind::invalid;
    case 401: return ErrorKind::unauthorized;
    case 403: return ErrorKind::forbidden;
    case 404:
    case 410: return ErrorKind::not_found;
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

Error refusal_of(int status, std::string_view body, std::string_view server) {
  auto const document = parse_object(body);
  auto const text = [&](char const* name) { return document ? text_at(*document, name) : std::string(); };
  std::string code = text("code"), message = text("detail");
  if (message.empty()) message = text("title");
  if (message.empty()) {
    message = std::string(server) + " answered " + std::to_string(status);
    if (!body.empty()) message += ": " + to_text(json(body.substr(0, 200)));
  }
  if (code.empty()) code = "http_" + std::to_string(status);
  return {error_kind(status), std::move(code), std::move(message), text("field"), text("existingId")};
}

}  // namespace ar::http
