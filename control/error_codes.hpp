// The codes that a refused request may be answered with, as data: openapi.json and docs/control-api.md tell of them,
// and the tests' daemons hold every answer against them. What is a fault of ours or of the system (5xx) is not among
// them: any request may meet that.
#pragma once
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

}  // namespace ar::control
