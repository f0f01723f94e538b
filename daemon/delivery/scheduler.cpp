#include "daemon/delivery/scheduler.hpp"

#include <ranges>

namespace ar::daemon {
namespace {

using Kind = BlockReason::Kind;

std::string in_doubt(MessageId id, std::string const& agent) {
  if (id < 0) return "what it was given before is unknown; `agent-runner restart " + agent + "` lets it go on";
  auto const number = std::to_string(id);
  return "message " + number + " is unknown; look at the terminal, then say `agent-runner message taken " + number +
         "` or `message again " + number + "`";
}

std::string const& closed_to(Delivery const& d, Outlook const& now) {
  if (d.is_notice()) return now.closed_to_notices;
  return d.urgent ? now.closed_to_urgent : now.closed;
}

BlockReason block_reason(Delivery const& d, Outlook const& now) {
  if (!now.paused.empty()) return {Kind::paused, now.paused};  // runtime.pausing has told it for all
  if (!d.is_local() && !now.no_bus.empty()) return {Kind::no_bus, now.no_bus, true};
  if (!d.is_local() && !now.knows_store) return {Kind::no_store, "the bus has not been reached yet"};
  if (!now.limit.empty()) return {Kind::limited, now.limit};  // agent.limited has told it for all
  if (!now.is_ready) return {Kind::not_ready, now.not_ready};
  if (!d.is_local() && d.message > now.fetched_to && (!d.urgent || now.fetched_to == 0))
    return {Kind::order, "the messages before it are being fetched"};
  if (now.in_doubt) return {Kind::doubt, in_doubt(*now.in_doubt, now.agent), true};
  if (auto const& closed = closed_to(d, now); !closed.empty())
    return {Kind::closed, closed, !now.turn_runs};  // that a running turn ends first is no news
  if (now.end_unseen && now.closed.empty())
    return {Kind::looking_up, "how the turn before it ended is being looked up"};
  return {};
}

}  // namespace

Decision decide(std::map<MessageId, Delivery> const& open, Outlook const& outlook) {
  Decision decision;
  /// False: it is the next, or those behind it wait as well.
  auto const pass = [&](Delivery const& d) {
    if (d.state != DeliveryState::queued) return true;
    auto why = block_reason(d, outlook);
    if (why.kind != Kind::none) {
      if (d.held != why.text) decision.blocked.emplace_back(d.message, std::move(why));
      return true;
    }
    if (d.retry_at <= outlook.now) {
      decision.next = d.message;
      return false;
    }
    return d.urgent || d.claim_refused;
  };
  auto const first_of_bus = open.upper_bound(0);
  for (auto const& [id, d] : std::ranges::subrange(open.begin(), first_of_bus) | std::views::reverse)
    if (!pass(d)) return decision;
  for (auto const& [id, d] : std::ranges::subrange(first_of_bus, open.end()))
    if (!pass(d)) return decision;
  return decision;
}

std::string why_not_now(Delivery const& d, Outlook const& outlook) {
  if (!outlook.paused.empty()) return outlook.paused;
  if (outlook.at_rest) return outlook.not_ready;
  if (!outlook.limit.empty()) return outlook.limit;
  return outlook.is_ready ? closed_to(d, outlook) : std::string();
}

std::optional<MessageId> to_give_back(std::map<MessageId, Delivery> const& open, Outlook const& outlook) {
  if (!outlook.knows_store) return std::nullopt;
  for (auto const& [id, d] : open)
    if (d.state == DeliveryState::queued && !d.claim_token.empty() && d.retry_at <= outlook.now &&
        !why_not_now(d, outlook).empty())
      return id;
  return std::nullopt;
}

}  // namespace ar::daemon
