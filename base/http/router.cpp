#include "base/http/router.hpp"

#include "base/http/url.hpp"

#include <algorithm>

namespace ar::http {
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

}  // namespace

Router::Router(std::vector<RouteName> const& routes) {
  for (auto const& route : routes) entries_.push_back({route.method, split(route.pattern)});
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  auto const segments = split(path);
  bool const head = method == "HEAD";
  Match match;
  for (std::size_t place = 0; place < entries_.size(); ++place) {
    auto const& entry = entries_[place];
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
    if (entry.method != (head ? "GET" : method)) {
      if (!match.allow.empty()) match.allow += ", ";
      match.allow += entry.method;
      if (entry.method == "GET") match.allow += ", HEAD";
      continue;
    }
    match.route = place;
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

}  // namespace ar::http
