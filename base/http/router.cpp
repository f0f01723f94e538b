#include "base/http/router.hpp"

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

void Router::add(std::string_view method, std::string_view pattern) {
  entries_.push_back({method, pattern, split(pattern)});
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  auto const segments = split(path);
  bool const head = method == "HEAD";
  Match match;
  for (std::size_t place = 0; place < entries_.size(); ++place) {
    auto const& entry = entries_[place];
    if (entry.segments.size() != segments.size()) continue;
    bool fits = true;
    for (std::size_t i = 0; fits && i < segments.size(); ++i)
      fits = is_parameter(entry.segments[i]) ? !segments[i].empty() : entry.segments[i] == segments[i];
    if (!fits) continue;
    if (entry.method != (head ? "GET" : method)) {
      if (!match.allow.empty()) match.allow += ", ";
      match.allow += entry.method;
      if (entry.method == "GET") match.allow += ", HEAD";
      continue;
    }
    match.route = place;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      auto const name = entry.segments[i];
      if (!is_parameter(name)) continue;
      auto decoded = percent_decode(segments[i]);
      match.bad_escape = match.bad_escape || !decoded;
      match.arguments.push_back({name.substr(1, name.size() - 2), std::move(decoded).value_or("")});
    }
    return match;
  }
  return match;
}

Result<Router::Match> Router::match(Request const& head) const {
  std::string_view const target = head.target;
  if (!target.starts_with('/')) return invalid("target", "the request's target must be a path; send no proxy request");
  auto const question = target.find('?');
  auto found = match(head.method, target.substr(0, question));
  if (question != std::string_view::npos) found.query = target.substr(question + 1);
  return found;
}

Result<void> Router::check(Request const& head, Match const& match, Response& refusal) const {
  if (!match.route) {
    auto const path = head.target.substr(0, head.target.find('?'));
    if (match.allow.empty())
      return not_found("no_such_route",
                       "there is nothing at " + path + "; " + std::string(page_) + " lists the routes");
    refusal.headers.push_back({"Allow", match.allow});
    refusal.status = 405;
    return Error{ErrorKind::invalid, "method_not_allowed", path + " takes " + match.allow + ", not " + head.method};
  }
  if (match.bad_escape) return invalid("target", "the path is not percent-encoded UTF-8");
  return {};
}

}  // namespace ar::http
