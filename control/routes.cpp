#include "base/ids.hpp"
#include "base/strict_json.hpp"
#include "base/words.hpp"
#include "control/route.hpp"
#include "model/memory.hpp"

#include <algorithm>

namespace ar::control {
namespace {

bool is_event_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

}  // namespace

Result<json> Call::object() const {
  auto document = request.body.empty() ? ok(json::object()) : parse_strict_object(request.body);
  if (document && route.request)
    if (auto wrong = check_request(*route.request, *document)) return *wrong;
  return document;
}

std::int64_t Call::integer(std::string_view parameter) const {
  auto const field = std::ranges::find(route.query, parameter, &Field::name);
  auto const text = query.text(parameter);
  auto const otherwise = field == route.query.end() ? 0 : field->otherwise;
  return text ? parse_number(*text).value_or(otherwise) : otherwise;
}

Page Call::page() const {
  Page page;
  page.limit = static_cast<int>(integer("limit"));
  page.cursor = integer("cursor");
  return page;
}

bool takes_ticket(Route const& route) {
  return std::ranges::find(route.query, "ticket", &Field::name) != route.query.end();
}

Result<Page> Call::page_of_names() const {
  Page page;
  page.limit = static_cast<int>(integer("limit"));
  page.after = query.text("cursor").value_or("");
  if (query.text("cursor") && !is_safe_name(page.after))
    return invalid("cursor", "cursor must be the nextCursor of the page before");
  return page;
}

std::optional<Error> check_query(Route const& route, Query const& query) {
  if (query.empty()) return std::nullopt;
  std::string known;
  for (auto const& field : route.query) {
    known += (known.empty() ? "" : " ") + std::string(field.name);
    auto const text = query.text(field.name);
    if (!text) continue;
    std::string const name(field.name);
    auto const number = field.type == Type::integer ? parse_number(*text) : std::nullopt;
    if (field.type == Type::integer && (!number || *number < field.least || *number > field.most))
      return invalid(name, name + " must be a whole number from " + std::to_string(field.least) + " to " +
                               std::to_string(field.most) + ", not \"" + text->substr(0, 80) + "\"");
    if (!field.words.empty() && !has_word(field.words, *text)) {
      std::string words;
      for (auto const word : words_of(field.words)) words += (words.empty() ? "" : " or ") + std::string(word);
      return invalid(name, name + " must be " + words + ", not \"" + text->substr(0, 80) + "\"");
    }
  }
  if (auto const stranger = query.unknown(known))
    return invalid(*stranger, *stranger + " is no parameter of " + std::string(route.pattern) +
                                  (known.empty() ? "; it has none" : "; it has: " + known));
  return std::nullopt;
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
  if (field == "scope") {
    if (has_word(kMemoryScopes, argument.value)) return std::nullopt;
    return invalid(field, "a scope of the memory is agent, user or shared");
  }
  if (field == "key") {
    auto const problem = memory_key_problem(argument.value);
    if (problem.empty()) return std::nullopt;
    return invalid(field, "the key " + problem);
  }
  if (is_safe_name(argument.value)) return std::nullopt;
  if (field == "id") return invalid_memory_id(field);
  auto const article = std::string_view("aeio").find(field.front()) == std::string_view::npos ? "a " : "an ";
  return invalid(field, article + field + "'s id has 1 to 64 letters, digits, '.', '_' or '-'");
}

std::vector<Route> const& routes() {
  static std::vector<Route> const all = [] {
    std::vector<Route> rows;
    for (auto const part :
         {system_routes(),    runtime_routes(),  agent_routes(),    session_routes(), output_routes(),
          event_routes(),     message_routes(),  approval_routes(), hook_routes(),    memory_routes(),
          webhook_routes(),   search_routes(),   skill_routes(),    user_routes(),    snapshot_routes(),
          tool_hook_routes(), worktree_routes(), limit_routes(),    budget_routes(),  notify_routes(),
          schedule_routes(),  mcp_routes()})
      rows.insert(rows.end(), part.begin(), part.end());
    return rows;
  }();
  return all;
}

}  // namespace ar::control
