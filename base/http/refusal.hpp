// What a server's answer says went wrong.
#pragma once
#include "base/error.hpp"

#include <string_view>

namespace ar::http {

/// The kind of error an HTTP status stands for.
ErrorKind error_kind(int status);
/// A problem document as the Error it came from; any other text is quoted, with the code "http_STATUS".
Error refusal_of(int status, std::string_view body);

}  // namespace ar::http
