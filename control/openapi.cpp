#include "control/openapi.hpp"

#include "base/version.hpp"
#include "base/words.hpp"
#include "control/error_codes.hpp"
#include "control/idempotency.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

namespace ar::control {
namespace {

json reference(Schema const& schema) { return {{"$ref", "#/components/schemas/" + std::string(schema.name)}}; }

/// Those that the answers or the requests are made of.
class Schemas {
 public:
  void add(Schema const* schema, bool comes_in) {
    if (!schema || all_.contains(std::string(schema->name))) return;
    all_[std::string(schema->name)] = json_schema(*schema, comes_in);
    for (auto const& field : schema->fields) add(field.schema, comes_in);
  }
  json const& all() const { return all_; }

 private:
  json all_ = json::object();
};

std::string tag_of(Route const& route) {
  auto path = route.pattern.substr(route.pattern.starts_with("/v1/") ? 4 : 1);
  if (path.ends_with("/events")) return "events";
  auto const tag = path.substr(0, path.find('/'));
  bool const known = tag == "agents" || tag == "events" || tag == "messages" || tag == "attachments" ||
                     tag == "approvals" || tag == "hooks" || tag == "memory" || tag == "search" || tag == "sessions" ||
                     tag == "skills" || tag == "schedules" || tag == "tool-hooks" || tag == "snapshots";
  return std::string(tag == "runs" ? "sessions" : tag == "dead" ? "messages" : known ? tag : "system");
}

json parameters_of(Route const& route) {
  json list = json::array();
  for (auto at = route.pattern.find('{'); at != std::string_view::npos; at = route.pattern.find('{', at + 1)) {
    auto const name = route.pattern.substr(at + 1, route.pattern.find('}', at) - at - 1);
    bool const is_number = name == "message" || name == "approval";
    json schema = is_number ? json{{"type", "integer"}, {"format", "int64"}, {"minimum", 1}} : json{{"type", "string"}};
    list.push_back({{"name", name}, {"in", "path"}, {"required", true}, {"schema", std::move(schema)}});
  }
  for (auto const& field : route.query) {
    auto schema = json_schema(field, false);  // one that is given is not null
    if (field.otherwise != 0) schema["default"] = field.otherwise;
    json shown{{"name", field.name}, {"in", "query"}, {"required", field.required}};
    if (schema.contains("description")) {
      shown["description"] = schema["description"];
      schema.erase("description");
    }
    shown["schema"] = std::move(schema);
    list.push_back(std::move(shown));
  }
  if (takes_key(route))
    list.push_back(
        {{"name", "Idempotency-Key"},
         {"in", "header"},
         {"description", "sent again with the same key, the request is carried out once (docs/control-api.md)"},
         {"schema", {{"type", "string"}, {"maxLength", 255}}}});
  for (auto const name : words_of(route.headers))
    if (name != "Content-Type") list.push_back({{"name", name}, {"in", "header"}, {"schema", {{"type", "string"}}}});
  return list;
}

json body_of(Route const& route) {
  if (route.body == Body::attachment)
    return {{"required", true}, {"content", {{"application/octet-stream", json::object()}}}};
  if (route.body == Body::skill)
    return {{"required", true},
            {"content",
             {{"application/json", {{"schema", reference(*route.request)}}}, {"application/zip", json::object()}}}};
  bool const needed = std::ranges::any_of(route.request->fields, &Field::required);
  return {{"required", needed}, {"content", {{"application/json", {{"schema", reference(*route.request)}}}}}};
}

json answer_of(Route const& route, std::string_view status) {
  json shown{{"description", route.summary}};
  if (status == "204" || status == "101") return shown;
  if (route.answer)
    shown["content"]["application/json"]["schema"] = reference(*route.answer);
  else
    shown["content"][std::string(route.bytes)] = json::object();
  if (route.streams) shown["content"]["text/event-stream"] = {{"schema", {{"type", "string"}}}};
  return shown;
}

/// By their status.
std::map<std::string, std::vector<ErrorCode const*>> refusals_of(Route const& route) {
  std::map<std::string, std::vector<ErrorCode const*>> found;
  for (auto const& row : error_codes()) {
    bool const needs_body = row.status == 413 && row.everywhere;
    bool const needs_who =
        row.everywhere && (row.status == 401 || row.code == "operator_only" || row.code == "not_your_agent");
    bool const whole_server = row.code == "no_such_route" || row.code == "method_not_allowed";
    if (whole_server || (needs_body && route.body == Body::none) || (needs_who && route.right == Right::none)) continue;
    if (may_answer(route, row.code)) found[std::to_string(row.status)].push_back(&row);
  }
  return found;
}

json refusal_with(std::vector<ErrorCode const*> const& codes) {
  std::string text;
  for (auto const* row : codes)
    text += (text.empty() ? "`" : "\n\n`") + std::string(row->code) + "`: " + std::string(row->about);
  return {{"description", text}, {"content", {{"application/problem+json", {{"schema", reference(kProblem)}}}}}};
}

json operation_of(Route const& route) {
  json shown{{"operationId", route.name}, {"summary", route.summary}, {"tags", {tag_of(route)}}};
  if (auto parameters = parameters_of(route); !parameters.empty()) shown["parameters"] = std::move(parameters);
  if (route.body != Body::none) shown["requestBody"] = body_of(route);
  for (auto const status : words_of(route.statuses)) shown["responses"][std::string(status)] = answer_of(route, status);
  if (takes_key(route) && !shown["responses"].contains("200")) shown["responses"]["200"] = answer_of(route, "200");
  for (auto const& [status, codes] : refusals_of(route)) shown["responses"][status] = refusal_with(codes);
  shown["responses"]["default"] = {{"description", "a fault of the daemon, of the system or of what it needs"},
                                   {"content", {{"application/problem+json", {{"schema", reference(kProblem)}}}}}};
  if (route.right == Right::none) shown["security"] = json::array();
  if (takes_ticket(route))
    shown["security"] = json::array({json{{"token", json::array()}}, json{{"ticket", json::array()}}});
  return shown;
}

}  // namespace

json openapi_document() {
  json document{{"openapi", "3.1.0"},
                {"info",
                 {{"title", "agent-runner"},
                  {"version", kVersion},
                  {"description",
                   "The control API of agent-runner's daemon. Over the unix socket control.sock no token "
                   "is needed; everywhere else each request has one."}}},
                {"servers", json::array({json{{"url", "http://localhost"}}})},
                {"security", json::array({json{{"token", json::array()}}})}};
  Schemas schemas;
  for (auto const& route : routes()) {
    auto method = std::string(route.method);
    std::ranges::transform(method, method.begin(), [](unsigned char c) { return std::tolower(c); });
    document["paths"][std::string(route.pattern)][method] = operation_of(route);
    schemas.add(route.request, true);
    schemas.add(route.answer, false);
  }
  schemas.add(&kProblem, false);
  document["components"]["schemas"] = schemas.all();
  document["components"]["securitySchemes"] = {
      {"token", {{"type", "http"}, {"scheme", "bearer"}}},
      {"ticket", {{"type", "apiKey"}, {"in", "query"}, {"name", "ticket"}}},
  };
  return document;
}

}  // namespace ar::control
