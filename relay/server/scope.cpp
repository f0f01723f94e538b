#include "relay/server/scope.hpp"

#include "base/read_json.hpp"

#include <algorithm>

namespace ar::relay::server {
namespace {

/// The agents of a limited token.
awaitable<Result<std::vector<Identity>>> agents_of(EmbeddedBus& bus, TokenInfo const& who) {
  auto const present = co_await bus.agents();
  if (!present) co_return present.error();
  std::vector<Identity> agents;
  for (auto const& id : who.scope.agent_ids) {
    auto const known =
        std::ranges::find_if(*present, [&](Presence const& presence) { return presence.identity.agent_id == id; });
    agents.push_back(known == present->end() ? Identity{id} : known->identity);
  }
  co_return agents;
}

bool sees(Identity const& agent, Message const& message) {
  return message.from == agent.agent_id || addressed_to(message, agent) ||
         std::ranges::find(message.read_by, agent.agent_id) != message.read_by.end();
}

EmbeddedBus::Parties parties_of(std::vector<Identity> const& agents) {
  EmbeddedBus::Parties parties;
  for (auto const& agent : agents) {
    parties.agents.push_back(agent.agent_id);
    std::ranges::move(addresses_of(agent), std::back_inserter(parties.addresses));
  }
  return parties;
}

Error not_for(Call const& call, std::string const& what, std::string const& why) {
  return forbidden("token " + call.who.jti + " is one for some agents only, and " + what + " " + why);
}

}  // namespace

bool is_limited(TokenInfo const& who) { return !who.scope.agent_ids.empty(); }

awaitable<Result<Identity>> trusted_identity(EmbeddedBus& bus, TokenInfo const& who, Identity said) {
  if (!is_limited(who)) co_return said;
  auto const agents = co_await agents_of(bus, who);
  if (!agents) co_return agents.error();
  auto const known = std::ranges::find(*agents, said.agent_id, &Identity::agent_id);
  if (known == agents->end()) co_return forbidden("token " + who.jti + " is one for other agents");
  co_return *known;
}

awaitable<Result<void>> check_groups(EmbeddedBus& bus, TokenInfo const& who, Identity said) {
  if (!is_limited(who) || has_right(who, "groups")) co_return Result<void>();
  auto const known = co_await trusted_identity(bus, who, said);
  if (!known) co_return known.error();
  auto const own = addresses_of(*known);
  for (auto const& address : addresses_of(said))
    if (std::ranges::find(own, address) == own.end())
      co_return forbidden("token " + who.jti + " may not put " + said.agent_id.substr(0, 80) + " into the group \"" +
                          address.substr(0, 80) + "\"; that takes the right \"groups\"");
  co_return Result<void>();
}

namespace {
awaitable<Result<void>> check_may_see_message(Call& call, MessageId id) {
  if (!is_limited(call.who)) co_return Result<void>();
  auto const message = co_await call.bus.message(id);
  if (!message) co_return message.error();
  auto const agents = co_await agents_of(call.bus, call.who);
  if (!agents) co_return agents.error();
  if (std::ranges::any_of(*agents, [&](Identity const& agent) { return sees(agent, *message); }))
    co_return Result<void>();
  co_return not_for(call, "message " + std::to_string(id), "is neither from nor for one of them");
}

awaitable<Result<void>> check_may_see_attachment(Call& call, std::string id) {
  if (!is_limited(call.who)) co_return Result<void>();
  auto const agents = co_await agents_of(call.bus, call.who);
  if (!agents) co_return agents.error();
  auto const carried = co_await call.bus.carries_attachment(parties_of(*agents), id);
  if (!carried) co_return carried.error();
  if (*carried) co_return Result<void>();
  co_return not_for(call, "attachment " + id.substr(0, 80), "is in no message from or for one of them");
}
}  // namespace

awaitable<Result<void>> check_may_see(Call& call) { return check_may_see_message(call, call.number); }
awaitable<Result<void>> check_may_see_attachment(Call& call) { return check_may_see_attachment(call, call.name); }

awaitable<Result<void>> check_may_refer(Call& call, NewMessage const& message) {
  if (!is_limited(call.who)) co_return Result<void>();
  auto const in_field = [](Error error, char const* field) {
    error.field = field;
    return error;
  };
  if (message.reply_to)
    if (auto const may = co_await check_may_see_message(call, *message.reply_to); !may)
      co_return in_field(may.error(), "replyTo");
  if (auto const task = integer_at(message.payload, "taskId"); task > 0)
    if (auto const may = co_await check_may_see_task(call, task); !may)
      co_return in_field(may.error(), "payload.taskId");
  for (auto const& id : message.attachments) {
    if (call.uploads.has(call.who.scope.agent_ids, id)) continue;
    if (auto const may = co_await check_may_see_attachment(call, id); !may)
      co_return in_field(may.error(), "attachments");
  }
  co_return Result<void>();
}

awaitable<Result<void>> check_may_take(Call& call, std::string agent_id) {
  if (!is_limited(call.who)) co_return Result<void>();
  auto const message = co_await call.bus.message(call.number);
  if (!message) co_return message.error();
  auto const agents = co_await agents_of(call.bus, call.who);
  if (!agents) co_return agents.error();
  auto const takes = [&](Identity const& agent) {
    return (agent_id.empty() || agent.agent_id == agent_id) && addressed_to(*message, agent);
  };
  if (std::ranges::any_of(*agents, takes)) co_return Result<void>();
  co_return not_for(call, "message " + std::to_string(call.number),
                    agent_id.empty() ? "is addressed to none of them" : "is not addressed to " + agent_id);
}

awaitable<Result<void>> check_may_see_task(Call& call, std::int64_t id) {
  if (!is_limited(call.who)) co_return Result<void>();
  auto const task = co_await call.bus.task(id);
  if (!task && task.error().code == "unknown_task") co_return Result<void>();
  if (!task) co_return task.error();
  if (may_be(call.who, task->set_by)) co_return Result<void>();
  auto const agents = co_await agents_of(call.bus, call.who);
  if (!agents) co_return agents.error();
  auto const told = co_await call.bus.names_task(parties_of(*agents), id);
  if (!told) co_return told.error();
  if (*told) co_return Result<void>();
  co_return not_for(call, "task " + std::to_string(id), "was set by another and is in no message from or for them");
}

awaitable<Result<std::vector<DeadLetter>>> visible(Call& call, std::vector<DeadLetter> letters) {
  if (!is_limited(call.who)) co_return letters;
  auto const agents = co_await agents_of(call.bus, call.who);
  if (!agents) co_return agents.error();
  std::erase_if(letters, [&](DeadLetter const& letter) {
    return std::ranges::none_of(*agents, [&](Identity const& agent) { return sees(agent, letter.message); });
  });
  co_return letters;
}

Result<void> check_may_keep_notes(TokenInfo const& who) {
  if (!is_limited(who) && has_right(who, "presence")) return {};
  return forbidden("token " + who.jti +
                   " is not a daemon's; notes take one for any agent with the right \"presence\", as `agent-runner "
                   "relay token issue` makes it");
}

Result<void> check_no_wider(TokenInfo const& who, TokenScope const& scope) {
  for (auto const& right : scope.rights)
    if (!has_right(who, right)) return forbidden("token " + who.jti + " has no right \"" + right + "\" itself");
  bool const within = !is_limited(who) ||
                      (!scope.agent_ids.empty() &&
                       std::ranges::all_of(scope.agent_ids, [&](std::string const& id) { return may_be(who, id); }));
  if (!within) return forbidden("token " + who.jti + " is one for some agents only, and this one would be for others");
  return {};
}

}  // namespace ar::relay::server
