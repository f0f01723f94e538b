#include "relay/nats/lease.hpp"

#include "base/read_json.hpp"

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
  auto const read = [](json const& in) -> std::optional<Lease> {
    Lease lease;
    auto const state = std::ranges::find(kStates, in.at("state").get<std::string>());
    if (state == kStates.end()) return std::nullopt;
    lease.state = static_cast<LeaseState>(state - kStates.begin());
    lease.deliveries = in.at("deliveries").get<int>();
    lease.holder = in.value("holder", "");
    lease.token_hash = in.value("token", "");
    lease.until = time_in(in.value("until", json(0)));
    if (in.contains("notBefore")) lease.not_before = time_in(in.at("notBefore"));
    lease.last = in.value("last", false);
    lease.dead_at = time_in(in.value("deadAt", json(0)));
    if (in.contains("keptSince")) lease.kept_since = time_in(in.at("keptSince"));
    lease.recipients = in.value("recipients", std::vector<std::string>{});
    if (in.contains("reads"))
      for (auto const& [agent, at] : in.at("reads").get_ref<json::object_t const&>()) lease.reads[agent] = time_in(at);
    return lease;
  };
  return maybe_json(text, read).value_or(std::nullopt);
}

}  // namespace ar::relay::nats
