// Errors as HTTP tells them: the status of each kind, and what the refusal of a server says.
#pragma once
#include "base/error.hpp"

#include <string_view>

namespace ar::http {

int status_of(ErrorKind kind);
/// The kind of error a status stands for.
ErrorKind error_kind(int status);
/// A problem document as the Error it came from; any other text is quoted, with the code "http_STATUS". `server` is
/// who answered, for the message.
Error refusal_of(int status, std::string_view body, std::string_view server = "the server");

}  // namespace ar::http
