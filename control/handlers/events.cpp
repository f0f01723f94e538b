// The event log: in pages, or as a stream; and the tickets that open one.
#include "base/ids.hpp"
#include "base/words.hpp"
#include "control/api/events_api.hpp"
#include "control/event_stream.hpp"
#include "control/rate_limit.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"
#include "model/event_type.hpp"

#include <algorithm>

namespace ar::control {
namespace {

Result<EventCursor> read_cursor(Call& call, bool stream) {
  auto const& session = call.name("session");
  EventCursor from{.agent = session.empty() ? call.name("agent") : session};
  from.ends_with_agent = call.who.kind == Principal::Kind::agent;
  auto const start_index = call.query.text("startIndex");
  if (start_index && call.query.text("cursor"))
    return invalid("startIndex", "startIndex is the cursor by another name; give one of them");
  auto const cursor = start_index ? *start_index : call.query.text("cursor").value_or("0");
  auto const number = parse_number(cursor);
  if (!number && cursor != "latest")
    return invalid("cursor", "cursor must be the number of an event, or latest, not \"" + cursor.substr(0, 80) + "\"");
  from.after = number ? *number : call.api.events.last_event(from.agent);
  if (auto const newest = call.integer("last"); newest > 0) {
    if (call.query.text("cursor") || start_index)
      return invalid("last", "last goes without cursor: it counts from the end");
    from.after = std::max<std::int64_t>(0, call.api.events.last_event(from.agent) - newest);
  }
  auto const last_id = call.request.header("last-event-id");
  if (stream && last_id && !last_id->empty()) {
    // A client that reconnects repeats its URL: where it stopped is truer than where it once began.
    auto const last = parse_number(*last_id);
    if (!last) return invalid("Last-Event-ID", "Last-Event-ID must be the number of an event");
    from.after = *last;
  }
  if (from.agent.empty() && from.after > call.api.events.last_event(""))
    return invalid("cursor", "cursor " + std::to_string(from.after) + " is beyond the last event, " +
                                 std::to_string(call.api.events.last_event("")) +
                                 "; the log may be a new one: start from 0");
  return from;
}

awaitable<Result<Response>> page(Call& call, EventCursor from) {
  int const limit = static_cast<int>(call.integer("limit"));
  auto const events = co_await call.api.events.events(from.agent, from.after, limit);
  if (!events) co_return events.error();
  std::int64_t next = from.after;
  std::string text = R"({"events":[)";
  for (auto const& event : *events) {
    if (text.back() != '[') text += ',';
    text += event.json_text;
    next = number_in(from.agent, event);
  }
  text += R"(],"eventCursor":)" + std::to_string(next);
  bool const more = !events->empty() && next < call.api.events.last_event(from.agent);
  text += more ? R"(,"nextCursor":)" + std::to_string(next) + "}" : "}";
  co_return json_text_response(std::move(text));
}

awaitable<Result<Response>> events(Call& call) {
  bool const socket = wants_websocket(call.request);
  bool const stream = socket || wants_server_sent_events(call.request);
  auto from = read_cursor(call, stream);
  if (!from) co_return from.error();
  if (!stream) co_return co_await page(call, std::move(*from));
  // Asked here once so that an unknown agent is a 404 and not a stream that ends.
  auto const probe = co_await call.api.events.events(from->agent, from->after, 1);
  if (!probe) co_return probe.error();
  Response response;
  auto& log = call.api.events;
  auto const& limits = call.limits;
  if (socket) {
    response.websocket = [&log, &limits, start = std::move(*from)](http::WebSocket& reader) {
      return stream_to_websocket(log, reader, start, limits);
    };
  } else {
    response.content_type = "text/event-stream";
    response.stream = [&log, &limits, start = std::move(*from)](Peer& peer) {
      return stream_to_peer(log, peer, start, limits);
    };
  }
  co_return response;
}

awaitable<Result<Response>> ticket(Call& call) {
  auto const request = call.object();
  if (!request) co_return request.error();
  Tickets::Grant grant{call.who, text_at(*request, "agent")};
  if (request->contains("agent") && !(*request)["agent"].is_null() && !is_safe_name(grant.agent))
    co_return invalid("agent", "an agent's id has 1 to 64 letters, digits, '.', '_' or '-'");
  if (call.who.kind == Principal::Kind::agent) {
    if (!grant.agent.empty() && grant.agent != call.who.agent_id)
      co_return Error{ErrorKind::forbidden, "not_your_agent",
                      "an agent gets tickets for its own events only, and this is " + call.who.agent_id, "agent"};
    grant.agent = call.who.agent_id;
  } else if (!grant.agent.empty()) {
    auto const probe = co_await call.api.events.events(grant.agent, 0, 1);
    if (!probe) co_return probe.error();
  }
  if (auto const wait = call.tickets.wait_of(call.who); wait > Clock::duration::zero()) {
    Error const error = unavailable("too_many_tickets", "there are " + std::to_string(call.limits.tickets) +
                                                            " unused tickets of yours; use them, or wait until they "
                                                            "expire");
    auto refused = problem(error, 429);
    refused.headers.push_back(retry_after(wait));
    co_return refused;
  }
  auto const issued = call.tickets.issue(std::move(grant));
  json const answer{{"ticket", issued.secret}, {"expiresAt", to_iso8601(issued.expires_at)}};
  co_return json_response(answer, 201);
}

awaitable<Result<Response>> check(Call& call) { co_return respond(co_await call.api.events.check_log()); }

awaitable<Result<Response>> types(Call&) {
  json list = json::array();
  for (auto const& type : event_types()) {
    json fields = json::array();
    for (auto const field : words_of(type.data)) fields.push_back(field);
    list.push_back({{"type", type.name}, {"data", std::move(fields)}, {"summary", type.summary}});
  }
  co_return json_response({{"types", std::move(list)}});
}

constexpr Field kEventCursor{.name = "cursor", .about = "the number after which to read, or latest"};
constexpr Field kLast{.name = "last", .type = Type::integer, .about = "begins with so many of the newest", .least = 1};
constexpr Field kTicket{.name = "ticket", .about = "of a stream, in the place of a token"};
constexpr Field events_query[] = {kEventCursor, kLast, kLimit, kTicket};
constexpr Field own_events_query[] = {
    kEventCursor,
    {.name = "startIndex", .type = Type::integer, .about = "the cursor: how many events were seen", .least = 0},
    kLast,
    kLimit,
    kTicket,
};

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/events",
     .name = "listEvents",
     .summary = "the log of all events",
     .handler = events,
     .query = events_query,
     .headers = "Last-Event-ID",
     .answer = &kEventPage,
     .streams = true,
     .statuses = "200 101",
     .errors = "bad_ticket",
     .answers = "`{events: [...], eventCursor, nextCursor?}`, or a stream (below)"},
    {.method = "GET",
     .pattern = "/v1/events/types",
     .name = "listEventTypes",
     .summary = "every type of event",
     .handler = types,
     .answer = &kEventTypeList,
     .answers = "`{types: [{type, data: [field, ...], summary}]}`: every type of event ([events.md](events.md)); "
                "`data` `[\"*\"]`: the fields of what it is about"},
    {.method = "GET",
     .pattern = "/v1/events/check",
     .name = "checkLog",
     .summary = "whether the log is whole",
     .handler = check,
     .answer = &kLogCheck,
     .answers = "whether each event follows from the one before ([proof.md](proof.md))"},
    {.method = "GET",
     .pattern = "/v1/agents/{agent}/events",
     .name = "listEventsOfAgent",
     .summary = "one agent's log",
     .handler = events,
     .right = Right::family,
     .query = own_events_query,
     .headers = "Last-Event-ID",
     .answer = &kEventPage,
     .streams = true,
     .statuses = "200 101",
     .errors = "bad_ticket no_such_agent gone",
     .answers = "the same of one agent, by its own numbers"},
    {.method = "GET",
     .pattern = "/v1/sessions/{session}/events",
     .name = "listEventsOfSession",
     .summary = "one session's log, which is its agent's",
     .handler = events,
     .right = Right::family,
     .query = own_events_query,
     .headers = "Last-Event-ID",
     .answer = &kEventPage,
     .streams = true,
     .statuses = "200 101",
     .errors = "bad_ticket no_such_agent gone",
     .answers = "as of an agent"},
    {.method = "POST",
     .pattern = "/v1/events/ticket",
     .name = "issueEventTicket",
     .summary = "a ticket that opens one event stream",
     .handler = ticket,
     .right = Right::agent,
     .body = Body::json,
     .answers_secret = true,
     .request = &kTicketRequest,
     .answer = &kEventTicket,
     .rate = &Limits::new_tickets,
     .statuses = "201",
     .errors = "no_such_agent gone too_many_tickets",
     .answers = "`{ticket, expiresAt}`: opens one event stream, within 30 s (below)"},
};

}  // namespace

std::span<Route const> event_routes() { return rows; }

}  // namespace ar::control
