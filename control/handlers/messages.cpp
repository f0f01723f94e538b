// Messages, their replies and reactions, dead letters and attachments.
#include "control/api/attachments_api.hpp"
#include "control/api/messages_api.hpp"
#include "control/idempotency.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

#include <algorithm>

namespace ar::control {
namespace {

constexpr std::size_t longest_name = 255;
constexpr std::int64_t longest_wait_ms = 3'600'000;

struct Wait {
  std::string until{};  ///< empty: do not wait
  milliseconds patience{};
};

Result<Wait> read_wait(Call const& call) {
  Wait wait;
  wait.until = call.query.text("wait").value_or("");
  wait.patience = milliseconds(call.integer("timeoutMs"));
  if (wait.until.empty() && call.query.text("timeoutMs"))
    return invalid("timeoutMs", "timeoutMs needs wait=accepted or wait=done");
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
  auto wait = read_wait(call);
  if (!wait) co_return wait.error();
  if (auto const& key = call.key.key; !key.empty()) {
    auto const in_body = message.find("idempotencyKey");
    if (in_body != message.end() && (!in_body->is_string() || in_body->get_ref<std::string const&>() != key))
      co_return invalid("idempotencyKey", "idempotencyKey differs from the Idempotency-Key header; send one of them");
    message["idempotencyKey"] = key;
  }
  auto sent = co_await call.api.messages.send(call.who, std::move(message));
  if (!sent) co_return sent.error();
  auto const id_field = sent->find("id");
  if (id_field == sent->end() || !id_field->is_number_integer())
    co_return internal("internal_error", "the message was sent but its number is not known");
  auto const id = id_field->get<std::int64_t>();
  bool const repeated = sent->value("repeated", false);
  if (!wait->until.empty()) {
    auto waited = co_await wait_for(call, id, std::move(*wait));
    if (!waited) {
      Error error = waited.error();
      error.message = "message " + std::to_string(id) + " was sent, but: " + error.message;
      json const extra{{"messageId", id}};
      co_return problem(error, 0, extra);
    }
    sent = std::move(waited);
  }
  Response response = json_response(*sent, repeated ? 200 : 201);
  if (repeated) response.headers.push_back(replayed());
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
  Page page = call.page();
  page.agent = call.query.text("agent");
  page.user = call.query.text("user");
  if (page.agent && page.user) co_return invalid("user", "give agent or user, not both");
  if (call.who.kind == Principal::Kind::agent) {
    if (page.agent.value_or(call.who.agent_id) != call.who.agent_id)
      co_return Error{ErrorKind::forbidden, "not_your_agent", "an agent lists its own messages only", "agent"};
    if (page.user && *page.user != call.who.agent_id)
      co_return Error{ErrorKind::forbidden, "not_your_agent", "an agent lists its own messages only", "user"};
    page.agent = call.who.agent_id;
  }
  co_return respond(co_await call.api.messages.messages(call.who, std::move(page)));
}

awaitable<Result<Response>> show(Call& call) {
  auto wait = read_wait(call);
  if (!wait) co_return wait.error();
  auto const store = call.query.text("store");
  if (store)
    if (auto same = call.api.messages.check_store(*store); !same) co_return same.error();
  if (!wait->until.empty()) co_return respond(co_await wait_for(call, call.number("message"), std::move(*wait)));
  co_return respond(co_await call.api.messages.message(call.who, call.number("message")));
}

awaitable<Result<Response>> react(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  auto word = text_at(*body, "word");
  if (word.empty()) co_return invalid("word", "word must not be empty");
  co_return respond(co_await call.api.messages.react(call.who, call.number("message"), std::move(word)));
}

awaitable<Result<Response>> settle(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  bool const taken = truth_at(*body, "taken");
  co_return respond(co_await call.api.messages.settle(call.number("message"), text_at(*body, "agent"), taken));
}

awaitable<Result<Response>> proof(Call& call) {
  co_return respond(co_await call.api.messages.proof(call.number("message"), call.query.text("agent").value_or("")));
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

awaitable<Result<Response>> dead(Call& call) {
  co_return respond(co_await call.api.messages.dead_letters(call.page()));
}

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
  co_return bytes(co_await call.api.attachments.attachment(call.who, call.name("attachment"), call.integer("message")));
}

constexpr Field kWait{
    .name = "wait", .about = "answers when every present delivery has got so far", .words = "accepted done"};
constexpr Field kTimeout{.name = "timeoutMs",
                         .type = Type::integer,
                         .about = "of the wait",
                         .least = 1,
                         .most = longest_wait_ms,
                         .otherwise = 60'000};
constexpr Field wait_query[] = {kWait, kTimeout};
constexpr Field show_query[] = {
    kWait, kTimeout, {.name = "store", .about = "of the bus, whose number it is: another one is a 409"}};
constexpr Field list_query[] = {{.name = "agent", .about = "from or for it"},
                                {.name = "user", .about = "from them: operator, or an agent's id"},
                                kCursor,
                                kLimit};
constexpr Field dead_query[] = {kLimit, kCursor};
constexpr Field attachment_query[] = {{.name = "name", .about = "the file's", .required = true}};
constexpr Field attached_query[] = {
    {.name = "message", .type = Type::integer, .about = "the one that carries it; an agent must name it", .least = 1}};

constexpr Field proof_query[] = {{.name = "agent", .about = "that took it, where several have"}};

constexpr Route rows[] = {
    {.method = "POST",
     .pattern = "/v1/messages",
     .name = "send",
     .summary = "send a message",
     .handler = send,
     .right = Right::agent,
     .body = Body::message,
     .query = wait_query,
     .knows_keys = true,
     .request = &kNewMessage,
     .answer = &kSentMessage,
     .statuses = "201",
     .errors = "not_your_name not_your_message not_your_task unknown_message unknown_attachment unknown_task "
               "no_receiver name_taken task_backwards too_large quota bus_changed",
     .answers = "the message, with `repeated`, `matchingAgents` (of this daemon) and `store`; `Location`"},
    {.method = "GET",
     .pattern = "/v1/messages",
     .name = "listMessages",
     .summary = "list messages",
     .handler = list,
     .right = Right::agent,
     .query = list_query,
     .answer = &kMessageList,
     .errors = "no_such_agent gone",
     .answers = "`{messages: [...], nextCursor?}`, newest first, each with its `deliveries` in short (`{agent, state, "
                "reason?}`); an agent's token: its own"},
    {.method = "GET",
     .pattern = "/v1/messages/{message}",
     .name = "showMessage",
     .summary = "one message's whole life",
     .handler = show,
     .right = Right::agent,
     .query = show_query,
     .answer = &kMessageLife,
     .errors = "unknown_message not_your_message bus_changed",
     .answers = "the message with deliveries, reactions and replies"},
    {.method = "GET",
     .pattern = "/v1/messages/{message}/proof",
     .name = "proveMessage",
     .summary = "what shows that an agent took it",
     .handler = proof,
     .query = proof_query,
     .answer = &kProof,
     .errors = "unknown_message not_taken no_such_agent",
     .answers = "the proof, to be checked by `agent-runner verify` ([proof.md](proof.md))"},
    {.method = "POST",
     .pattern = "/v1/messages/{message}/replies",
     .name = "reply",
     .summary = "answer the sender",
     .handler = reply,
     .right = Right::agent,
     .body = Body::message,
     .query = wait_query,
     .knows_keys = true,
     .request = &kNewReply,
     .answer = &kSentMessage,
     .statuses = "201",
     .errors = "not_your_name not_your_message not_your_task unknown_message unknown_attachment unknown_task "
               "no_receiver name_taken task_backwards too_large quota bus_changed",
     .answers = "the reply; `Location`"},
    {.method = "POST",
     .pattern = "/v1/messages/{message}/reactions",
     .name = "react",
     .summary = "react with a word",
     .handler = react,
     .right = Right::agent,
     .body = Body::json,
     .request = &kNewReaction,
     .answer = &kReaction,
     .errors = "unknown_message not_your_message too_large",
     .answers = "the reaction"},
    {.method = "POST",
     .pattern = "/v1/messages/{message}/settle",
     .name = "settle",
     .summary = "say whether an unknown one was taken",
     .handler = settle,
     .body = Body::json,
     .request = &kSettlement,
     .answer = &kMessageLife,
     .errors = "unknown_message no_such_agent gone not_unknown",
     .answers = "the message: a person has seen whether the provider took what is `unknown`"},
    {.method = "POST",
     .pattern = "/v1/messages/{message}/read",
     .name = "markRead",
     .summary = "mark it read by the caller",
     .handler = read,
     .right = Right::agent,
     .answer = &kMessage,
     .errors = "unknown_message not_your_message",
     .answers = "the message, now marked read by the caller"},
    {.method = "GET",
     .pattern = "/v1/messages/{message}/body",
     .name = "messageBody",
     .summary = "the body's exact bytes",
     .handler = body,
     .right = Right::agent,
     .errors = "unknown_message not_your_message",
     .answers = "the body's exact bytes"},
    {.method = "GET",
     .pattern = "/v1/dead",
     .name = "listDeadLetters",
     .summary = "dead letters",
     .handler = dead,
     .query = dead_query,
     .answer = &kDeadLetterList,
     .answers = "`{deadLetters: [...], nextCursor?}`, oldest first"},
    {.method = "POST",
     .pattern = "/v1/dead/{message}/requeue",
     .name = "requeue",
     .summary = "give a dead letter another try",
     .handler = requeue,
     .answer = &kRequeued,
     .errors = "unknown_message not_a_dead_letter",
     .answers = "the dead letter, no longer dead"},
    {.method = "POST",
     .pattern = "/v1/attachments",
     .name = "putAttachment",
     .summary = "store a file's bytes",
     .handler = put_attachment,
     .right = Right::agent,
     .body = Body::attachment,
     .query = attachment_query,
     .headers = "Content-Type",
     .answer = &kAttachment,
     .statuses = "201",
     .errors = "too_large quota",
     .answers = "the attachment, with its id"},
    {.method = "GET",
     .pattern = "/v1/attachments/{attachment}",
     .name = "attachment",
     .summary = "a stored file's bytes",
     .handler = attachment,
     .right = Right::agent,
     .query = attached_query,
     .errors = "unknown_attachment unknown_message message_required not_your_message",
     .answers =
         "the file's bytes; an agent's token names the message that carries it, which must be from or for that agent"},
};

}  // namespace

std::span<Route const> message_routes() { return rows; }

}  // namespace ar::control
