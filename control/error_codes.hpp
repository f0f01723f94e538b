// The codes that a refused request may be answered with, as data: openapi.json and docs/control-api.md tell of them,
// and the tests' daemons hold every answer against them. What is a fault of ours or of the system (5xx) is not among
// them: any request may meet that.
#pragma once
#include "base/error.hpp"
#include "base/http/http.hpp"

#include <span>
#include <string_view>

namespace ar::control {

struct Route;

struct ErrorCode {
  int status;
  std::string_view code;
  std::string_view about;
  bool everywhere = false;  ///< else only where a route's row says so
};

std::span<ErrorCode const> error_codes();
/// Null: there is none.
ErrorCode const* find_error_code(std::string_view code);
/// Whether the route may answer so.
bool may_answer(Route const& route, std::string_view code);
/// The answer: with the status that the code's row says, or the kind of the error where it has none.
http::Response refusal(Error const& error);

}  // namespace ar::control
