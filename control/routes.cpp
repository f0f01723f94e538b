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

std::string const& Call::name(std::string_view parameter) const {
  static std::string const none;
  auto const it = std::ranges::find(path, parameter, &http::Router::Argument::parameter);
  return it == path.end() ? none : it->value;
}

std::int64_t Call::number(std::string_view parameter) const { return parse_number(name(parameter)).value_or(0); }

std::optional<Error> check_argument(http::Router::Argument const& argument) {
  std::string const field(argument.parameter);
  if (field == "message" || field == "approval") {
    auto const number = parse_number(argument.value);
    if (number && *number > 0) return std::nullopt;
    return invalid(field, (field == "message" ? "a message" : "an approval") +
                              std::string(" is named by its number in the path, like 12"));
  }
  if (field == "event") {
    if (is_event_name(argument.value)) return std::nullopt;
    return invalid(field, "a hook event is named by letters in the path, like SessionStart");
  }
  if (is_safe_name(argument.value)) return std::nullopt;
  return invalid(field, "an " + field + "'s id has 1 to 64 letters, digits, '.', '_' or '-'");
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
