#include "control/mcp/tools.hpp"

#include "base/http/http_client.hpp"
#include "base/suggest.hpp"
#include "base/words.hpp"
#include "control/idempotency.hpp"

#include <algorithm>
#include <vector>

namespace ar::control::mcp {
namespace {

constexpr std::string_view kNone = "none";
constexpr std::string_view kKeysOfRunner = "rig policyName spawnRequestId automationId automationRunId";

constexpr Tool all[] = {
    {.name = "list_agents",
     .route = "listAgents",
     .about = "Lists the agents that you may see, with their states: an agent sees itself and its descendants."},
    {.name = "get_agent", .route = "showAgent", .about = "Shows everything about one agent: state, why, work, limits."},
    {.name = "spawn_agent",
     .route = "spawn",
     .about = "Starts a new agent; give it its first message as prompt. What an agent spawns is its child, and needs "
              "the right to have children.",
     .leave_out = kKeysOfRunner},
    {.name = "send_message",
     .route = "send",
     .about = "Sends a message to an agent, to a group (tag:NAME, broadcast) or to the people (operator). wait: none "
              "returns at once, accepted when the receiver's model has taken it, done when its turn is over; replies "
              "then contains what it answered.",
     .leave_out = "idempotencyKey",
     .waits = kNone},
    {.name = "wait_message",
     .route = "showMessage",
     .about = "Waits until a message that you sent is accepted or done, and shows its life with all replies. wait: "
              "none only looks.",
     .waits = "done"},
    {.name = "inbox",
     .route = "inbox",
     .about = "Your messages that nobody has read yet, and those that still wait for your reply."},
    {.name = "reply",
     .route = "reply",
     .about = "Answers a message, by its number: the way to answer one that says \"reply expected\".",
     .leave_out = "idempotencyKey claimable taskId mustReach",
     .waits = kNone},
    {.name = "react",
     .route = "react",
     .about = "Reacts to a message with one word, where no reply is needed: ok, done, seen."},
    {.name = "read_screen",
     .route = "screen",
     .about = "The present screen of an agent's terminal, as text.",
     .text = "text"},
    {.name = "read_turns",
     .route = "listTurns",
     .about = "An agent's turns, newest first: when, how each ended, and with what text."},
    {.name = "read_transcript",
     .route = "transcript",
     .about = "An agent's conversation as its provider has recorded it, in pages from the first row on; nextCursor "
              "leads to the next one."},
    {.name = "search",
     .route = "search",
     .about = "Searches what agents, models and people have said, in transcripts and messages; newest first."},
    {.name = "interrupt",
     .route = "interruptAgent",
     .about = "Interrupts the turn that an agent is in; the agent stays.",
     .takes_away = true,
     .leave_out = "timeoutMs content memoryIds"},
    {.name = "stop",
     .route = "stopAgent",
     .about = "Ends an agent's process and those of its descendants politely; restart starts it again.",
     .takes_away = true,
     .leave_out = "content memoryIds"},
    {.name = "restart",
     .route = "restartAgent",
     .about =
         "Gives an agent a new process that goes on with its conversation; also after stop, or when it has failed.",
     .takes_away = true,
     .leave_out = "content memoryIds"},
    {.name = "list_approvals",
     .route = "listApprovals",
     .about = "What agents ask people: permissions, questions, dialogs. status=pending are those that wait."},
    {.name = "decide_approval",
     .route = "decide",
     .about = "Decides what an agent has asked; the first decision counts. Only for people, or with their word.",
     .takes_away = true},
    {.name = "memory_get",
     .route = "showMemory",
     .about = "Reads an entry of the memory, which outlives conversations. Without scope and id: your own."},
    {.name = "memory_set",
     .route = "putMemory",
     .about = "Writes an entry of the memory. Without scope and id: your own; scope shared is seen by all agents.",
     .takes_away = true},
    {.name = "memory_list",
     .route = "listMemory",
     .about = "Lists entries of the memory, by the beginning of their keys. Without scope and id: your own."},
    {.name = "schedule",
     .route = "addSchedule",
     .about = "Sends a message or spawns an agent later, once (at, in) or again and again (every, cron). message is as "
              "send_message takes it, agent as spawn_agent does.",
     .leave_out = "session",
     .unfolded = "message agent"},
};

Route const& route_of(Tool const& tool) {
  auto const it = std::ranges::find(routes(), tool.route, &Route::name);
  return *it;  // tests/control/mcp_tools_test.cpp sees to it that there is one
}

bool is_offered(Tool const& tool, Field const& field) { return !has_word(tool.leave_out, field.name); }

std::vector<std::string_view> path_parameters(Route const& route) {
  std::vector<std::string_view> names;
  for (auto at = route.pattern.find('{'); at != std::string_view::npos; at = route.pattern.find('{', at + 1))
    names.push_back(route.pattern.substr(at + 1, route.pattern.find('}', at) - at - 1));
  return names;
}

/// What a path's parameter is where it is not given; empty: it must be.
std::string default_of(Tool const& tool, std::string_view parameter, Principal const& who) {
  auto const& route = route_of(tool);
  bool const agent = who.kind == Principal::Kind::agent;
  if (parameter == "agent" && agent && route.right != Right::descendants) return who.agent_id;
  if (parameter == "agent" && !agent && tool.route == "inbox") return "operator";
  if (parameter == "scope" && agent) return "agent";
  if (parameter == "id" && agent) return who.agent_id;
  return {};
}

json parameter_schema(std::string_view name) {
  if (name == "message" || name == "approval")
    return {{"type", "integer"}, {"minimum", 1}, {"description", "its number"}};
  json shown{{"type", "string"}};
  if (name == "scope") shown["enum"] = {"agent", "user", "shared"};
  if (name == "agent") shown["description"] = "the agent's name";
  if (name == "id") shown["description"] = "whose memory in the scope: an agent's name, a team's";
  return shown;
}

/// As json_schema, but whole: not every client follows references. The API's documents are not nested in themselves.
json whole_schema(Field const& field) {
  auto shown = json_schema(field, false);
  shown.erase("format");  // models have no use for it
  if (!field.schema) return shown;
  json inner{{"type", "object"}, {"additionalProperties", field.schema->open}, {"properties", json::object()}};
  for (auto const& one : field.schema->fields) {
    inner["properties"][std::string(one.name)] = whole_schema(one);
    if (one.required) inner["required"].push_back(one.name);
  }
  if (field.type == Type::list)
    shown["items"] = std::move(inner);
  else if (field.type == Type::map)
    shown["additionalProperties"] = std::move(inner);
  else {
    if (shown.contains("description")) inner["description"] = shown["description"];
    shown = std::move(inner);
  }
  return shown;
}

json schema_of(Tool const& tool, Principal const& who) {
  auto const& route = route_of(tool);
  json shown{{"type", "object"}, {"additionalProperties", false}, {"properties", json::object()}};
  auto& properties = shown["properties"];
  json required = json::array();
  auto const add = [&](Field const& field) {
    if (!is_offered(tool, field)) return;
    auto schema = has_word(tool.unfolded, field.name) ? json{{"type", "object"}} : whole_schema(field);
    if (field.otherwise != 0) schema["default"] = field.otherwise;
    properties[std::string(field.name)] = std::move(schema);
    if (field.required) required.push_back(field.name);
  };
  for (auto const name : path_parameters(route)) {
    auto schema = parameter_schema(name);
    if (auto const otherwise = default_of(tool, name, who); otherwise.empty())
      required.push_back(name);
    else
      schema["default"] = otherwise;
    properties[std::string(name)] = std::move(schema);
  }
  for (auto const& field : route.query) add(field);
  if (route.request)
    for (auto const& field : route.request->fields) add(field);
  if (!tool.waits.empty()) {
    auto& wait = properties["wait"];
    wait["enum"].insert(wait["enum"].begin(), kNone);
    wait["default"] = tool.waits;
  }
  if (!required.empty()) shown["required"] = std::move(required);
  return shown;
}

/// The value as a path's segment or a query's value has it; nothing: it is none.
std::optional<std::string> text_of(json const& value) {
  if (value.is_string() && !value.get_ref<std::string const&>().empty()) return value.get<std::string>();
  if (value.is_number_integer() || value.is_boolean()) return value.dump();
  return std::nullopt;
}

std::optional<Error> check_names(Tool const& tool, json const& arguments, Principal const& who) {
  auto const properties = schema_of(tool, who)["properties"];
  for (auto const& [name, value] : arguments.items()) {
    if (properties.contains(name)) continue;
    std::vector<std::string> known;
    for (auto const& [one, schema] : properties.items()) known.push_back(one);
    return invalid(name, std::string(tool.name) + " has no argument " + name.substr(0, 80) + suggestion(name, known));
  }
  return std::nullopt;
}

Request request_as(Request const& asked, std::string_view method, std::string target) {
  Request request;
  request.method = method;
  request.target = std::move(target);
  request.over_unix = asked.over_unix;
  request.token_needed = asked.token_needed;
  for (auto const* name : {"host", "origin", "authorization"})
    if (auto const value = asked.header(name)) request.headers.push_back({name, std::string(*value)});
  return request;
}

}  // namespace

std::span<Tool const> tools() { return all; }

Tool const* find_tool(std::string_view name, Principal const& who) {
  auto const tool = std::ranges::find(all, name, &Tool::name);
  if (tool == std::end(all)) return nullptr;
  bool const may = who.kind == Principal::Kind::operator_ || route_of(*tool).right != Right::operator_;
  return may ? tool : nullptr;
}

json document_of(Tool const& tool, Principal const& who) {
  auto const& route = route_of(tool);
  return {{"name", tool.name},
          {"description", tool.about},
          {"inputSchema", schema_of(tool, who)},
          {"annotations",
           {{"readOnlyHint", route.method == "GET"},
            {"destructiveHint", tool.takes_away},
            {"idempotentHint", route.method == "GET" || route.method == "PUT"},
            {"openWorldHint", false}}}};
}

json tool_list(Principal const& who) {
  json list = json::array();
  for (auto const& tool : all)
    if (find_tool(tool.name, who)) list.push_back(document_of(tool, who));
  return {{"tools", std::move(list)}};
}

Result<std::optional<Wait>> take_wait(Tool const& tool, json& arguments) {
  if (tool.waits.empty()) return std::optional<Wait>();
  auto const query = route_of(tool).query;
  auto const words = std::ranges::find(query, "wait", &Field::name)->words;
  auto const time = std::ranges::find(query, "timeoutMs", &Field::name);
  auto const until = text_at(arguments, "wait").empty() ? std::string(tool.waits) : text_at(arguments, "wait");
  bool const known = !arguments.contains("wait") || arguments["wait"].is_null() || arguments["wait"].is_string();
  if (!known || (until != kNone && !has_word(words, until)))
    return invalid("wait", "wait is none, accepted or done, not " + to_text(arguments["wait"]).substr(0, 80));
  auto patience = time->otherwise;
  if (auto const given = arguments.find("timeoutMs"); given != arguments.end() && !given->is_null()) {
    bool const number = given->is_number_integer() && given->dump().size() < 18;
    patience = number ? given->get<std::int64_t>() : 0;
    if (patience < time->least || patience > time->most)
      return invalid("timeoutMs", "timeoutMs is a whole number from " + std::to_string(time->least) + " to " +
                                      std::to_string(time->most) + ", not " + to_text(*given).substr(0, 80));
  }
  arguments.erase("wait");
  arguments.erase("timeoutMs");
  if (until == kNone) return std::optional<Wait>();
  return std::optional(Wait{until, milliseconds(patience)});
}

Result<Request> request_of(Tool const& tool, json arguments, Principal const& who, Request const& asked) {
  for (auto it = arguments.begin(); it != arguments.end();) it = it->is_null() ? arguments.erase(it) : std::next(it);
  if (auto wrong = check_names(tool, arguments, who)) return *wrong;
  auto const& route = route_of(tool);
  // Another one's scope has no id of the caller's.
  bool const own = text_at(arguments, "scope").empty() || text_at(arguments, "scope") == "agent";
  std::string target;
  for (auto rest = route.pattern; !rest.empty();) {
    auto const begin = rest.find('{');
    target += rest.substr(0, begin);
    if (begin == std::string_view::npos) break;
    auto const end = rest.find('}');
    auto const name = std::string(rest.substr(begin + 1, end - begin - 1));
    auto value = name == "id" && !own ? std::string() : default_of(tool, name, who);
    if (auto const given = arguments.find(name); given != arguments.end()) {
      auto const text = text_of(*given);
      if (!text) return invalid(name, name + " is a name or a number, not " + to_text(*given).substr(0, 80));
      value = *text;
      arguments.erase(given);
    }
    if (value.empty()) return invalid(name, name + " is missing");
    target += http::percent_encode(value);
    rest.remove_prefix(end + 1);
  }
  char before = '?';
  for (auto const& field : route.query) {
    auto const given = arguments.find(field.name);
    bool const empty = given != arguments.end() && *given == "";  // models fill in what they leave out
    if (given == arguments.end() || empty) {
      if (empty) arguments.erase(given);
      if (field.required) return invalid(std::string(field.name), std::string(field.name) + " is missing");
      continue;
    }
    auto const text = text_of(*given);
    if (!text)
      return invalid(std::string(field.name),
                     std::string(field.name) + " is a text or a number, not " + to_text(*given).substr(0, 80));
    target += before + std::string(field.name) + "=" + http::percent_encode(*text);
    before = '&';
    arguments.erase(given);
  }
  auto request = request_as(asked, route.method, std::move(target));
  if (route.request) {
    request.headers.push_back({"content-type", "application/json"});
    request.body = to_text(arguments);
  }
  if (auto const key = asked.header("idempotency-key"); key && takes_key(route))
    request.headers.push_back({"idempotency-key", std::string(*key)});
  return request;
}

Request message_request(std::int64_t message, std::string const& store, std::optional<Wait> const& wait,
                        Request const& asked) {
  auto target = "/v1/messages/" + std::to_string(message) + "?";
  if (!store.empty()) target += "store=" + http::percent_encode(store) + "&";
  if (wait) target += "wait=" + wait->until + "&timeoutMs=" + std::to_string(wait->patience.count());
  if (target.ends_with('&') || target.ends_with('?')) target.pop_back();
  return request_as(asked, "GET", std::move(target));
}

json failed_result(std::string text) {
  return {{"content", json::array({json{{"type", "text"}, {"text", std::move(text)}}})}, {"isError", true}};
}

json result_of(Tool const& tool, Response const& response) {
  auto document = parse_json(response.body);
  if (response.status >= 400) {
    if (!document) return failed_result("the daemon answered " + std::to_string(response.status));
    auto text = text_at(*document, "detail") + " (" + text_at(*document, "code");
    if (auto const field = text_at(*document, "field"); !field.empty()) text += ", " + field;
    text += ")";
    auto const again = std::ranges::find(response.headers, "Retry-After", &http::Header::name);
    if (again != response.headers.end()) text += "; ask again in " + again->value + " s";
    return failed_result(std::move(text));
  }
  bool const whole = tool.text.empty() || !document;
  auto text = whole ? response.body : text_at(*document, std::string(tool.text).c_str());
  json result{{"content", json::array({json{{"type", "text"}, {"text", std::move(text)}}})}, {"isError", false}};
  if (whole && document && document->is_object()) result["structuredContent"] = std::move(*document);
  return result;
}

}  // namespace ar::control::mcp
