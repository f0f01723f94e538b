// Messages: sending, reading, reactions, replies that are owed.
#include "relay/message_rules.hpp"
#include "relay/server/route.hpp"
#include "relay/server/scope.hpp"

#include <algorithm>

namespace ar::relay::server {
namespace {

using http::Response;

awaitable<Result<Response>> send(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  auto message = new_message_from(*body);
  if (!message) co_return message.error();
  if (auto may = call.check_agent(message->from); !may) co_return may.error();
  auto const may_refer = co_await check_may_refer(call, *message);
  if (!may_refer) co_return may_refer.error();
  auto const& agents = call.who.scope.agent_ids;
  if (auto room = call.uploads.check_room(agents, message->body.size(), Uploads::What::message); !room)
    co_return room.error();
  auto const sent = co_await call.bus.send(std::move(*message));
  if (!sent) co_return sent.error();
  if (!sent->repeated) call.uploads.note_message(agents, content_bytes(sent->message));
  json const answer = {{"message", to_json(sent->message)}, {"repeated", sent->repeated}};
  co_return http::json_response(answer, sent->repeated ? 200 : 201);
}

bool keep_some(std::vector<Message>& messages);

awaitable<Result<Response>> list(Call& call) {
  MessageFilter filter;
  auto& query = call.query;
  filter.agent = query.text("agent");
  if (query.text("after")) filter.after = query.integer("after", 0, 0, INT64_MAX);
  if (query.text("before")) filter.before = query.integer("before", 0, 0, INT64_MAX);
  if (query.text("replyTo")) filter.reply_to = query.integer("replyTo", 0, 0, INT64_MAX);
  filter.limit = static_cast<int>(query.integer("limit", 100, INT32_MIN, INT32_MAX));
  if (query.error()) co_return *query.error();
  if (is_limited(call.who))
    if (auto may = call.check_agent(filter.agent.value_or("")); !may) co_return may.error();
  auto found = co_await call.bus.messages(std::move(filter));
  if (!found) co_return found.error();
  json answer = {{"more", keep_some(*found)}, {"messages", json::array()}};
  for (auto const& message : *found) answer["messages"].push_back(to_json(message));
  co_return http::json_response(answer);
}

awaitable<Result<Response>> show(Call& call) {
  auto const may = co_await check_may_see(call);
  if (!may) co_return may.error();
  co_return shown(co_await call.bus.message(call.number));
}

/// True when some had to be left out: the last ones.
bool keep_some(std::vector<Message>& messages) {
  std::size_t bytes = 0;
  auto const too_much = [&](Message const& message) { return (bytes += content_bytes(message)) > kContentAtOnce; };
  auto const end = std::ranges::find_if(messages, too_much);
  if (end == messages.end()) return false;
  auto const kept = std::max(end, messages.begin() + 1);
  bool const some = kept != messages.end();
  messages.erase(kept, messages.end());
  return some;
}

awaitable<Result<Response>> unread(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  int const limit = static_cast<int>(in.integer("limit", 100, INT32_MIN, INT32_MAX));
  MessageId const after = in.integer("after", 0, 0, INT64_MAX);
  auto const identity = in.object("identity");
  if (auto error = in.finish()) co_return *error;
  auto who = identity_from(identity);
  if (!who) co_return who.error();
  if (auto may = call.check_agent(who->agent_id); !may) co_return may.error();
  who = co_await trusted_identity(call.bus, call.who, std::move(*who));
  if (!who) co_return who.error();
  auto found = co_await call.bus.unread(std::move(*who), limit, after);
  if (found) (void)keep_some(*found);
  co_return listed("messages", found);
}

/// Reads {agentId} (or by another name), for which the token must be good.
Result<std::string> speaker(Call const& call, FieldReader& in, char const* name) {
  in.require(name);
  auto id = in.string(name);
  if (auto may = call.check_agent(id); !may) return may.error();
  return id;
}

/// The same, where the body is {agentId} and no more.
Result<std::string> agent_of(Call const& call) {
  auto const body = call.object();
  if (!body) return body.error();
  FieldReader in(*body);
  auto agent = speaker(call, in, "agentId");
  if (auto error = in.finish()) return *error;
  return agent;
}

awaitable<Result<Response>> mark_read(Call& call) {
  auto agent = agent_of(call);
  if (!agent) co_return agent.error();
  auto const may = co_await check_may_take(call, *agent);
  if (!may) co_return may.error();
  co_return done(co_await call.bus.mark_read(call.number, std::move(*agent)));
}

awaitable<Result<Response>> react(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto by = speaker(call, in, "by");
  auto word = in.string("word");
  if (auto error = in.finish()) co_return *error;
  if (!by) co_return by.error();
  auto const may = co_await check_may_see(call);
  if (!may) co_return may.error();
  co_return done(co_await call.bus.react(call.number, std::move(*by), std::move(word)));
}

awaitable<Result<Response>> reactions(Call& call) {
  auto const may = co_await check_may_see(call);
  if (!may) co_return may.error();
  co_return listed("reactions", co_await call.bus.reactions(call.number));
}

awaitable<Result<Response>> obligations(Call& call) {
  if (auto may = call.check_agent(call.name); !may) co_return may.error();
  co_return listed("messages", co_await call.bus.reply_obligations(call.name));
}

awaitable<Result<Response>> waive(Call& call) {
  auto agent = agent_of(call);
  if (!agent) co_return agent.error();
  co_return done(co_await call.bus.waive_reply(call.number, std::move(*agent)));
}

constexpr Route rows[] = {
    {"POST", "/api/messages", "send", Body::json, "", "send a message", send},
    {"GET", "/api/messages", "read", Body::none, "agent after before replyTo limit", "list messages", list},
    {"GET", "/api/messages/{message}", "read", Body::none, "", "one message", show},
    {"POST", "/api/unread", "read", Body::json, "", "what an agent has not read, oldest first", unread},
    {"POST", "/api/messages/{message}/read", "read", Body::json, "", "mark it read", mark_read},
    {"POST", "/api/messages/{message}/reactions", "send", Body::json, "", "react with a word", react},
    {"GET", "/api/messages/{message}/reactions", "read", Body::none, "", "its reactions", reactions},
    {"GET", "/api/agents/{agent}/obligations", "read", Body::none, "", "messages that wait for its answer",
     obligations},
    {"POST", "/api/messages/{message}/waive", "send", Body::json, "", "leave it unanswered", waive},
};

}  // namespace

std::span<Route const> message_routes() { return rows; }

}  // namespace ar::relay::server
