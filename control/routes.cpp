#include "base/ids.hpp"
#include "control/route.hpp"

#include <algorithm>

namespace ar::control {
namespace {

bool is_event_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

}  // namespace

Result<json> Call::object() const {
  if (request.body.empty()) return ok(json::object());
  return parse_object(request.body);
}

std::optional<Error> set_argument(Call& call, std::string_view parameter, std::string argument) {
  if (parameter.empty()) return std::nullopt;
  std::string const field(parameter.substr(1, parameter.size() - 2));
  if (field == "message" || field == "approval") {
    auto const number = parse_number(argument);
    if (!number || *number < 1)
      return invalid(field, (field == "message" ? "a message" : "an approval") +
                                std::string(" is named by its number in the path, like 12"));
    call.number = *number;
    return std::nullopt;
  }
  if (field == "event" ? !is_event_name(argument) : !is_safe_name(argument))
    return invalid(field, field == "event" ? "a hook event is named by letters in the path, like SessionStart"
                                           : "an " + field + "'s id has 1 to 64 letters, digits, '.', '_' or '-'");
  call.name = std::move(argument);
  return std::nullopt;
}

std::vector<Route> const& routes() {
  static std::vector<Route> const all = [] {
    std::vector<Route> rows;
    for (auto const part :
         {system_routes(), agent_routes(), event_routes(), message_routes(), approval_routes(), hook_routes()})
      rows.insert(rows.end(), part.begin(), part.end());
    return rows;
  }();
  return all;
}

}  // namespace ar::control
