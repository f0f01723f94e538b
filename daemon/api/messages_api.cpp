#include "daemon/api/messages_api.hpp"

#include "base/read_json.hpp"
#include "base/suggest.hpp"
#include "daemon/api/proof.hpp"
#include "daemon/store/known_store.hpp"
#include "relay/message_json.hpp"
#include "relay/message_rules.hpp"

#include <algorithm>
#include <iterator>

namespace ar::daemon {
namespace {

/// `until` is accepted or done.
bool has_reached(Delivery const& d, std::string const& until) {
  if (d.state == DeliveryState::refused || d.state == DeliveryState::unverified) return true;
  // The end of a turn counts once the bus has it: who waits finds the reply there, and the task done.
  if (d.has_ended()) return until == "accepted" || d.reported;
  return until == "accepted" && d.is_taken();
}

/// What `who` may see of a delivery of the message; nothing: none of it. What other agents made of a message is its
/// sender's business. What stood on an agent's screen, and why a message waits there (which may tell of that screen, or
/// of who works at it), is between it and the operator.
std::optional<json> visible_to(Principal const& who, Message const& message, json delivery) {
  if (who.kind != Principal::Kind::agent) return delivery;
  bool const own = delivery["agent"] == who.agent_id;
  if (!own && message.from != who.agent_id) return std::nullopt;
  delivery.erase("screen");
  auto const& state = delivery["state"];
  if (!own && (state == "held" || state == "unknown")) delivery.erase("reason");
  return delivery;
}

/// Of a delivery, what a list of messages shows.
json in_short(json const& delivery) {
  json shown = {{"agent", delivery["agent"]}, {"state", delivery["state"]}};
  if (delivery.contains("reason")) shown["reason"] = delivery["reason"];
  return shown;
}

/// A bus tells nobody of read marks or replies: while somebody waits for a message that no agent here has, it is asked
/// so often.
constexpr milliseconds kLookElsewhere(500);

/// An agent that waits for another one does not stand still.
class Waiting {
 public:
  explicit Waiting(std::shared_ptr<Agent> agent) : agent_(std::move(agent)) {
    if (agent_) agent_->waits_for_message(true);
  }
  ~Waiting() {
    if (agent_) agent_->waits_for_message(false);
  }
  Waiting(Waiting const&) = delete;
  Waiting& operator=(Waiting const&) = delete;

 private:
  std::shared_ptr<Agent> agent_;
};

}  // namespace

awaitable<Result<json>> MessagesApi::inbox(std::string id) {
  Identity who{.agent_id = id};
  if (id != kOperator) {
    auto agent = supervisor_.get(id);
    if (!agent) co_return agent.error();
    who = (*agent)->identity();
  }
  auto unread = co_await services_.bus.unread(who, 1000);
  if (!unread) co_return unread.error();
  auto owed = co_await services_.bus.reply_obligations(id);
  if (!owed) co_return owed.error();
  bool more = false;
  if (!unread->empty()) {
    auto const rest = co_await services_.bus.unread(who, 1, unread->back().id);
    more = rest && !rest->empty();
  }
  json answer = {{"unread", json::array()}, {"replies", json::array()}};
  for (auto const& message : *unread) answer["unread"].push_back(relay::to_json(message));
  std::size_t bytes = 0;
  for (auto const& message : *owed) {
    bytes += relay::content_bytes(message);
    more = more || bytes > relay::kContentAtOnce;
    if (bytes > relay::kContentAtOnce && !answer["replies"].empty()) break;
    answer["replies"].push_back(relay::to_json(message));
  }
  answer["more"] = more;
  co_return ok(std::move(answer));
}

int MessagesApi::matching_agents(Message const& message) const {
  return static_cast<int>(std::ranges::count_if(
      supervisor_.agents(), [&](auto const& entry) { return addressed_to(message, entry.second->identity()); }));
}

/// Whether an agent of the bus has this address: a typo would wait for its receiver until it expires.
awaitable<Result<void>> MessagesApi::check_reach(std::string to) {
  if (to == kOperator) co_return Result<void>();
  Message probe;
  probe.to = to;
  if (matching_agents(probe) > 0) co_return Result<void>();
  auto const known = co_await services_.bus.agents();
  if (!known) co_return known.error();
  std::vector<std::string> addresses;
  for (auto const& presence : *known) {
    if (addressed_to(probe, presence.identity)) co_return Result<void>();
    std::ranges::copy(addresses_of(presence.identity), std::back_inserter(addresses));
  }
  for (auto const& [name, agent] : supervisor_.agents())
    std::ranges::copy(addresses_of(agent->identity()), std::back_inserter(addresses));
  co_return not_found("no_receiver", "no agent has the address \"" + to.substr(0, 80) + "\"" +
                                         suggestion(to, addresses) +
                                         "; `agent-runner ps -a` lists agents, and `send --later` leaves the message "
                                         "for one that comes");
}

awaitable<Result<NewMessage>> MessagesApi::check(Principal who, json message) {
  bool const must_reach = truth_at(message, "mustReach");
  if (auto const it = message.find("mustReach"); it != message.end()) {
    if (!it->is_boolean()) co_return invalid("mustReach", "mustReach must be true or false");
    message.erase(it);
  }
  auto fresh = relay::new_message_from(message);
  if (!fresh) co_return fresh.error();
  if (must_reach)
    if (auto reached = co_await check_reach(fresh->to); !reached) co_return reached.error();
  if (who.kind == Principal::Kind::agent) {
    if (!fresh->from.empty() && fresh->from != who.agent_id)
      co_return Error{ErrorKind::forbidden, "not_your_name", "an agent speaks under its own name, " + who.agent_id,
                      "from"};
    fresh->from = who.agent_id;
    auto const may_refer = co_await rights_.check_references(who.agent_id, *fresh);
    if (!may_refer) co_return may_refer.error();
    auto const room = uploads_.check_room({who.agent_id}, fresh->body.size(), relay::Uploads::What::message);
    if (!room) co_return room.error();
  } else if (fresh->from.empty()) {
    fresh->from = kOperator;
  }
  co_return std::move(*fresh);
}

awaitable<Result<json>> MessagesApi::send(Principal who, json message) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto fresh = co_await check(who, std::move(message));
  if (!fresh) co_return fresh.error();
  auto const cursor = services_.events.last();
  auto sent = co_await services_.bus.send(std::move(*fresh));
  if (!sent) co_return sent.error();
  if (who.kind == Principal::Kind::agent && !sent->repeated)
    uploads_.note_message({who.agent_id}, relay::content_bytes(sent->message));
  json answer = relay::to_json(sent->message);
  answer["repeated"] = sent->repeated;
  answer["store"] = services_.bus.store().id;
  answer["eventCursor"] = cursor;
  answer["matchingAgents"] = matching_agents(sent->message);
  co_return ok(std::move(answer));
}

awaitable<Result<json>> MessagesApi::messages(Principal who, Page page) {
  relay::MessageFilter filter;
  filter.agent = who.kind == Principal::Kind::agent ? std::optional(who.agent_id) : page.user ? page.user : page.agent;
  if (page.cursor > 0) filter.before = page.cursor;
  filter.limit = page.limit;
  auto found = co_await services_.bus.messages(filter);
  // The bus knows no senders apart: of those that the user has to do with, pages without one of theirs are passed over.
  auto const is_others = [&](Message const& message) { return page.user && message.from != *page.user; };
  while (found && std::ssize(*found) == page.limit && std::ranges::all_of(*found, is_others)) {
    filter.before = found->back().id;
    found = co_await services_.bus.messages(filter);
  }
  if (!found) co_return found.error();
  std::vector<std::int64_t> ids;
  for (auto const& message : *found) ids.push_back(message.id);
  auto const deliveries = co_await deliveries_.deliveries_of(std::move(ids));
  if (!deliveries) co_return deliveries.error();
  json answer = {{"messages", json::array()}};
  for (auto const& message : *found) {
    if (is_others(message)) continue;
    json shown = relay::to_json(message);
    shown["deliveries"] = json::array();
    if (auto const it = deliveries->find(message.id); it != deliveries->end())
      for (auto const& delivery : it->second)
        if (auto const seen = visible_to(who, message, delivery)) shown["deliveries"].push_back(in_short(*seen));
    answer["messages"].push_back(std::move(shown));
  }
  if (static_cast<int>(found->size()) < page.limit) co_return ok(std::move(answer));
  filter.before = found->back().id;
  filter.limit = 1;
  auto const more = co_await services_.bus.messages(filter);
  if (!more) co_return more.error();
  if (!more->empty()) answer["nextCursor"] = *filter.before;
  co_return ok(std::move(answer));
}

awaitable<Result<json>> MessagesApi::message(Principal who, std::int64_t id) {
  auto message = co_await rights_.visible_message(who, id);
  if (!message) {
    auto error = message.error();
    if (error.code == "unknown_message" && who.kind == Principal::Kind::operator_)
      error.message += co_await deliveries_.of_stores_before(id);
    co_return error;
  }
  json shown = relay::to_json(*message);
  auto deliveries = co_await deliveries_.deliveries_of(id);
  if (!deliveries) co_return deliveries.error();
  // Its agents that another daemon has: nothing is delivered to them here.
  for (auto const& [name, agent] : supervisor_.agents()) {
    auto const why = services_.bus.refusal(name);
    bool const known = std::ranges::any_of(*deliveries, [&](json const& d) { return d.value("agent", "") == name; }) ||
                       std::ranges::find(message->read_by, name) != message->read_by.end();
    if (why && !known && addressed_to(*message, agent->identity()))
      deliveries->push_back({{"agent", name}, {"message", id}, {"state", "held"}, {"reason", why->message}});
  }
  shown["deliveries"] = json::array();
  for (auto& delivery : *deliveries)
    if (auto seen = visible_to(who, *message, std::move(delivery))) shown["deliveries"].push_back(std::move(*seen));
  auto const reader = who.kind == Principal::Kind::agent && message->from != who.agent_id ? who.agent_id : "";
  shown["reactions"] = json::array();
  shown["replies"] = json::array();
  auto reactions = co_await services_.bus.reactions(id);
  if (!reactions) co_return reactions.error();
  for (auto const& reaction : *reactions) shown["reactions"].push_back(relay::to_json(reaction));
  relay::MessageFilter answers;
  answers.reply_to = id;
  auto replies = co_await services_.bus.messages(answers);
  if (!replies) co_return replies.error();
  for (auto const& reply : *replies) {
    if (!reader.empty() && reply.from != reader && reply.to != reader) continue;
    shown["replies"].push_back(relay::to_json(reply));
    co_await note_reading(who, reply);
  }
  co_await note_reading(who, *message);
  co_return ok(std::move(shown));
}

Result<void> MessagesApi::check_store(std::string const& meant) const {
  auto const& store = services_.store.id();
  if (meant.empty() || store.empty() || meant == store) return {};
  return conflict("bus_changed",
                  "the bus has another store now, and this message was in the one before: what became of it "
                  "cannot be told; see `agent-runner events`");
}

/// What a person has been shown is read. Or it would expire one day as unread, and its sender be told.
awaitable<void> MessagesApi::note_reading(Principal const& who, Message const& message) {
  bool const for_them = who.kind == Principal::Kind::operator_ && message.to == kOperator;
  if (!for_them || std::ranges::find(message.read_by, kOperator) != message.read_by.end()) co_return;
  (void)co_await services_.bus.mark_read(message.id, kOperator);  // next time, if the bus is away
}

/// Of a message that no agent of this daemon has the bus knows this much: a reply is its end, be it one that says why
/// there is none, and read is accepted, if another daemon may have it.
awaitable<bool> MessagesApi::reached_elsewhere(std::int64_t id, std::string until) {
  relay::MessageFilter answers;
  answers.reply_to = id;
  auto const replies = co_await services_.bus.messages(answers);
  auto const why_not = [](auto const& reply) { return reply.payload.contains("outcome"); };
  if (replies && std::ranges::any_of(*replies, why_not)) co_return true;
  auto const message = co_await services_.bus.message(id);
  if (services_.bus.name() == "embedded" || !message || message->read_by.empty()) co_return false;
  co_return until == "accepted" || (replies && !replies->empty());
}

/// An agent here is at it, and not so far: nothing that the journal knows beside could change that.
bool MessagesApi::is_in_hand(std::int64_t id, std::string const& until) const {
  return std::ranges::any_of(supervisor_.agents(), [&](auto const& entry) {
    auto const& queue = entry.second->queue();
    auto const it = queue.open().find(id);
    return queue.store().is_known() && it != queue.open().end() && it->second.state != DeliveryState::queued &&
           !has_reached(it->second, until);
  });
}

awaitable<Result<json>> MessagesApi::wait_message(Principal who, std::int64_t id, std::string until,
                                                  milliseconds patience) {
  auto visible = co_await rights_.visible_message(who, id);
  if (!visible) co_return visible.error();
  bool const shared = services_.bus.name() != "embedded";
  auto const deadline = Clock::now() + patience;
  Waiting const waiting(who.kind == Principal::Kind::agent ? supervisor_.find(who.agent_id) : nullptr);
  auto const store = services_.store.id();
  for (;;) {
    if (auto same = check_store(store); !same) co_return same.error();
    bool const late = Clock::now() >= deadline;
    bool elsewhere = false;
    if (late || !is_in_hand(id, until)) {
      std::vector<std::int64_t> ids{id};
      auto found = co_await deliveries_.find(std::move(ids));
      if (!found) co_return found.error();
      auto const deliveries = std::move((*found)[id]);
      elsewhere = deliveries.empty();
      bool reached = std::ranges::all_of(deliveries, [&](auto const& d) { return has_reached(d.second, until); });
      if (elsewhere) reached = co_await reached_elsewhere(id, until);
      if (reached) co_return co_await message(std::move(who), id);
      if (late) {
        std::string where = elsewhere && shared
                                ? "no agent of this daemon has it; of others' the bus knows reading and replies only"
                                : "no agent has it yet; is one with the address " + visible->to + " running?";
        if (!elsewhere) where = "others have it, but not this agent";
        for (auto const& [agent, delivery] : deliveries) {
          auto const seen = visible_to(who, *visible, to_json(delivery, agent));
          if (!seen) continue;
          where = "agent " + agent + " has it " + seen->value("state", "") +
                  (seen->contains("reason") ? ": " + seen->value("reason", "") : "");
          break;
        }
        co_return timed_out("message " + std::to_string(id) + " was not " + until + " within " +
                            std::to_string(patience.count()) + " ms (" + where +
                            "); it stays on the bus: agent-runner message show " + std::to_string(id));
      }
    }
    co_await services_.deliveries_changed.wait(elsewhere ? std::min(deadline, Clock::now() + kLookElsewhere)
                                                         : deadline);
  }
}

awaitable<Result<json>> MessagesApi::react(Principal who, std::int64_t id, std::string word) {
  auto message = co_await rights_.visible_message(who, id);
  if (!message) co_return message.error();
  auto const by = who.kind == Principal::Kind::agent ? who.agent_id : std::string(kOperator);
  auto done = co_await services_.bus.react(id, by, word);
  if (!done) co_return done.error();
  json answer = {{"message", id}, {"by", by}, {"word", word}};
  co_return ok(std::move(answer));
}

awaitable<Result<json>> MessagesApi::proof(std::int64_t id, std::string agent) {
  auto const message = co_await rights_.visible_message({Principal::Kind::operator_, {}}, id);
  if (!message) co_return message.error();
  std::vector<std::int64_t> ids{id};
  auto found = co_await deliveries_.find(std::move(ids));
  if (!found) co_return found.error();
  auto& deliveries = (*found)[id];
  std::erase_if(deliveries, [&](auto const& entry) {
    return (!agent.empty() && entry.first != agent) || !entry.second.has_step("accepted");
  });
  if (deliveries.empty())
    co_return conflict("not_taken", "message " + std::to_string(id) + " was not taken by " +
                                        (agent.empty() ? "any agent" : "agent " + agent) +
                                        " of this daemon; see `agent-runner message show " + std::to_string(id) + "`");
  if (deliveries.size() > 1)
    co_return invalid("agent", "message " + std::to_string(id) + " was taken by several agents; name one");
  auto const& [name, delivery] = *deliveries.begin();
  auto const receiver = supervisor_.get(name);
  if (!receiver) co_return receiver.error();
  co_return co_await proof_of(services_, **receiver, *message, delivery);
}

awaitable<Result<json>> MessagesApi::settle(std::int64_t id, std::string agent, bool taken) {
  std::vector<std::shared_ptr<Agent>> unsure;
  for (auto const& [name, one] : supervisor_.agents()) {
    auto const& open = one->queue().open();
    auto const delivery = open.find(id);
    bool const unknown = delivery != open.end() && delivery->second.state == DeliveryState::unknown;
    if (unknown && (agent.empty() || name == agent)) unsure.push_back(one);
  }
  auto const number = std::to_string(id);
  if (unsure.empty())
    co_return conflict("not_unknown",
                       "message " + number + " is not unknown" + (agent.empty() ? " anywhere" : " at agent " + agent) +
                           ", so there is nothing to settle; see `agent-runner message show " + number + "`");
  if (unsure.size() > 1) co_return invalid("agent", "message " + number + " is unknown at several agents; name one");
  unsure.front()->queue().outcomes().settle(id, taken);
  co_return co_await message({Principal::Kind::operator_, {}}, id);
}

awaitable<Result<json>> MessagesApi::read(Principal who, std::int64_t id) {
  auto message = co_await rights_.visible_message(who, id);
  if (!message) co_return message.error();
  if (who.kind == Principal::Kind::agent) {
    auto marked = co_await services_.bus.mark_read(id, who.agent_id);
    if (!marked) co_return marked.error();
  }
  co_await note_reading(who, *message);
  co_return ok(relay::to_json(*message));
}

awaitable<Result<std::string>> MessagesApi::body(Principal who, std::int64_t id) {
  auto message = co_await rights_.visible_message(who, id);
  if (!message) co_return message.error();
  co_await note_reading(who, *message);
  co_return message->body;
}

awaitable<Result<json>> MessagesApi::dead_letters(Page page) {
  auto letters = co_await services_.bus.dead_letters();
  if (!letters) co_return letters.error();
  json list = json::array();
  json next = nullptr;
  for (auto const& letter : *letters) {  // by their numbers
    if (letter.message.id <= page.cursor) continue;
    if (static_cast<int>(list.size()) == page.limit) {
      next = list.back()["message"]["id"];
      break;
    }
    list.push_back(relay::to_json(letter));
  }
  json answer = {{"deadLetters", std::move(list)}};
  if (!next.is_null()) answer["nextCursor"] = next;
  co_return ok(std::move(answer));
}

awaitable<Result<json>> MessagesApi::requeue(std::int64_t id) {
  auto done = co_await services_.bus.requeue(id);
  if (!done) co_return done.error();
  json answer = {{"requeued", id}};
  co_return ok(std::move(answer));
}

}  // namespace ar::daemon
