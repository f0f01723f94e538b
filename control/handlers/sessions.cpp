// Sessions and runs: an agent as a program sees it that opens it, sends it input, and reads what comes of it.
#include "control/api/agents_api.hpp"
#include "control/api/events_api.hpp"
#include "control/api/sessions_api.hpp"
#include "control/event_stream.hpp"
#include "control/idempotency.hpp"
#include "control/open_session.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"
#include "control/session_input.hpp"

#include <utility>

namespace ar::control {
namespace {

awaitable<Result<Response>> open(Call& call) {
  auto request = call.object();
  if (!request) co_return request.error();
  auto opened = co_await open_session(call.api.sessions, call.who, std::move(*request), call.key);
  if (!opened) co_return opened.error();
  json answer = {{"session", opened->session.session}, {"turn", nullptr}, {"eventCursor", 0}};
  if (opened->sent) answer = std::move(opened->sent->answer);
  bool const created = opened->session.created;
  Response response = json_response(answer, created ? 201 : 200);
  response.headers.push_back({"Location", "/v1/sessions/" + answer["session"]["id"].get<std::string>()});
  if (!created) response.headers.push_back(replayed());
  co_return response;
}

awaitable<Result<Response>> list(Call& call) {
  auto page = call.page_of_names();
  if (!page) co_return page.error();
  page->status = call.query.text("status");
  auto const since = read_since(call.query.text("since"));
  if (!since) co_return since.error();
  page->since = *since;
  page->user = call.query.text("user");
  co_return respond(co_await call.api.sessions.sessions(call.who, std::move(*page)));
}

awaitable<Result<Response>> show(Call& call) {
  co_return respond(co_await call.api.sessions.session(call.name("session")));
}

awaitable<Result<Response>> turns(Call& call) {
  co_return respond(co_await call.api.sessions.turns(call.name("session"), call.page()));
}

awaitable<Result<Response>> transcript(Call& call) {
  co_return respond(co_await call.api.agents.transcript(call.name("session"), call.page()));
}

awaitable<Result<Response>> send(Call& call) {
  auto request = call.object();
  if (!request) co_return request.error();
  auto input = take_input(*request, true);
  if (!input) co_return input.error();
  if (auto good = co_await call.api.sessions.check_input(call.who, **input); !good) co_return good.error();
  auto sent = co_await call.api.sessions.send(call.who, call.name("session"), std::move(**input), call.key);
  if (!sent) co_return sent.error();
  Response response = json_response(sent->answer, sent->repeated ? 200 : 202);
  if (sent->repeated) response.headers.push_back(replayed());
  co_return response;
}

/// The verb of the same name, answered as a session.
awaitable<Result<Response>> act(Call& call) {
  auto params = call.object();
  if (!params) co_return params.error();
  std::string verb(call.route.pattern.substr(call.route.pattern.rfind('/') + 1));
  auto const id = call.name("session");
  auto const done = co_await call.api.agents.act(id, std::move(verb), std::move(*params));
  if (!done) co_return done.error();
  auto session = co_await call.api.sessions.session(id);
  if (!session) co_return session.error();
  json const answer = {{"session", std::move(*session)}};
  co_return json_response(answer);
}

awaitable<Result<Response>> cancel(Call& call) {
  auto request = call.object();
  if (!request) co_return request.error();
  auto reason = text_at(*request, "reason");
  co_return respond(co_await call.api.sessions.cancel(call.name("session"), std::move(reason)));
}

awaitable<Result<Response>> close(Call& call) {
  co_return respond(co_await call.api.sessions.close(call.name("session")));
}

/// The events of a run, up to its end.
class RunEvents final : public ServerSentEvents {
 public:
  RunEvents(Executor executor, Peer& peer) : ServerSentEvents(peer, 0), changed_(std::move(executor)) {}

  awaitable<bool> write(std::int64_t number, std::string_view json_text) override {
    last_ = number;
    return ServerSentEvents::write(number, json_text);
  }
  awaitable<void> gone() override {
    auto wait = [this]() -> awaitable<bool> {
      while (!over_) (void)co_await changed_.wait();
      co_return true;
    };
    (void)co_await http::until(ServerSentEvents::gone(), wait());
  }
  void end() {
    over_ = true;
    changed_.notify_all();
  }
  bool is_over() const { return over_; }
  std::int64_t last() const { return last_; }

 private:
  Notifier changed_;
  bool over_ = false;
  std::int64_t last_ = 0;
};

/// The events as they come, and what came of the run as the last.
awaitable<void> stream_run(Api const& api, Peer& peer, std::string id, Principal who, std::int64_t message,
                           Clock::duration keep_alive) {
  auto const executor = co_await net::this_coro::executor;
  RunEvents sink(executor, peer);
  std::optional<Result<json>> result;
  auto wait = [&]() -> awaitable<void> {
    result = co_await api.sessions.result_of(who, id, message);
    sink.end();
    for (Notifier never(executor);;) (void)co_await never.wait();  // the stream's end is the end
  };
  auto write = [&]() -> awaitable<bool> {
    auto done = co_await stream_events(api.events, sink, {id, 0}, keep_alive);
    if (done && sink.is_over()) done = co_await stream_events(api.events, sink, {id, sink.last()}, keep_alive);
    co_return done&& sink.is_over();
  };
  auto const written = co_await http::until(wait(), write());
  if (!written || !*written || !result) co_return;
  json event = {{"agent", id}};
  if (*result) {
    event["type"] = (**result)["ok"] == true ? "RUN_FINISHED" : "RUN_ERROR";
    event["data"] = std::move(**result);
  } else {
    event["type"] = "RUN_ERROR";
    event["data"] = {{"code", result->error().code}, {"detail", result->error().message}};
  }
  (void)co_await peer.write(event_block(sink.last(), to_text(event)));
}

awaitable<Result<Response>> run(Call& call) {
  auto request = call.object();
  if (!request) co_return request.error();
  if (!request->contains("input")) co_return invalid("input", "input is missing: what the run is about");
  if (!call.key.key.empty()) call.key.body_hash = body_hash(call.route, call.request);
  auto opened = co_await open_session(call.api.sessions, call.who, std::move(*request), call.key);
  if (!opened) co_return opened.error();
  auto const id = opened->session.session["id"].get<std::string>();
  auto const message = opened->sent->message;
  if (wants_server_sent_events(call.request)) {
    Response response{.content_type = "text/event-stream"};
    response.headers.push_back({"Location", "/v1/sessions/" + id});
    response.stream = [&api = call.api, id, message, who = call.who, keep_alive = call.limits.stream_keep_alive](
                          Peer& peer) { return stream_run(api, peer, id, who, message, keep_alive); };
    co_return response;
  }
  auto waiting = call.api.sessions.result_of(call.who, id, message);
  auto result = co_await while_present(call.peer, std::move(waiting));
  if (!result)
    co_return unavailable("wait_ended", "the daemon is stopping; run " + id + " goes on: GET /v1/sessions/" + id);
  if (!*result) co_return result->error();
  bool const created = opened->session.created;
  Response response = json_response(**result, created ? 201 : 200);
  response.headers.push_back({"Location", "/v1/sessions/" + id});
  if (!created) response.headers.push_back(replayed());
  co_return response;
}

constexpr Field sessions_query[] = {
    {.name = "status", .about = "of these only, between commas"},
    {.name = "since", .about = "changed since then: a time, or ms since 1970"},
    {.name = "user", .about = "opened by them: operator, or an agent's id"},
    kLimit,
    kNameCursor,
};
constexpr Field turns_query[] = {kLimit, kCursor};
constexpr std::string_view kErrorsOfSpawns =
    "name_taken cli_missing cli_too_old not_logged_in unsupported command_not_found file_not_found outside_folders "
    "not_a_file not_a_directory too_large git_missing git_failed branch_taken path_taken dirty_index no_commit "
    "bad_config no_such_agent gone unknown_attachment quota address_refused not_granted too_many_children wrong_state "
    "agent_removed";

constexpr Route rows[] = {
    {.method = "POST",
     .pattern = "/v1/sessions",
     .name = "openSession",
     .summary = "open a session: spawn an agent, and send it its first input",
     .handler = open,
     .right = Right::family,
     .body = Body::message,
     .request = &kSessionSpecification,
     .answer = &kSentToSession,
     .statuses = "201",
     .errors = kErrorsOfSpawns,
     .answers = "`{session, turn, eventCursor}` (below); `Location`. An agent's token: a child of its own"},
    {.method = "GET",
     .pattern = "/v1/sessions",
     .name = "listSessions",
     .summary = "list the sessions",
     .handler = list,
     .right = Right::family,
     .query = sessions_query,
     .answer = &kSessionList,
     .answers = "`{sessions: [...], nextCursor?}`; an agent's token: itself and its descendants"},
    {.method = "GET",
     .pattern = "/v1/sessions/{session}",
     .name = "showSession",
     .summary = "one session",
     .handler = show,
     .right = Right::family,
     .answer = &kSession,
     .errors = "no_such_agent gone",
     .answers = "the session (below)"},
    {.method = "DELETE",
     .pattern = "/v1/sessions/{session}",
     .name = "closeSession",
     .summary = "end its agent and its descendants gracefully, and forget them",
     .handler = close,
     .right = Right::descendants,
     .answer = &kRemovedAgent,
     .errors = "no_such_agent gone agent_removed agent_running wrong_state has_children",
     .answers = "`{removed, workspace?, children?}`, as of an agent"},
    {.method = "POST",
     .pattern = "/v1/sessions/{session}/messages",
     .name = "sendToSession",
     .summary = "send it input",
     .handler = send,
     .right = Right::descendants,
     .body = Body::message,
     .knows_keys = true,
     .request = &kSessionMessage,
     .answer = &kSentToSession,
     .statuses = "202",
     .errors = "no_such_agent gone unknown_attachment too_large quota file_not_found not_a_file",
     .answers = "`{session, turn, eventCursor}`; the turn is `launching` until its provider has taken the message"},
    {.method = "GET",
     .pattern = "/v1/sessions/{session}/turns",
     .name = "listTurnsOfSession",
     .summary = "its turns, newest first",
     .handler = turns,
     .right = Right::family,
     .query = turns_query,
     .answer = &kSessionTurnList,
     .errors = "no_such_agent gone",
     .answers = "`{turns: [...], nextCursor?}`"},
    {.method = "GET",
     .pattern = "/v1/sessions/{session}/transcript",
     .name = "transcriptOfSession",
     .summary = "its conversation, as its provider has recorded it",
     .handler = transcript,
     .right = Right::family,
     .query = turns_query,
     .answer = &kTranscript,
     .errors = "no_such_agent gone unsupported",
     .answers = "as of an agent"},
    {.method = "POST",
     .pattern = "/v1/sessions/{session}/cancel",
     .name = "cancelSession",
     .summary = "interrupt its turn, and withdraw what waits; the same for its descendants",
     .handler = cancel,
     .right = Right::descendants,
     .body = Body::json,
     .request = &kCancel,
     .answer = &kCancelled,
     .errors = "no_such_agent gone",
     .answers = "`{session, cancelledCount}`: turns interrupted and messages withdrawn; 0 when there was nothing"},
    {.method = "POST",
     .pattern = "/v1/sessions/{session}/suspend",
     .name = "suspendSession",
     .summary = "stop the process, keep the conversation",
     .handler = act,
     .body = Body::json,
     .request = &kVerbParameters,
     .answer = &kSessionState,
     .errors = "no_such_agent gone agent_removed agent_not_running wrong_state unsupported",
     .answers = "`{session}`, suspended"},
    {.method = "POST",
     .pattern = "/v1/sessions/{session}/resume",
     .name = "resumeSession",
     .summary = "go on with a suspended one",
     .handler = act,
     .body = Body::json,
     .request = &kVerbParameters,
     .answer = &kSessionState,
     .errors = "no_such_agent gone agent_removed wrong_state start_failed",
     .answers = "`{session}`, its process running"},
    {.method = "POST",
     .pattern = "/v1/runs",
     .name = "run",
     .summary = "open a session, send it its input, and wait for what comes of it; with its key again: wait on",
     .handler = run,
     .right = Right::family,
     .body = Body::message,
     .headers = "Accept",
     .knows_keys = true,
     .request = &kSessionSpecification,
     .answer = &kRun,
     .streams = true,
     .statuses = "201",
     .errors = kErrorsOfSpawns,
     .answers =
         "`{runId, status, ok, text, output, usage, costUsd, turns, errorMessage}`, once its turn is over; or a stream "
         "(below). A client that hangs up ends its answer, not the run"},
};

}  // namespace

std::span<Route const> session_routes() { return rows; }

}  // namespace ar::control
