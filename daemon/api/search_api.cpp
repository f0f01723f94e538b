#include "daemon/api/search_api.hpp"

#include "daemon/config/config.hpp"
#include "daemon/search/search_words.hpp"
#include "daemon/store/tables/turn_table.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace ar::daemon {
namespace {

/// So long a search waits for what has just been said. It finds what was there before in any case.
constexpr milliseconds kFresh(1000);

json or_null(std::string const& text) { return text.empty() ? json(nullptr) : json(text); }
json or_null(std::int64_t number) { return number > 0 ? json(number) : json(nullptr); }

bool is_message(SearchTable::Hit const& hit) { return hit.owner == kBusOwner; }
std::string agent_of(SearchTable::Hit const& hit) { return hit.owner.substr(0, hit.owner.find('/')); }

json document(SearchTable::Hit const& hit, std::string const& agent, std::int64_t turn) {
  json shown = {{"kind", is_message(hit) ? "message" : "transcript"},
                {"agent", or_null(agent)},
                {"session", or_null(agent)},
                {"conversation", or_null(hit.conversation)},
                {"turn", or_null(turn)},
                {"time", to_iso8601(hit.at)},
                {"role", or_null(hit.role)},
                {"snippet", hit.snippet}};
  if (is_message(hit)) {
    shown["messageId"] = hit.seq;
    shown["from"] = hit.sender;
    shown["to"] = hit.recipient;
  } else {
    shown["seq"] = hit.seq;
  }
  return shown;
}

}  // namespace

awaitable<Result<json>> SearchApi::search(Principal who, control::SearchRequest request) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  SearchTable::Query query;
  auto expression = match_expression(request.words);
  if (!expression) co_return expression.error();
  query.expression = std::move(*expression);
  if (who.kind == Principal::Kind::agent) {
    if (request.agent && *request.agent != who.agent_id)
      co_return Error{ErrorKind::forbidden, "not_your_agent",
                      "an agent searches what is its own, and this is the token of " + who.agent_id, "agent"};
    request.agent = who.agent_id;
  }
  if (request.agent) {
    auto const agent = supervisor_.get(*request.agent);
    if (!agent) co_return agent.error();
    query.owner = Indexer::owner_of(**agent);
    query.agent = (*agent)->id();
    query.addresses = addresses_of((*agent)->identity());
  }
  // What is to be forgotten may be in the index still.
  auto const oldest = wall_now() - std::chrono::days(services_.config.history_retention_days);
  query.since = std::max(from_millis(request.since), oldest);
  query.before = request.before;
  query.limit = request.limit + 1;
  co_await indexer_.caught_up(Clock::now() + kFresh);
  auto find = [query](Database& db) -> Result<Hits> { return SearchTable(db).find(query); };
  auto hits = co_await index_.read(std::move(find));
  if (!hits) co_return hits.error();
  json answer = {{"results", json::array()}};
  if (std::cmp_greater(hits->size(), request.limit)) {
    hits->pop_back();
    answer["nextCursor"] = std::to_string(hits->back().id);
  }
  // Of agents that are gone.
  std::erase_if(*hits, [&](auto const& hit) {
    auto const agent = is_message(hit) ? nullptr : supervisor_.find(agent_of(hit));
    return !is_message(hit) && (!agent || Indexer::owner_of(*agent) != hit.owner);
  });
  auto documents = co_await shown(*hits, query.agent);
  if (!documents) co_return documents.error();
  for (auto& one : *documents) answer["results"].push_back(std::move(one));
  co_return ok(std::move(answer));
}

/// `only`: the one agent that it is about; empty: all.
awaitable<Result<std::vector<json>>> SearchApi::shown(Hits const& hits, std::string only) {
  auto const turns = co_await turns_of(hits);
  if (!turns) co_return turns.error();
  std::vector<std::int64_t> messages;
  for (auto const& hit : hits)
    if (is_message(hit)) messages.push_back(hit.seq);
  auto const deliveries = co_await deliveries_.find(std::move(messages));
  if (!deliveries) co_return deliveries.error();
  std::vector<json> all;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    auto const& hit = hits[i];
    if (!is_message(hit)) {
      all.push_back(document(hit, agent_of(hit), (*turns)[i]));
      continue;
    }
    auto const taken = deliveries->find(hit.seq);
    auto const none = DeliveryViews::Deliveries();
    auto const& by_agent = taken == deliveries->end() ? none : taken->second;
    auto const whose = only.empty() ? by_agent.begin() : by_agent.find(only);
    auto const sender = supervisor_.find(hit.sender) ? hit.sender : "";
    if (whose != by_agent.end())
      all.push_back(document(hit, whose->first, whose->second.turn));
    else
      all.push_back(document(hit, only.empty() ? sender : only, 0));
  }
  co_return all;
}

/// Of the rows of transcripts, in which turns they were said; 0: in none, or nobody knows.
awaitable<Result<std::vector<std::int64_t>>> SearchApi::turns_of(Hits const& hits) {
  std::map<std::string, std::vector<std::size_t>> by_agent;
  for (std::size_t i = 0; i < hits.size(); ++i)
    if (!is_message(hits[i])) by_agent[agent_of(hits[i])].push_back(i);
  std::map<std::string, std::vector<WallTime>> times;
  for (auto const& [agent, places] : by_agent)
    for (auto const place : places) times[agent].push_back(hits[place].at);
  using Turns = std::map<std::string, std::vector<std::int64_t>>;
  auto query = [times = std::move(times)](Database& db) -> Result<Turns> {
    Turns found;
    for (auto const& [agent, moments] : times) found[agent] = TurnTable(db).at(agent, moments);
    return found;
  };
  auto const found = co_await services_.journal.read(std::move(query));
  if (!found) co_return found.error();
  std::vector<std::int64_t> turns(hits.size(), 0);
  for (auto const& [agent, places] : by_agent)
    for (std::size_t n = 0; n < places.size(); ++n) turns[places[n]] = found->at(agent)[n];
  co_return turns;
}

}  // namespace ar::daemon
