#include "control/router.hpp"

#include "base/ids.hpp"

#include <algorithm>

namespace ar::control {
namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  segments.reserve(6);
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    auto const end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }

bool is_event_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

}  // namespace

Router::Router(std::span<Route const> routes) {
  for (auto const& route : routes) entries_.push_back({&route, split(route.pattern)});
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  auto const segments = split(path);
  bool const head = method == "HEAD";
  Match match;
  for (auto const& entry : entries_) {
    if (entry.segments.size() != segments.size()) continue;
    std::size_t parameter = segments.size();
    bool fits = true;
    for (std::size_t i = 0; fits && i < segments.size(); ++i) {
      if (is_parameter(entry.segments[i]) && !segments[i].empty())
        parameter = i;
      else
        fits = entry.segments[i] == segments[i];
    }
    if (!fits) continue;
    if (entry.route->method != (head ? "GET" : method)) {
      if (!match.allow.empty()) match.allow += ", ";
      match.allow += entry.route->method;
      if (entry.route->method == "GET") match.allow += ", HEAD";
      continue;
    }
    match.route = entry.route;
    if (parameter < segments.size()) {
      auto decoded = percent_decode(segments[parameter]);
      match.bad_escape = !decoded;
      match.argument = std::move(decoded).value_or("");
      match.parameter = entry.segments[parameter];
    }
    return match;
  }
  return match;
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

}  // namespace ar::control
