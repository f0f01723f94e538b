#include "daemon/leases.hpp"

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;

Leases::Leases(Executor executor, relay::Bus& bus, OnChange on_renewed, OnLost on_lost)
    : bus_(bus), on_renewed_(std::move(on_renewed)), on_lost_(std::move(on_lost)), changed_(std::move(executor)) {}

WallTime Leases::renewal_time(WallTime now, WallTime expires_at) {
  milliseconds const half = std::max<milliseconds>((expires_at - now) / 2, 0ms);
  return now + std::min<milliseconds>(5min, half);
}

void Leases::hold(relay::Claim const& claim) {
  held_[claim.message_id] = {claim.token, renewal_time(wall_now(), claim.expires_at)};
  changed_.notify_all();
}

awaitable<void> Leases::run() {
  for (;;) {
    if (held_.empty()) {
      co_await changed_.wait();
      continue;
    }
    auto const first = std::ranges::min_element(held_, {}, [](auto const& entry) { return entry.second.renew_at; });
    auto const wait = first->second.renew_at - wall_now();
    if (wait > 0ms) {
      co_await changed_.wait(Clock::now() + wait);
      continue;
    }
    auto const id = first->first;
    auto const token = first->second.token;
    auto renewed = co_await bus_.renew(id, token);
    auto const still = held_.find(id);
    if (still == held_.end() || still->second.token != token) continue;  // dropped or claimed anew meanwhile
    if (renewed) {
      still->second = {renewed->token, renewal_time(wall_now(), renewed->expires_at)};
      on_renewed_(id, renewed->token);
    } else if (renewed.error().kind == ErrorKind::unavailable) {
      still->second.renew_at = wall_now() + 5s;  // the bus is away; the lease may still be ours
    } else {
      held_.erase(still);
      on_lost_(id, renewed.error());
    }
  }
}

}  // namespace ar::daemon
