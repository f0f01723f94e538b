#include "relay/nats/lease.hpp"

#include <array>

namespace ar::relay::nats {
namespace {
constexpr std::array<std::string_view, 4> kStates{"free", "held", "finished", "dead"};
}

Lease settled(Lease lease, WallTime now) {
  if (lease.state == LeaseState::held && lease.until <= now) {
    // The work goes back unfinished, so its former holder has to see it again as well.
    lease.reads.erase(lease.holder);
    lease.holder.clear();
    lease.token_hash.clear();
    lease.state = lease.last ? LeaseState::dead : LeaseState::free;
    lease.dead_at = lease.until;
  }
  if (lease.not_before && *lease.not_before <= now) lease.not_before.reset();
  return lease;
}

json to_json(Lease const& lease) {
  json out = {{"state", kStates.at(static_cast<std::size_t>(lease.state))}, {"deliveries", lease.deliveries}};
  if (!lease.holder.empty()) out["holder"] = lease.holder;
  if (!lease.token_hash.empty()) out["token"] = lease.token_hash;
  if (lease.state == LeaseState::held) out["until"] = to_millis(lease.until);
  if (lease.not_before) out["notBefore"] = to_millis(*lease.not_before);
  if (lease.last) out["last"] = true;
  if (lease.state == LeaseState::dead) out["deadAt"] = to_millis(lease.dead_at);
  if (lease.kept_since) out["keptSince"] = to_millis(*lease.kept_since);
  if (!lease.recipients.empty()) out["recipients"] = lease.recipients;
  for (auto const& [agent, at] : lease.reads) out["reads"][agent] = to_millis(at);
  return out;
}

std::optional<Lease> lease_from(std::string_view text) {
  try {
    auto const in = json::parse(text);
    Lease lease;
    auto const state = std::ranges::find(kStates, in.at("state").get<std::string>());
    if (state == kStates.end()) return std::nullopt;
    lease.state = static_cast<LeaseState>(state - kStates.begin());
    lease.deliveries = in.at("deliveries").get<int>();
    lease.holder = in.value("holder", "");
    lease.token_hash = in.value("token", "");
    lease.until = from_millis(in.value("until", std::int64_t{0}));
    if (in.contains("notBefore")) lease.not_before = from_millis(in.at("notBefore").get<std::int64_t>());
    lease.last = in.value("last", false);
    lease.dead_at = from_millis(in.value("deadAt", std::int64_t{0}));
    if (in.contains("keptSince")) lease.kept_since = from_millis(in.at("keptSince").get<std::int64_t>());
    lease.recipients = in.value("recipients", std::vector<std::string>{});
    if (in.contains("reads"))
      for (auto const& [agent, at] : in.at("reads").items()) lease.reads[agent] = from_millis(at.get<std::int64_t>());
    return lease;
  } catch (json::exception const&) {
    return std::nullopt;
  }
}

}  // namespace ar::relay::nats
