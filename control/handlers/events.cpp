// The event log: in pages, or as a stream of server-sent events.
#include "base/words.hpp"
#include "control/api/events_api.hpp"
#include "control/event_stream.hpp"
#include "control/route.hpp"
#include "model/event_type.hpp"

#include <algorithm>

namespace ar::control {
namespace {

bool wants_stream(Request const& request) {
  auto const accept = request.header("accept");
  return request.method == "GET" && accept && lower_case(*accept).find("text/event-stream") != std::string::npos;
}

Result<EventCursor> read_cursor(Call& call, bool stream) {
  EventCursor from{.agent = call.name("agent")};
  if (call.query.text("cursor") == "latest")
    from.after = call.api.events.last_event(from.agent);
  else
    from.after = call.query.integer("cursor", 0, 0, INT64_MAX);
  if (auto const newest = call.query.integer("last", 0, 1, INT64_MAX); newest > 0) {
    if (call.query.text("cursor")) call.query.fail("last", "goes without cursor: it counts from the end");
    from.after = std::max<std::int64_t>(0, call.api.events.last_event(from.agent) - newest);
  }
  if (call.query.error()) return *call.query.error();
  auto const last_id = call.request.header("last-event-id");
  if (stream && last_id && !last_id->empty()) {
    // A client that reconnects repeats its URL: where it stopped is truer than where it once began.
    auto const number = parse_number(*last_id);
    if (!number) return invalid("Last-Event-ID", "Last-Event-ID must be the number of an event");
    from.after = *number;
  }
  if (from.agent.empty() && from.after > call.api.events.last_event(""))
    return invalid("cursor", "cursor " + std::to_string(from.after) + " is beyond the last event, " +
                                 std::to_string(call.api.events.last_event("")) +
                                 "; the log may be a new one: start from 0");
  return from;
}

awaitable<Result<Response>> page(Call& call, EventCursor from) {
  int const limit = static_cast<int>(call.query.integer("limit", 100, 1, 1000));
  if (call.query.error()) co_return *call.query.error();
  auto const events = co_await call.api.events.events(from.agent, from.after, limit);
  if (!events) co_return events.error();
  std::int64_t next = from.after;
  std::string text = R"({"events":[)";
  for (auto const& event : *events) {
    if (text.back() != '[') text += ',';
    text += event.json_text;
    next = from.agent.empty() ? event.number : event.agent_number;
  }
  text += R"(],"nextCursor":)" + std::to_string(next) + "}";
  co_return json_text_response(std::move(text));
}

awaitable<Result<Response>> events(Call& call) {
  bool const stream = wants_stream(call.request);
  auto from = read_cursor(call, stream);
  if (!from) co_return from.error();
  if (!stream) co_return co_await page(call, std::move(*from));
  // Asked here once so that an unknown agent is a 404 and not a stream that ends.
  auto const probe = co_await call.api.events.events(from->agent, from->after, 1);
  if (!probe) co_return probe.error();
  Response response{.content_type = "text/event-stream"};
  response.stream = [&events = call.api.events, start = std::move(*from), keep_alive = call.stream_keep_alive](
                        Peer& peer) { return stream_events(events, peer, start, keep_alive); };
  co_return response;
}

awaitable<Result<Response>> types(Call&) {
  json list = json::array();
  for (auto const& type : event_types()) {
    json fields = json::array();
    for (auto const field : words_of(type.data)) fields.push_back(field);
    list.push_back({{"type", type.name}, {"data", std::move(fields)}, {"summary", type.summary}});
  }
  co_return json_response({{"types", std::move(list)}});
}

constexpr Route rows[] = {
    {"GET", "/v1/events", Right::operator_, Body::none, "cursor last limit", "the log of all events", events},
    {"GET", "/v1/events/types", Right::operator_, Body::none, "", "every type of event", types},
    {"GET", "/v1/agents/{agent}/events", Right::operator_, Body::none, "cursor last limit", "one agent's log", events},
};

}  // namespace

std::span<Route const> event_routes() { return rows; }

}  // namespace ar::control
