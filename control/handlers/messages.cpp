// Messages, their replies and reactions, dead letters and attachments.
#include "control/api/attachments_api.hpp"
#include "control/api/messages_api.hpp"
#include "control/route.hpp"

#include <algorithm>

namespace ar::control {
namespace {

constexpr std::size_t longest_name = 255;
constexpr std::int64_t longest_wait_ms = 3'600'000;

struct Wait {
  std::string until{};  ///< empty: do not wait
  milliseconds patience{};
};

Wait read_wait(Query& query) {
  Wait wait;
  wait.until = query.choice("wait", {"accepted", "done"}).value_or("");
  wait.patience = milliseconds(query.integer("timeoutMs", 60'000, 1, longest_wait_ms));
  if (wait.until.empty() && query.text("timeoutMs")) query.fail("timeoutMs", "needs wait=accepted or wait=done");
  return wait;
}

awaitable<Result<json>> wait_for(Call& call, std::int64_t id, Wait wait) {
  auto waited = co_await while_present(
      call.peer, call.api.messages.wait_message(call.who, id, std::move(wait.until), wait.patience));
  if (waited) co_return std::move(*waited);
  co_return unavailable("wait_ended", "the daemon is stopping; ask for the message again later");
}

/// Sends, and waits if asked to. A wait that fails still tells which message was sent.
awaitable<Result<Response>> deliver(Call& call, json message) {
  Wait wait = read_wait(call.query);
  if (call.query.error()) co_return *call.query.error();
  if (auto const key = call.request.header("idempotency-key")) {
    auto const in_body = message.find("idempotencyKey");
    if (in_body != message.end() && (!in_body->is_string() || in_body->get_ref<std::string const&>() != *key))
      co_return invalid("idempotencyKey", "idempotencyKey differs from the Idempotency-Key header; send one of them");
    message["idempotencyKey"] = std::string(*key);
  }
  auto sent = co_await call.api.messages.send(call.who, std::move(message));
  if (!sent) co_return sent.error();
  auto const id_field = sent->find("id");
  if (id_field == sent->end() || !id_field->is_number_integer())
    co_return internal("internal_error", "the message was sent but its number is not known");
  auto const id = id_field->get<std::int64_t>();
  if (!wait.until.empty()) {
    auto waited = co_await wait_for(call, id, std::move(wait));
    if (!waited) {
      Error error = waited.error();
      error.message = "message " + std::to_string(id) + " was sent, but: " + error.message;
      json const extra{{"messageId", id}};
      co_return problem(error, 0, extra);
    }
    sent = std::move(waited);
  }
  Response response = json_response(*sent, 201);
  response.headers.push_back({"Location", "/v1/messages/" + std::to_string(id)});
  co_return response;
}

awaitable<Result<Response>> send(Call& call) {
  auto message = call.object();
  if (!message) co_return message.error();
  co_return co_await deliver(call, std::move(*message));
}

awaitable<Result<Response>> reply(Call& call) {
  auto message = call.object();
  if (!message) co_return message.error();
  for (char const* field : {"to", "replyTo"})
    if (message->contains(field))
      co_return invalid(field, std::string(field) + " follows from the message that is answered; leave it out");
  auto const original = co_await call.api.messages.message(call.who, call.number("message"));
  if (!original) co_return original.error();
  auto const from = original->find("from");
  if (from == original->end() || !from->is_string())
    co_return internal("internal_error",
                       "message " + std::to_string(call.number("message")) + " names no sender to reply to");
  (*message)["to"] = *from;
  (*message)["replyTo"] = call.number("message");
  co_return co_await deliver(call, std::move(*message));
}

awaitable<Result<Response>> list(Call& call) {
  Page page;
  page.agent = call.query.text("agent");
  page.limit = static_cast<int>(call.query.integer("limit", 100, 1, 1000));
  page.cursor = call.query.integer("cursor", 0, 0, INT64_MAX);
  if (call.query.error()) co_return *call.query.error();
  if (call.who.kind == Principal::Kind::agent) {
    if (page.agent.value_or(call.who.agent_id) != call.who.agent_id)
      co_return Error{ErrorKind::forbidden, "not_your_agent", "an agent lists its own messages only", "agent"};
    page.agent = call.who.agent_id;
  }
  co_return respond(co_await call.api.messages.messages(call.who, std::move(page)));
}

awaitable<Result<Response>> show(Call& call) {
  Wait wait = read_wait(call.query);
  auto const store = call.query.text("store");
  if (call.query.error()) co_return *call.query.error();
  if (store)
    if (auto same = call.api.messages.check_store(*store); !same) co_return same.error();
  if (!wait.until.empty()) co_return respond(co_await wait_for(call, call.number("message"), std::move(wait)));
  co_return respond(co_await call.api.messages.message(call.who, call.number("message")));
}

awaitable<Result<Response>> react(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  in.require("word");
  std::string word = in.string("word");
  if (word.empty()) in.fail("word", "must not be empty");
  if (auto error = in.finish()) co_return *error;
  co_return respond(co_await call.api.messages.react(call.who, call.number("message"), std::move(word)));
}

awaitable<Result<Response>> settle(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  in.require("taken");
  bool const taken = in.boolean("taken", false);
  std::string agent = in.string("agent");
  if (auto error = in.finish()) co_return *error;
  co_return respond(co_await call.api.messages.settle(call.number("message"), std::move(agent), taken));
}

awaitable<Result<Response>> read(Call& call) {
  co_return respond(co_await call.api.messages.read(call.who, call.number("message")));
}

Result<Response> bytes(Result<std::string> content) {
  if (!content) return content.error();
  return Response{.content_type = "application/octet-stream", .body = std::move(*content)};
}

awaitable<Result<Response>> body(Call& call) {
  co_return bytes(co_await call.api.messages.body(call.who, call.number("message")));
}

awaitable<Result<Response>> dead(Call& call) { co_return respond(co_await call.api.messages.dead_letters()); }

awaitable<Result<Response>> requeue(Call& call) {
  co_return respond(co_await call.api.messages.requeue(call.number("message")));
}

awaitable<Result<Response>> put_attachment(Call& call) {
  std::string name = call.query.text("name").value_or("");
  bool const printable = std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (name.empty() || name.size() > longest_name || name == "." || name == ".." || !printable ||
      name.find('/') != std::string::npos)
    co_return invalid("name", "name must be a file's name of 1 to 255 bytes without '/' or control characters");
  std::string media_type(call.request.header("content-type").value_or("application/octet-stream"));
  co_return respond(co_await call.api.attachments.put_attachment(call.who, std::move(name), std::move(media_type),
                                                                 std::move(call.request.body)),
                    201);
}

awaitable<Result<Response>> attachment(Call& call) {
  auto const message = call.query.integer("message", 0, 1, INT64_MAX);
  if (call.query.error()) co_return *call.query.error();
  co_return bytes(co_await call.api.attachments.attachment(call.who, call.name("attachment"), message));
}

constexpr Route rows[] = {
    {"POST", "/v1/messages", Right::agent, Body::message, "wait timeoutMs", "send a message (Idempotency-Key header)",
     send},
    {"GET", "/v1/messages", Right::agent, Body::none, "agent cursor limit", "list messages", list},
    {"GET", "/v1/messages/{message}", Right::agent, Body::none, "wait timeoutMs store", "one message's whole life",
     show},
    {"POST", "/v1/messages/{message}/replies", Right::agent, Body::message, "wait timeoutMs",
     "answer the sender (Idempotency-Key header)", reply},
    {"POST", "/v1/messages/{message}/reactions", Right::agent, Body::json, "", "react with a word", react},
    {"POST", "/v1/messages/{message}/settle", Right::operator_, Body::json, "", "say whether an unknown one was taken",
     settle},
    {"POST", "/v1/messages/{message}/read", Right::agent, Body::none, "", "mark it read by the caller", read},
    {"GET", "/v1/messages/{message}/body", Right::agent, Body::none, "", "the body's exact bytes", body},
    {"GET", "/v1/dead", Right::operator_, Body::none, "", "dead letters", dead},
    {"POST", "/v1/dead/{message}/requeue", Right::operator_, Body::none, "", "give a dead letter another try", requeue},
    {"POST", "/v1/attachments", Right::agent, Body::attachment, "name", "store a file's bytes", put_attachment},
    {"GET", "/v1/attachments/{attachment}", Right::agent, Body::none, "message", "a stored file's bytes", attachment},
};

}  // namespace

std::span<Route const> message_routes() { return rows; }

}  // namespace ar::control
